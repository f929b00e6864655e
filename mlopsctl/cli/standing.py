"""`status`: what serves, what ran last and what runs now, in each environment that can be reached."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from mlopsctl.cli.planning import reached
from mlopsctl.cli.running import Format
from mlopsctl.cli.screen import Screen, screen_of
from mlopsctl.cli.stores import all_environments, in_cluster, store_of
from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.frozen import frozen

if TYPE_CHECKING:
    from mlopsctl.cluster.site import Site
    from mlopsctl.compilation import Compilation
    from mlopsctl.ir.model import Pipeline
    from mlopsctl.plan.overrides import Override, TurnedBack
    from mlopsctl.report.standing import EnvironmentStanding, LastCheck, RunningNow, Standing
    from mlopsctl.store import Release, RunRecord, Store

_MOST = 200  # runs of an environment that are looked through for the last one of each pipeline
_SECONDS = 3.0  # for a store that doesn't answer


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(status)


def status(
    context: typer.Context,
    pipeline: str = typer.Argument("", help="Only this pipeline.", metavar="PIPELINE"),
    *,
    env: list[str] = typer.Option([], "--env", "-e", help="Only this environment; may be repeated.", metavar="NAME"),
    at: str = typer.Option("", "--at", help="How it was then: a date, or a date and time.", metavar="TIME"),
    output: Format = typer.Option(Format.TEXT, "--output", "-o", help="How it is printed."),
) -> None:
    """Show what serves, what ran last and what runs now."""
    from concurrent.futures import ThreadPoolExecutor

    from mlopsctl.compilation import chosen_pipeline
    from mlopsctl.report.standing import render_json, render_text

    screen = screen_of(context)
    sources = screen.load()
    names = env or all_environments(sources)
    compilations = [screen.compile(environment=name) for name in names]
    chosen = [chosen_pipeline(compilations[0], pipeline).name] if pipeline else list(compilations[0].pipelines)
    if at:
        sys.stdout.write(_past(dict(zip(names, compilations, strict=True)), chosen, at, output))
        return
    with ThreadPoolExecutor() as pool:  # those that can't be reached are waited for at once
        looks = [pool.submit(_look, screen, *each, chosen) for each in zip(names, compilations, strict=True)]
        found = [look.result() for look in looks]
    if output is Format.JSON:
        sys.stdout.write(render_json(found))
        return
    terminal = screen.out()
    sys.stdout.write(render_text(found, width=terminal.width if terminal.interactive else 200))


def _past(compilations: "Mapping[str, Compilation]", pipelines: Sequence[str], at: str, output: Format) -> str:
    """How pipelines stood at a time, which is the reader's own if it has no offset."""
    from datetime import datetime

    from mlopsctl.release.history import Place
    from mlopsctl.release.past import past_at
    from mlopsctl.report import past
    from mlopsctl.store import Patience

    try:
        moment = datetime.fromisoformat(at).astimezone()
    except ValueError as error:
        raise typer.BadParameter(f"`{at}` is no time such as 2026-03-01 or 2026-03-01T14:00+01:00") from error
    patience = Patience(seconds=_SECONDS, retries=0)
    places = [
        Place(environment=name, store=store_of(each, "", patience=patience)) for name, each in compilations.items()
    ]
    found = past_at(places, pipelines, moment)
    return past.render_json(found) if output is Format.JSON else past.render_text(found)


@frozen(kw_only=True)
class _Kept:
    """What a store knows of one pipeline."""

    release: "Release | None" = None
    last: "RunRecord | None" = None
    checks: "tuple[LastCheck, ...]" = ()
    override: "Override | None" = None


@frozen(kw_only=True)
class _There:
    """What a cluster knows of one pipeline. `differs` is how that differs from what the store or git says.

    `pinned` is the run whose release git pins, and since when that has been there.
    """

    running: "tuple[RunningNow, ...]" = ()
    differs: str = ""
    pinned: tuple[str, str] | None = None
    override: "Override | None" = None
    turned_back: "TurnedBack | None" = None


def _look(screen: Screen, name: str, compilation: "Compilation", pipelines: Sequence[str]) -> "EnvironmentStanding":
    """An environment as far as its store and its cluster answer."""
    from mlopsctl.report.standing import EnvironmentStanding
    from mlopsctl.store import StoreError

    unreachable: list[str] = []
    kept: dict[str, _Kept] = {}
    there: dict[str, _There] = {}
    try:
        kept = _from_store(compilation, name, pipelines)
    except StoreError as error:
        unreachable.append(str(error))
    if in_cluster(compilation):
        try:
            there = _from_cluster(screen, compilation, pipelines, kept)
        except DiagnosedError as error:
            unreachable.append(error.diagnostics[0].message)
    known = [each for each in pipelines if each in kept or each in there]
    standings = (_standing(each, kept.get(each, _Kept()), there.get(each, _There())) for each in known)
    return EnvironmentStanding(environment=name, pipelines=tuple(standings), unreachable=tuple(unreachable))


