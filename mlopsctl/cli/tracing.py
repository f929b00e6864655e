"""`lineage`: where what serves came from, and what came of a file."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mlopsctl.cli.run_names import no_such_run
from mlopsctl.cli.screen import Screen, screen_of
from mlopsctl.cli.stores import all_environments, store_of
from mlopsctl.diagnostics import DiagnosedError, Finding, diagnostic
from mlopsctl.frozen import frozen

if TYPE_CHECKING:
    from mlopsctl.compilation import Compilation
    from mlopsctl.release.history import Pinned, Place
    from mlopsctl.release.lineage import Back, Forward, Lineage
    from mlopsctl.store import RunRecord

_SECONDS = 10.0  # for a store that doesn't answer
_FEWEST = 6  # characters of a digest


class Format(StrEnum):
    """How lineage is printed."""

    TEXT = "text"
    JSON = "json"
    MERMAID = "mermaid"


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(lineage)


def lineage(
    context: typer.Context,
    what: str = typer.Argument("", help="A pipeline, or a run by the beginning of its id.", metavar="WHAT"),
    *,
    data: str = typer.Option(
        "", "--data", help="What came of it: a digest or its beginning, or a file.", metavar="DATA"
    ),
    prediction: str = typer.Option("", "--prediction", help="The id of a request that was kept.", metavar="ID"),
    env: list[str] = typer.Option([], "--env", "-e", help="Only this environment; may be repeated.", metavar="NAME"),
    openlineage: str = typer.Option(
        "", "--openlineage", help="Write the runs as OpenLineage events, too.", metavar="FILE|URL"
    ),
    output: Format = typer.Option(Format.TEXT, "--output", "-o", help="How it is printed."),
) -> None:
    """Show where what serves came from, or what came of data."""
    if sum(map(bool, (what, data, prediction))) > 1:
        raise typer.BadParameter("one of WHAT, --data and --prediction at a time")
    from mlopsctl.release.history import read_history
    from mlopsctl.release.lineage import lineage_of

    screen = screen_of(context)
    compilations, places = _places(screen, env)
    pipelines = list(next(iter(compilations.values())).pipelines)
    found = lineage_of(read_history(places, pipelines))
    if prediction:
        what = _run_of_prediction(prediction, compilations, places)
    said = _Said(forward=_forward(found, places, data)) if data else _Said(back=_back(found, what, pipelines))
    if openlineage:
        from mlopsctl.release.openlineage import export

        runs = [each.run for each in said.back] or [seen.run for each in said.forward for seen in each.seen]
        export(runs, openlineage)
    sys.stdout.write(_text(said, found, places, output))


@frozen(kw_only=True)
class _Said:
    forward: "tuple[Forward, ...]" = ()
    back: "tuple[Back, ...]" = ()


def _places(screen: Screen, names: list[str]) -> "tuple[dict[str, Compilation], list[Place]]":
    """The environments of the project that are asked for, each with its store."""
    from mlopsctl.compiler import compile_project
    from mlopsctl.release.history import Place
    from mlopsctl.store import Patience

    sources = screen.load()
    wanted = names or all_environments(sources)
    compilations = {name: compile_project(sources, name) for name in wanted}
    patience = Patience(seconds=_SECONDS, retries=0)
    places = [
        Place(environment=name, store=store_of(each, "", patience=patience), pinned=_pinned(each))
        for name, each in compilations.items()
    ]
    return compilations, places


def _pinned(compilation: "Compilation") -> "dict[str, Pinned] | None":
    from mlopsctl.compilation import pinned_releases
    from mlopsctl.ir.environment import read_environment
    from mlopsctl.release.history import Pinned

    environment = read_environment(compilation.environment) if compilation.environment else None
    if environment is None or environment.releases != "pinned":
        return None
    releases = pinned_releases(compilation.sources, environment)
    return {name: Pinned(run=each.run, model=each.digest) for name, each in releases.items()}


def _forward(found: "Lineage", places: "list[Place]", data: str) -> "tuple[Forward, ...]":
    """What came of a thing, and of each folder that it is in. Raises DiagnosedError if it isn't one that is known."""
    from dataclasses import replace

    from mlopsctl.release.folders import folders_with
    from mlopsctl.release.lineage import digests, forward_from
    from mlopsctl.store import digest_file

    is_file = Path(data).is_file()
    wanted = digest_file(Path(data)) if is_file else f"sha256:{data.removeprefix('sha256:')}"
    is_enough = len(wanted.removeprefix("sha256:")) >= _FEWEST
    known = digests(found, wanted) if is_enough else []
    inside = folders_with(places, found.history, wanted) if is_enough else []
    several = sorted({*known, *(each.file for each in inside)})
    if len(several) > 1 or (not several and not is_file):
        raise DiagnosedError(no_such_data(data, several))
    folders = (forward_from(found, each.folder) for each in inside)
    paths = (each.path for each in inside)
    of_folders = (
        replace(each, names=tuple(f"{name}/{path}" for name in each.names))
        for each, path in zip(folders, paths, strict=True)
    )
    itself = (forward_from(found, wanted if is_file else known[0]),) if known or not inside else ()
    return (*itself, *of_folders)


