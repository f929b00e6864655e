"""`ci`: the files by which a forge plans, applies and verifies, and the comment of its jobs."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mlopsctl.cli.screen import Screen, screen_of
from mlopsctl.diagnostics import DiagnosedError

if TYPE_CHECKING:
    from mlopsctl.compilation import Compilation
    from mlopsctl.ir.environment import Environment
    from mlopsctl.render.ci import Forge, Preview, Project, Target
    from mlopsctl.source.project import Sources

CHECK_HELP = "Write nothing; fail if the files are not what the project needs."
FORCE_HELP = "Replace files even if they were changed by hand."
OUT_HELP = "The folder to write to; by default the root of the repository."
_HOUR = 3600  # seconds
BRANCH_HELP = "The branch whose merges are applied."


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    ci = typer.Typer(help="Write the jobs of a forge, which plan, apply and verify.", no_args_is_help=True)
    for command in (github, gitlab, comment, approvals):
        ci.command()(command)
    app.add_typer(ci, name="ci")


def github(
    context: typer.Context,
    out: str = typer.Option("", "--output", "-o", help=OUT_HELP, metavar="DIR"),
    *,
    branch: str = typer.Option("main", "--branch", help=BRANCH_HELP, metavar="NAME"),
    check: bool = typer.Option(False, "--check", help=CHECK_HELP),
    force: bool = typer.Option(False, "--force", help=FORCE_HELP),
) -> None:
    """Write workflows for GitHub Actions."""
    from mlopsctl.render.ci import Forge

    if not re.fullmatch(r"\w[\w./-]*", branch):
        raise typer.BadParameter(f"{branch!r} is no name of a branch")
    _write(screen_of(context), Forge.GITHUB, out, branch, check=check, force=force)


def gitlab(
    context: typer.Context,
    out: str = typer.Option("", "--output", "-o", help=OUT_HELP, metavar="DIR"),
    *,
    check: bool = typer.Option(False, "--check", help=CHECK_HELP),
    force: bool = typer.Option(False, "--force", help=FORCE_HELP),
) -> None:
    """Write jobs for GitLab CI."""
    from mlopsctl.render.ci import Forge

    _write(screen_of(context), Forge.GITLAB, out, "", check=check, force=force)


def comment(
    context: typer.Context,
    file: str = typer.Argument(..., help="What `plan --output markdown` printed.", metavar="FILE"),
) -> None:
    """Put a plan on the request that this job is for.

    It takes the place of the comment with the older plan of the same environment.
    """
    from mlopsctl.release.forge import comment as put
    from mlopsctl.release.forge import conversation

    screen = screen_of(context)
    how = put(conversation(screen.environ), Path(file).read_text(encoding="utf-8"))
    if not screen.quiet:
        typer.echo(f"comment {how}")


def approvals(context: typer.Context) -> None:
    """Print who agreed to the releases, as the forge says.

    It is what `plan` and `apply` take with --approvals.
    """
    import json

    from mlopsctl.compilation import pinned_releases
    from mlopsctl.ir.environment import read_environment
    from mlopsctl.local.git import commit_of
    from mlopsctl.release.approvals import brought_by
    from mlopsctl.release.forge import forge_here
    from mlopsctl.release.reviewing import review_of

    screen = screen_of(context)
    forge, sources = forge_here(screen.environ), screen.load()
    environments = [found for source in sources.environments if (found := read_environment(source))]
    releases = [
        each for found in environments if needs_approvals(found) for each in pinned_releases(sources, found).values()
    ]
    commits = {brought_by(sources.root / each.origin.name.file) for each in releases} - {""}
    head = commit_of(sources.root).digest
    reviews = (review_of(forge, each, is_open=bool(forge.request) and each == head) for each in sorted(commits))
    said = [{"commit": each.commit, "approved": list(each.approved)} for each in reviews]
    typer.echo(json.dumps(said, indent=2))


def needs_approvals(environment: "Environment") -> bool:
    """Whether a release serves there only once somebody has agreed to it."""
    return environment.releases == "pinned" and environment.origin.integer("approvals", "required", default=0) > 0


def _write(screen: Screen, forge: "Forge", out: str, branch: str, *, check: bool, force: bool) -> None:
    from mlopsctl.render.ci import ci_files, owned
    from mlopsctl.render.ci_placing import bring, out_of_date, standing
    from mlopsctl.report.ci_text import render_text

    sources = screen.load()
    root = _repository(sources.root)
    project = _project(sources, root, branch)
    files, folder = ci_files(project, forge), Path(out) if out else root
    found = standing(files, folder, owned(project, forge))
    if check:
        if not found.is_current:
            raise DiagnosedError(out_of_date(found))
        return
    bring(files, folder, found, is_forced=force)
    if not screen.quiet:
        sys.stdout.write(render_text(found, project, forge))


def _repository(root: Path) -> Path:
    """The root of the repository, whose CI files alone a forge reads; the project's own without one."""
    return next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)


