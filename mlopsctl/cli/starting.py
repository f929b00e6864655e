"""`init`: a project that runs as it is."""

import os
import re
import sys
from pathlib import Path

import typer

from mlopsctl import __version__
from mlopsctl.cli.screen import Screen, screen_of
from mlopsctl.render.starter import Ci, Starter, name_from


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(init)


def init(
    context: typer.Context,
    folder: str = typer.Argument(".", help="Where to begin; made if need be.", metavar="DIR"),
    *,
    name: str | None = typer.Option(
        None, "--name", help="The project's name; by default made from the folder's.", metavar="NAME"
    ),
    ci: Ci | None = typer.Option(
        None, "--ci", help="Whose CI file to write; by default GitHub's, and none inside a repository of more."
    ),
) -> None:
    """Write a project that runs as it is.

    It has a pipeline with data, training, evaluation and a server, which needs nothing but Python. On a terminal the
    name and the CI file are asked for unless they are given. No file that is there is ever replaced.
    """
    from mlopsctl.render.placing import place
    from mlopsctl.report.initialised import render_text

    screen = screen_of(context)
    target = Path(os.path.realpath(folder))  # which, unlike `resolve`, bears links that go in circles
    files = _chosen(screen, target, name, ci).files()
    place(files, target)
    if not screen.quiet:
        sys.stdout.write(render_text(files, folder))


def _chosen(screen: Screen, target: Path, name: str | None, ci: Ci | None) -> Starter:
    """What is given, else asked for on a terminal, else usual."""
    asks = sys.stdin.isatty() and sys.stdout.isatty() and not screen.quiet
    usual_name, usual_ci = name_from(target.name), _usual_ci(target)
    if name is not None:
        name = _valid_name(name)
    elif asks:
        name = typer.prompt("Name of the project", default=usual_name, value_proc=_valid_name)
    if asks and ci is None:
        ci = typer.prompt(f"CI file ({', '.join(Ci)})", default=usual_ci.value, value_proc=_known_ci)
    return Starter(
        name=name or usual_name,
        ci=ci or usual_ci,
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        version=__version__,
    )


def _usual_ci(target: Path) -> Ci:
    """GitHub's; none in a folder of a larger repository, because CI files are only read at its root."""
    return Ci.NONE if any((above / ".git").exists() for above in target.parents) else Ci.GITHUB


def _valid_name(name: str) -> str:
    """The name, if the language allows it. Raises BadParameter with the schema's own words."""
    from mlopsctl.check.structure import schema

    rule = schema("Project")["$defs"]["dnsLabel"]
    if len(name) > rule["maxLength"] or not re.fullmatch(rule["pattern"], name):
        raise typer.BadParameter(f"{name!r} can't be a name: expected {rule['x-expected']}")
    return name


def _known_ci(answer: str) -> Ci:
    if answer not in tuple(Ci):
        raise typer.BadParameter(f"{answer!r} is none of {', '.join(Ci)}")
    return Ci(answer)
