"""`plan`: what an apply would change, and what would run again because of it."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mlopsctl.cli.approving import APPROVALS_HELP, Approval, approvals, checks_of
from mlopsctl.cli.exit_codes import ExitCode, exit_code_of
from mlopsctl.cli.screen import Screen, screen_of
from mlopsctl.cli.stores import store_of
from mlopsctl.cli.uncollected import uncollected
from mlopsctl.diagnostics import DiagnosedError, Finding, Severity, diagnostic, has_errors
from mlopsctl.frozen import frozen

if TYPE_CHECKING:
    from mlopsctl.cluster.site import Site
    from mlopsctl.compilation import Compilation
    from mlopsctl.ir.release import Release
    from mlopsctl.manifest import Key, Manifest
    from mlopsctl.plan.model import Check, Plan, Provenance

ENV_HELP = "The environment; by default the only one that has a cluster."
SEVERAL_HELP = f"{ENV_HELP} May be repeated."
SCHEMAS_HELP = "A folder of schemas that `schema pull` got from your cluster."


class Format(StrEnum):
    """How a plan is printed."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


@frozen(kw_only=True)
class Planned:
    """A plan, and what it was made from and against."""

    plan: "Plan"
    compilation: "Compilation"
    site: "Site"
    manifests: Mapping["Key", "Manifest"]
    approvals: tuple[Approval, ...] = ()


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(plan)


def plan(
    context: typer.Context,
    *,
    env: list[str] = typer.Option([], "--env", "-e", help=SEVERAL_HELP, metavar="NAME"),
    all_envs: bool = typer.Option(False, "--all-envs", help="Plan for every environment that has a cluster."),
    out: str = typer.Option("", "--out", "-o", help="Save the plan, for `apply FILE` to carry out.", metavar="FILE"),
    output: Format = typer.Option(Format.TEXT, "--output", help="How it is printed."),
    detailed: bool = typer.Option(False, "--detailed-exitcode", help="Exit with 2 if there are changes."),
    explain: bool = typer.Option(False, "--explain", help="Show all fields, and which part of a stage's key moved."),
    schemas: list[Path] = typer.Option([], "--schemas", help=SCHEMAS_HELP, metavar="DIR"),
    reviewed: str = typer.Option("", "--approvals", help=APPROVALS_HELP, metavar="FILE"),
) -> None:
    """Show what apply would change, and what would run again."""
    screen = screen_of(context)
    if all_envs or len(env) > 1:
        if out:
            raise typer.BadParameter("a saved plan is for one environment: give one --env with --out")
        from mlopsctl.cli.planning_several import chosen, plan_each, show_all

        found = plan_each(screen, chosen(screen, env, all_envs=all_envs), schemas, reviewed)
        show_all(screen, found, output, explain=explain)
        failed = [said for each in found for said in each.diagnostics]
        has_changes = any(each.plan is not None and not each.plan.is_empty for each in found)
        raise typer.Exit(exit_code_of(failed) or (ExitCode.CHANGES if detailed and has_changes else ExitCode.DONE))
    planned = make(screen, env[0] if env else "", schemas, reviewed)
    if out:
        from mlopsctl.plan.file import write_plan

        state = planned.compilation.sources.root / ".mlops"
        if Path(out).resolve().parent == state.resolve():
            state.mkdir(exist_ok=True)  # the folder is ours to make
        write_plan(planned.plan, Path(out))
        if counted := _counting(planned.compilation, Path(out).resolve()):
            screen.complain([counts_as_code(out, counted)])
    _print(screen, planned.plan, output, explain=explain, saved=out)
    raise typer.Exit(ExitCode.CHANGES if detailed and not planned.plan.is_empty else ExitCode.DONE)


def make(screen: Screen, env: str, schemas: list[Path], reviewed: str = "") -> Planned:
    """The plan for an environment; `reviewed` is a file that says who agreed to its releases.

    Raises DiagnosedError for what stands in its way, here or in the cluster.
    """
    return contacted(screen, *prepared(screen, env, schemas), reviewed)


