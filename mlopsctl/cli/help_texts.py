"""`help TOPIC`: what is worth knowing beside the options of a command."""

import typer

from mlopsctl.cli.exit_codes import MEANINGS

_COMPLETION = """\
For the shell you are in, from its next start on:

  mlopsctl --install-completion

To put the script somewhere yourself, ask for bash, zsh or fish by name:

  _MLOPSCTL_COMPLETE=source_zsh mlopsctl > _mlopsctl"""


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(name="help")(show_help)


def show_help(
    context: typer.Context,
    topic: str = typer.Argument(
        "", help="exit-codes or completion; without a topic, the list of commands.", metavar="TOPIC"
    ),
) -> None:
    """Explain a topic: exit-codes, completion."""
    match topic:
        case "exit-codes":
            for code, meaning in MEANINGS.items():
                typer.echo(f"{int(code):>4}  {meaning}")
        case "completion":
            typer.echo(_COMPLETION)
        case "":
            assert context.parent is not None
            typer.echo(context.parent.get_help())
        case _:
            raise typer.BadParameter(f"there is no topic `{topic}`; there are exit-codes and completion")