def _standing(pipeline: str, kept: _Kept, there: _There) -> "Standing":
    from mlopsctl.report.standing import LastRun, Serving, Standing

    release, last = kept.release, kept.last
    serving = there.pinned or ((release.run, release.since) if release else None)
    return Standing(
        pipeline=pipeline,
        serving=Serving(run=serving[0], since=serving[1]) if serving else None,
        last=LastRun(run=last.run, started=last.started, ended=last.ended, outcome=last.outcome) if last else None,
        running=there.running,
        differs=there.differs,
        checks=kept.checks,
        override=there.override or kept.override,
        turned_back=there.turned_back,
    )


def _from_store(compilation: "Compilation", environment: str, pipelines: Sequence[str]) -> dict[str, _Kept]:
    """What serves, and the last run of each pipeline in this environment. Raises StoreError."""
    from mlopsctl.engine.releases import read_serving
    from mlopsctl.engine.stops import read_stop
    from mlopsctl.store import Patience, RunRecord

    store = store_of(compilation, "", patience=Patience(seconds=_SECONDS, retries=0))
    last: dict[str, RunRecord] = {}
    for run in store.record_ids("runs")[:_MOST]:
        if len(last) == len(pipelines):
            break
        record = RunRecord.from_json(store.read_record("runs", run) or {})
        if record.environment == environment and record.pipeline in pipelines:
            last.setdefault(record.pipeline, record)
    return {
        each: _Kept(
            release=read_serving(store, each, environment).release,
            last=last.get(each),
            checks=tuple(_checks(store, compilation.pipelines[each])),
            override=read_stop(store, each, environment),
        )
        for each in pipelines
    }


def _checks(store: "Store", pipeline: "Pipeline") -> "Iterator[LastCheck]":
    """The last check of each monitor. Raises StoreError."""
    from mlopsctl.engine.drift_state import MonitorState
    from mlopsctl.ir.model import MonitorStage
    from mlopsctl.report.standing import LastCheck

    for monitor in pipeline.of_kind(MonitorStage):
        check = MonitorState(pipeline.environment, pipeline.name, monitor.name).last(store)
        if check is not None:
            yield LastCheck.of(check)


def _from_cluster(
    screen: Screen, compilation: "Compilation", pipelines: Sequence[str], kept: Mapping[str, _Kept]
) -> dict[str, _There]:
    """What runs now, and whether what serves is what the store says. Raises DiagnosedError."""
    from mlopsctl.cluster.runs import runs_of
    from mlopsctl.cluster.serving_now import overrides_in
    from mlopsctl.report.standing import RunningNow

    site = reached(screen, compilation)
    environment = site.environment
    runs = runs_of(site.objects, environment.namespace, environment=environment.name)
    going = [run for run in runs if not run.is_over]
    found = {}
    for each in pipelines:
        running = tuple(RunningNow(run=run.id, started=run.began.isoformat()) for run in going if run.pipeline == each)
        override, turned = overrides_in(site.objects, environment.namespace, environment.name, each)
        served = _served(site, compilation, each, kept.get(each))
        if turned is not None:
            served = replace(served, pinned=(turned.to, turned.at), differs="")
        found[each] = replace(served, running=running, override=override, turned_back=turned)
    return found


def _served(site: "Site", compilation: "Compilation", pipeline: str, kept: _Kept | None) -> _There:
    """What the cluster serves beside what it should: in a pinned environment by git, else by the store."""
    from mlopsctl.cluster.serving_now import differing, serving_now
    from mlopsctl.compilation import pinned_releases
    from mlopsctl.engine.releases import served_by
    from mlopsctl.ir.draft import service_name
    from mlopsctl.store import digest_json

    environment = site.environment
    there = serving_now(site.objects, environment.namespace, environment.name, pipeline)
    if environment.releases == "pinned":
        release = pinned_releases(compilation.sources, environment).get(pipeline)
        if release is None:
            return _There(differs=differing(there, "", "git"))
        since = there.get(service_name(pipeline, release.digest))
        pinned = (release.run, since) if since else None
        return _There(differs=differing(there, release.digest, "git"), pinned=pinned)
    if kept is None:
        return _There()
    return _There(differs=differing(there, digest_json(served_by(kept.release)) if kept.release else "", "the store"))