def _back(found: "Lineage", what: str, pipelines: list[str]) -> "tuple[Back, ...]":
    """The releases that serve of a pipeline, or of all; or the run that is named. Raises DiagnosedError."""
    from mlopsctl.release.lineage import back_from

    runs = {run.run: run for run in found.history.runs}
    if what and what not in pipelines:
        return (back_from(found, _named(what, runs)),)
    now = [each for each in found.history.served if each.is_now and what in ("", each.pipeline)]
    return tuple(back_from(found, runs[run]) for run in dict.fromkeys(each.run for each in now) if run in runs)


def _named(what: str, runs: "dict[str, RunRecord]") -> "RunRecord":
    ids = sorted((run for run in runs if run.startswith(what.upper())), reverse=True)
    if what == "latest":
        ids = sorted(runs, reverse=True)[:1]
    if len(ids) != 1:
        raise DiagnosedError(no_such_run(what, ids))
    return runs[ids[0]]


def _run_of_prediction(prediction: str, compilations: "dict[str, Compilation]", places: "list[Place]") -> str:
    """The run whose model answered a request. Raises DiagnosedError if it isn't kept."""
    from datetime import UTC, datetime

    from mlopsctl.engine.predictions import Watched, find_request
    from mlopsctl.ir.model import DeployStage
    from mlopsctl.store import StoreError

    unreachable = []
    for place in places:
        for pipeline in compilations[place.environment].pipelines.values():
            for stage in pipeline.of_kind(DeployStage):
                watched = Watched(place.environment, pipeline.name, stage.name)
                try:
                    batch = find_request(place.store, watched, prediction, datetime.now(UTC))
                except StoreError as error:
                    unreachable.append(f"{place.environment}: {error.message}")
                    break
                if batch is not None:
                    return batch.run
    raise DiagnosedError(no_such_prediction(prediction, list(dict.fromkeys(unreachable))))


def _text(said: _Said, found: "Lineage", places: "list[Place]", output: Format) -> str:
    from mlopsctl.report import lineage_json, lineage_text

    history = found.history
    if output is Format.JSON:
        return lineage_json.render_json(
            forward=said.forward, back=said.back, stopped=history.stopped, unreachable=history.unreachable
        )
    trees = [lineage_text.forward_tree(each) for each in said.forward]
    for each in said.back:
        heads = [
            lineage_text.endpoint_line(served, history.stopped.get((served.environment, served.pipeline)))
            for served in each.served
            if served.is_now
        ]
        trees.append(lineage_text.back_tree(each, "\n".join(heads), _wrong(each, places)))
    if output is Format.MERMAID:
        return lineage_text.render_mermaid(trees)
    after = [line for each in said.forward for line in lineage_text.ways_out(each)]
    nothing = [] if trees else ["nothing serves"]
    return lineage_text.render_text(trees, [*nothing, *after, *lineage_text.unreached(history.unreachable)])


def _wrong(found: "Back", places: "list[Place]") -> str | None:
    """What is wrong with the provenance of a run's release; None where it has none, or can't be asked."""
    from mlopsctl.release.provenance import verified_provenance
    from mlopsctl.store import StoreError

    release = found.run.release
    if release is None or not release.provenance:
        return None
    for place in places:
        if place.environment == found.run.environment:
            try:
                return verified_provenance(place.store, release).wrong
            except StoreError:
                return None
    return None


@diagnostic("MLO761")
def no_such_data(data: str, several: list[str]) -> Finding:
    """No run of the project knows a thing of this digest, or several begin like that.

    Example:
        mlopsctl lineage --data sha256:91be

    Fix: give the path of the file itself, or more of its digest; `mlopsctl runs show` names the digests of a run.
    What no run read is in no lineage: a file that was only ever part of the code counts as code.
    """
    if several:
        return Finding(
            message=f"`{data}` may be any of {len(several)} digests",
            notes=tuple(several[:5]),
            helps=("give more of it",),
        )
    return Finding(
        message=f"no run knows `{data}`: it is no file here, and no digest that a run read or made",
        helps=(f"a digest needs at least {_FEWEST} of its characters; mlopsctl runs show RUN",),
    )


@diagnostic("MLO762")
def no_such_prediction(prediction: str, unreachable: list[str]) -> Finding:
    """The store keeps no request of this id.

    Only a share of the requests is kept, as `log` of the deploy stage says; those that failed are not.

    Example:
        mlopsctl lineage --prediction 7f3c

    Fix: give the id that the request had (`id` in its body, or the header `X-Request-ID`), and ask within 7 days if it
    wasn't one of ours.
    """
    notes = (*(f"not reached: {each}" for each in unreachable), "ids that we didn't give are looked for in 7 days back")
    return Finding(
        message=f"no prediction `{prediction}` is kept", notes=notes, helps=("see `log` of the deploy stage",)
    )
