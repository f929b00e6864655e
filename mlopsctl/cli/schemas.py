"""`schema`: the schemas of the language, and those of other kinds from a cluster."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from mlopsctl.cli.screen import PULLED, Screen, screen_of
from mlopsctl.diagnostics import DiagnosedError

if TYPE_CHECKING:
    from mlopsctl.cluster.connect import Place
    from mlopsctl.source.header import Source

_KINDS = {
    "document": "them all in one, the default",
    "environment": "environments/*.yaml",
    "pipeline": "pipeline.yaml",
    "policy": "policies/*.yaml",
    "patch": "patches/*.yaml",
    "project": "mlops.yaml",
    "release": "releases/**/*.yaml",
}


class _Kinds(TyperGroup):
    """Knows kinds in capitals, too, and says which there are."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        """What the first word names."""
        if args and not args[0].startswith("-"):
            if args[0].lower() not in self.commands:
                said = f"there is no schema of `{args[0]}`; there are {', '.join(sorted(_KINDS))}"
                raise typer.BadParameter(said, ctx=ctx)
            args = [args[0].lower(), *args[1:]]
        return super().resolve_command(ctx, args)


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    group = typer.Typer(
        cls=_Kinds,
        help="Print a JSON Schema for editors, or pull a cluster's.",
        invoke_without_command=True,
        rich_markup_mode=None,
        subcommand_metavar="[KIND | pull]",
    )
    group.callback()(document)
    for kind, what in _KINDS.items():
        group.command(name=kind, help=f"Print the schema of {what}.")(_printing(kind))
    group.command()(pull)
    app.add_typer(group, name="schema")


def document(context: typer.Context) -> None:
    """Print a JSON Schema for editors, or pull a cluster's."""
    if context.invoked_subcommand is None:
        _print("document")


def pull(
    context: typer.Context,
    kinds: list[str] = typer.Argument(..., help="Such as TrainJob.trainer.kubeflow.org.", metavar="KIND.GROUP"),
    *,
    env: str = typer.Option("", "--env", "-e", help="The environment whose cluster is asked.", metavar="NAME"),
    cluster: str = typer.Option("", "--context", help="The context of the kubeconfig that is asked.", metavar="NAME"),
    to: str = typer.Option("", "--to", help=f"The folder; by default `{PULLED}` in the project.", metavar="DIR"),
) -> None:
    """Keep a cluster's schemas to check objects against."""
    from mlopsctl.cluster.connect import connect
    from mlopsctl.cluster.custom_resources import definition
    from mlopsctl.render.stripping import of_definition
    from mlopsctl.store.beside import make_folder, written_beside

    if bool(env) == bool(cluster):
        raise typer.BadParameter("give --env or --context: one of them says which cluster")
    screen = screen_of(context)
    place, root = _asked(screen, env, cluster)
    connection = connect(place, screen.environ)
    # All are here before the first is written.
    found = [schema for kind in kinds for schema in of_definition(definition(connection, kind), release="")]
    folder = Path(to) if to else root / PULLED
    for schema in found:
        path = folder / schema.path
        make_folder(path.parent)
        with written_beside(path) as stream:
            stream.write(schema.to_text().encode())
        typer.echo(f"{schema.kind} {schema.api_version}: {_near(path)}")


def _printing(kind: str) -> Callable[[], None]:
    return lambda: _print(kind)


def _print(kind: str) -> None:
    from mlopsctl.check.structure import SCHEMAS

    sys.stdout.write((SCHEMAS / f"{kind}.json").read_text(encoding="utf-8"))


def _asked(screen: Screen, env: str, context: str) -> tuple["Place", Path]:
    """The cluster that is asked, and the folder of the project, or else this one."""
    from mlopsctl.cluster.connect import Place

    if env:
        compilation = screen.compile(environment=env)
        return _cluster_of(compilation.environment, env), compilation.sources.root
    try:
        root = screen.load().root
    except DiagnosedError as error:
        if error.diagnostics[0].code != "MLO003":
            raise
        root = Path.cwd()
    return Place(context=context), root


def _cluster_of(source: "Source | None", name: str) -> "Place":
    from mlopsctl.cluster.site import place_of
    from mlopsctl.ir.environment import read_environment

    environment = read_environment(source) if source else None
    if environment is None:
        raise typer.BadParameter(f"the environment `{name}` has no cluster to ask; --context names one")
    return place_of(environment)


def _near(path: Path) -> Path:
    """The path as one would type it here."""
    here = Path.cwd()
    return path.resolve().relative_to(here) if path.resolve().is_relative_to(here) else path