def prepared(screen: Screen, env: str, schemas: list[Path]) -> "tuple[Compilation, tuple[Manifest, ...]]":
    """What an environment should hold, made without its cluster; warnings are shown. Raises DiagnosedError."""
    with uncollected():
        compilation = screen.compile_for_cluster(env)
        hold_releases(screen, compilation)
        return compilation, rendered(screen, compilation, schemas)


def contacted(screen: Screen, compilation: "Compilation", manifests: "Sequence[Manifest]", reviewed: str) -> Planned:
    """The plan that leads to these objects, with all that is checked before they serve. Raises DiagnosedError."""
    planned = against(screen, compilation, manifests)
    found = approvals(compilation, planned.plan, reviewed)
    checks = (*planned.plan.checks, *checks_of(compilation, found))
    return replace(planned, plan=replace(planned.plan, checks=checks, policies=compilation.verdicts), approvals=found)


def against(screen: Screen, compilation: "Compilation", manifests: "Sequence[Manifest]") -> Planned:
    """The plan that leads from what lives in the environment that was compiled for to these objects and no others."""
    from mlopsctl.cluster.ephemeral import labels_of
    from mlopsctl.cluster.nodes import lacking
    from mlopsctl.cluster.planning import Wish, make_plan

    site = reached(screen, compilation)
    if lacks := list(lacking(site.objects, compilation.pipelines.values())):
        screen.complain(lacks)
    wish = Wish(
        provenance=_provenance(compilation),
        manifests=manifests,
        durations=lambda pipeline: _durations(compilation, pipeline),
        checks=lambda pipeline: _checks(compilation, pipeline),
        labels=labels_of(site.environment, compilation.sources.name),
    )
    return Planned(
        plan=make_plan(site.objects, site.target, site.applyset(), wish),
        compilation=compilation,
        site=site,
        manifests={manifest.key: manifest for manifest in manifests},
    )


def reached(screen: Screen, compilation: "Compilation") -> "Site":
    """The cluster of the environment that was compiled for. Raises as `cluster.site.visit`, and if it names none."""
    from mlopsctl.cluster.site import visit
    from mlopsctl.compilation import cluster_environment

    return visit(cluster_environment(compilation), compilation.sources.name, screen.environ)


def rendered(screen: Screen, compilation: "Compilation", schemas: list[Path]) -> "tuple[Manifest, ...]":
    """The objects of a project in an environment; warnings are shown. Raises DiagnosedError if anything is wrong."""
    from mlopsctl.compiler import render_project

    if not compilation.succeeded:
        raise DiagnosedError(*compilation.diagnostics)
    with screen.templates(compilation.sources) as templates:
        made = render_project(compilation, templates, screen.targets(compilation.sources, schemas))
    found = (*compilation.diagnostics, *made.diagnostics)
    if has_errors(found):
        raise DiagnosedError(*found)
    if found and not screen.quiet:
        screen.complain(found)
    return tuple(made.manifests)


def hold_releases(screen: Screen, compilation: "Compilation", *, only: str = "") -> None:
    """Hold what git pins, or the release of `only` this pipeline, against what the store knows of its runs.

    Warnings are shown. Raises DiagnosedError for a release that is forged, or rejected.
    """
    from mlopsctl.compilation import cluster_environment, pinned_releases

    releases = pinned_releases(compilation.sources, cluster_environment(compilation)) if compilation.succeeded else {}
    releases = {name: release for name, release in releases.items() if only in ("", name)}
    if not releases:
        return
    from mlopsctl.release.forgery import release_faults
    from mlopsctl.store import Patience

    store = store_of(compilation, "", patience=Patience(seconds=5, retries=0))
    found = release_faults(releases.values(), store, lambda written: _is_turned_back(screen, compilation, written))
    if has_errors(found):
        raise DiagnosedError(*found)
    if found and not screen.quiet:
        screen.complain(found)