def _project(sources: "Sources", root: Path, branch: str) -> "Project":
    from mlopsctl import __version__
    from mlopsctl.render.ci import Project

    return Project(
        name=sources.name,
        folder="" if root == sources.root else os.path.relpath(sources.root, root),
        branch=branch,
        version=__version__,
        has_policies=bool(sources.policies),
        targets=tuple(sorted(_targets(sources), key=lambda target: (target.promotes_from, target.name))),
        previews=tuple(_previews(sources)),
    )


def _targets(sources: "Sources") -> "Iterator[Target]":
    """Each environment with a cluster. Raises DiagnosedError if the project has faults there."""
    from mlopsctl.compilation import cluster_environment
    from mlopsctl.ir.environment import read_environment
    from mlopsctl.ir.model import DeployStage
    from mlopsctl.render.ci import Target

    for source in sources.environments:
        if read_environment(source) is None:
            continue
        compilation = _sound(sources, source.name)
        environment, pipelines = cluster_environment(compilation), compilation.pipelines.values()
        required = environment.origin.integer("approvals", "required", default=0)
        yield Target(
            name=source.name,
            file=source.path.relative_to(sources.root).as_posix(),
            promotes_from=environment.origin.text("promotesFrom") or "",
            store=environment.store,
            deployed=tuple(pipeline.name for pipeline in pipelines if any(pipeline.of_kind(DeployStage))),
            runs=() if environment.releases == "pinned" else tuple(pipeline.name for pipeline in pipelines),
            is_manual=environment.is_protected or required > 0,
            needs_approvals=needs_approvals(environment),
        )


def _previews(sources: "Sources") -> "Iterator[Preview]":
    """What makes environments for pull requests. Raises DiagnosedError as the above."""
    from mlopsctl.compilation import cluster_environment
    from mlopsctl.ir.model import DeployStage
    from mlopsctl.render.ci import Preview

    for source in sources.ephemeral:
        compilation = _sound(sources, f"{source.name}-0")
        environment, pipelines = cluster_environment(compilation), compilation.pipelines.values()
        assert environment.ephemeral is not None, "it is of a family"
        yield Preview(
            name=source.name,
            file=source.path.relative_to(sources.root).as_posix(),
            store=environment.store,
            hours=max(round(environment.ephemeral.ttl / _HOUR), 1),
            deployed=tuple(pipeline.name for pipeline in pipelines if any(pipeline.of_kind(DeployStage))),
            runs=tuple(pipeline.name for pipeline in pipelines),
        )


def _sound(sources: "Sources", environment: str) -> "Compilation":
    from mlopsctl.compiler import compile_project
    from mlopsctl.diagnostics import has_errors

    compilation = compile_project(sources, environment)
    if has_errors(compilation.diagnostics):
        raise DiagnosedError(*compilation.diagnostics)
    return compilation
