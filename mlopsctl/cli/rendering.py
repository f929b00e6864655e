"""`render`: the objects of a project in an environment, as YAML."""

import sys
from pathlib import Path

import typer

from mlopsctl.cli.exit_codes import exit_code_of
from mlopsctl.cli.screen import screen_of
from mlopsctl.diagnostics import has_errors


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(render)


def render(
    context: typer.Context,
    env: str = typer.Option(
        "", "--env", "-e", help="The environment; by default the only one that has a cluster.", metavar="NAME"
    ),
    output: str = typer.Option(
        "", "--output", "-o", help="A folder for one file an object, instead of one text.", metavar="DIR"
    ),
    schemas: list[Path] = typer.Option(
        [], "--schemas", help="A folder of schemas that `schema pull` got from your cluster.", metavar="DIR"
    ),
) -> None:
    """Write the objects of an environment as YAML. Needs no cluster.

    They are for Argo Workflows, KServe and the Gateway API, and what kubectl, Argo CD or Flux applies.
    """
    from mlopsctl.cli.renderings import Asked, rendering
    from mlopsctl.local.git import commit_of
    from mlopsctl.render.files import finished, stream_of, write_files
    from mlopsctl.source.project import find_root

    screen = screen_of(context)
    entry = find_root(Path.cwd())
    commit = commit_of(entry.parent).digest
    made = rendering(screen, entry, Asked(environment=env, schemas=tuple(schemas), is_committed=bool(commit)))
    if made.diagnostics:
        screen.complain(made.diagnostics)
    if has_errors(made.diagnostics):
        raise typer.Exit(exit_code_of(made.diagnostics))
    texts = finished(made.pieces, made.mark, commit)
    if not output:
        sys.stdout.writelines(stream_of(text for _, text in texts))
        return
    written = write_files(dict(texts), Path(output))
    if not screen.quiet:
        gone = f", {written.removed} removed" if written.removed else ""
        typer.echo(f"{len(made.pieces)} objects in {output}{gone}")