def _is_turned_back(screen: Screen, compilation: "Compilation", written: "Release") -> bool:
    """Whether the cluster leads requests elsewhere than to this release, as somebody has set it."""
    from mlopsctl.cluster.serving_now import overrides_in

    site = reached(screen, compilation)
    place = site.environment
    _, turned = overrides_in(site.objects, place.namespace, place.name, written.pipeline)
    return turned is not None and turned.left == written.run


def _counting(compilation: "Compilation", file: Path) -> list[str]:
    """The pipelines that would count a file as their code."""
    from mlopsctl.ir.pins import Pins

    pins = Pins(compilation.sources.paths)
    return [
        pipeline.name
        for pipeline in compilation.pipelines.values()
        if file.is_relative_to(pipeline.code.folder) and file in pins.code(pipeline).files.values()
    ]


def _print(screen: Screen, made: "Plan", output: Format, *, explain: bool, saved: str) -> None:
    command = f"mlopsctl apply {saved}" if saved else None
    match output:
        case Format.JSON:
            from mlopsctl.report.planned_json import render_json

            sys.stdout.write(render_json(made))
        case Format.MARKDOWN:
            from mlopsctl.report.planned_markdown import render_markdown

            # Whoever reads a comment has no file that was saved on the machine of the job.
            sys.stdout.write(render_markdown(made, command="" if saved else None))
        case Format.TEXT:
            show(screen, made, explain=explain, command=command)


def show(screen: Screen, made: "Plan", *, explain: bool = False, command: str | None = None) -> None:
    """Print a plan for people; `command` is what would carry it out, if it isn't the usual one."""
    from mlopsctl.report.planned import render_text

    out = screen.out()
    sys.stdout.write(render_text(made, colour=out.colour, width=out.width, explain=explain, command=command))


def _provenance(compilation: "Compilation") -> "Provenance":
    from mlopsctl import __version__
    from mlopsctl.local.git import commit_of
    from mlopsctl.plan.model import Provenance

    commit = commit_of(compilation.sources.root)
    return Provenance(
        project=compilation.sources.name,
        version=__version__,
        commit=commit.digest,
        branch=commit.branch,
        changed_files=commit.changed_files,
        made=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _checks(compilation: "Compilation", pipeline: str) -> "Iterator[Check]":
    from mlopsctl.engine.judging import expectations
    from mlopsctl.ir.model import EvaluateStage
    from mlopsctl.plan.model import Check

    for stage in compilation.pipelines[pipeline].of_kind(EvaluateStage):
        for expected in expectations(stage):
            yield Check(pipeline=pipeline, stage=stage.name, what=expected)


def _durations(compilation: "Compilation", pipeline: str) -> Mapping[str, float]:
    """How long each stage took last time, as the store tells; a plan is as good without."""
    from mlopsctl.engine.results import Results
    from mlopsctl.ir.fan_out import part, written_items
    from mlopsctl.store import Patience, StoreError

    try:
        store = store_of(compilation, "", patience=Patience(seconds=3, retries=0))
        results = Results(store, pipeline, compilation.pipelines[pipeline].environment)
        found: dict[str, float] = {}
        for stage in compilation.pipelines[pipeline].stages.values():
            names = [part(stage, item).name for item in written_items(stage)] or [stage.name]
            known = [record.seconds for record in map(results.latest, names) if record is not None]
            found |= {stage.name: sum(known)} if known else {}
    except StoreError:
        return {}
    return found


@diagnostic("MLO760", Severity.WARNING)
def counts_as_code(file: str, pipelines: list[str]) -> Finding:
    """A plan was saved among the code of a pipeline, so the next plan sees that code as changed.

    Example:
        mlopsctl plan -o plan.json    # beside train.py

    Fix: save it elsewhere, such as under `.mlops/`, or have git ignore it.
    """
    return Finding(
        message=f"`{file}` counts as code of {', '.join(f'`{name}`' for name in pipelines)}, which it changes",
        helps=(f"save it as `.mlops/{Path(file).name}`, or name it in `.gitignore`",),
    )
