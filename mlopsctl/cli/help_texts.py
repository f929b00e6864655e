"""`help TOPIC`: what is worth knowing beside the options of a command."""

import typer

from mlopsctl.cli.exit_codes import MEANINGS


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(name="help")(show_help)


def show_help(
    context: typer.Context, topic: str = typer.Argument("", help="exit-codes; without a topic, the list of commands.")
) -> None:
    """Explain a topic."""
    if topic == "exit-codes":
        for code, meaning in MEANINGS.items():
            typer.echo(f"{int(code):>4}  {meaning}")
    elif topic:
        raise typer.BadParameter(f"there is no topic `{topic}`; there is exit-codes")
    else:
        assert context.parent is not None
        typer.echo(context.parent.get_help())
