"""How a command line names a run, and where it is looked for."""

import typer

from mlopsctl.cli.running import STORE_HELP
from mlopsctl.diagnostics import Finding, diagnostic

ENV = typer.Option("local", "--env", "-e", help="The environment whose store is read.", metavar="NAME")
ENVS = typer.Option([], "--env", "-e", help="Only this environment's store; may be repeated.", metavar="NAME")
STORE = typer.Option("", "--store", envvar="MLOPS_STORE", help=STORE_HELP, metavar="URL")
RUN = typer.Argument(..., help="A run, by the beginning of its id; `latest` is the newest.", metavar="RUN")


@diagnostic("MLO018")
def no_such_run(run: str, several: list[str], looked: tuple[str, ...] = ()) -> Finding:
    """The command names a run that is not there, or one of several.

    Example:
        mlopsctl runs show 01JD

    Fix: give more of its id; `mlopsctl runs list` shows them, with `--env` those of another environment's store.
    """
    most = 3
    if several:
        shown = ", ".join(several[:most])
        return Finding(message=f"`{run}` may be any of {len(several)} runs", notes=(shown,), helps=("give more of it",))
    return Finding(message=f"there is no run `{run}`", notes=looked, helps=("mlopsctl runs list",))
