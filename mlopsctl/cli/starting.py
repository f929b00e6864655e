"""`init`: a project that runs as it is."""

import typer


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(init)


def init(folder: str = typer.Argument(".", help="Where to begin; made if need be.", metavar="DIR")) -> None:
    """Write a project that runs as it is."""
    raise NotImplementedError(folder)
