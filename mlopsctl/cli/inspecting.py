"""`runs`: what ran, what came of it, and what differs between two runs."""

import sys
from enum import StrEnum
from typing import TYPE_CHECKING

import typer

from mlopsctl.cli.running import STORE_HELP
from mlopsctl.cli.screen import Screen, screen_of
from mlopsctl.cli.stores import store_of
from mlopsctl.diagnostics import DiagnosedError, Finding, diagnostic

if TYPE_CHECKING:
    from mlopsctl.report.comparison import KeptRun
    from mlopsctl.store import RunRecord, Store

_WIDE = 200

ENV = typer.Option("local", "--env", "-e", help="The environment whose store is read.", metavar="NAME")
STORE = typer.Option("", "--store", envvar="MLOPS_STORE", help=STORE_HELP, metavar="URL")
RUN = typer.Argument(..., help="A run, by the beginning of its id; `latest` is the newest.", metavar="RUN")


class Format(StrEnum):
    """How runs are printed."""

    TEXT = "text"
    JSON = "json"


OUTPUT = typer.Option(Format.TEXT, "--output", "-o", help="How they are printed.")


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    runs = typer.Typer(help="List, show and compare runs.", no_args_is_help=True, rich_markup_mode=None)
    runs.command(name="list")(list_runs)
    runs.command(name="show")(show)
    runs.command(name="compare")(compare)
    app.add_typer(runs, name="runs")


def list_runs(
    context: typer.Context,
    pipeline: str = typer.Argument("", help="Only the runs of this pipeline.", metavar="PIPELINE"),
    *,
    limit: int = typer.Option(20, "--limit", "-n", min=1, help="The newest so many."),
    env: str = ENV,
    store: str = STORE,
    output: Format = OUTPUT,
) -> None:
    """List runs, the newest first."""
    from mlopsctl.report import records_json, records_text

    kept = _store(screen_of(context), env, store)
    found = []
    for name in kept.record_ids("runs"):
        record = _record(kept, name)
        if not pipeline or record.pipeline == pipeline:
            found.append(record)
        if len(found) == limit:
            break
    serving = {run for record in found if (run := _serving(kept, record))}
    if output is Format.JSON:
        sys.stdout.write(records_json.render_list(found, serving=serving))
    else:
        terminal = screen_of(context).out()
        width = terminal.width if terminal.interactive else _WIDE  # who reads a pipe can cut by itself
        sys.stdout.write(records_text.render_list(found, serving=serving, width=width))


def show(
    context: typer.Context, run: str = RUN, *, env: str = ENV, store: str = STORE, output: Format = OUTPUT
) -> None:
    """Show everything about one run."""
    from mlopsctl.report import records_json, records_text

    kept = _store(screen_of(context), env, store)
    found = _kept(kept, run)
    is_serving = _serving(kept, found.record) == found.record.run
    if output is Format.JSON:
        sys.stdout.write(records_json.render_run(found, is_serving=is_serving))
    else:
        terminal = screen_of(context).out()
        sys.stdout.write(
            records_text.render_run(found, is_serving=is_serving, colour=terminal.colour, width=terminal.width)
        )


def compare(
    context: typer.Context,
    before: str = RUN,
    after: str = RUN,
    *,
    env: str = ENV,
    store: str = STORE,
    output: Format = OUTPUT,
) -> None:
    """Show what differs between two runs; what is the same is left out."""
    from mlopsctl.report import records_json, records_text

    kept = _store(screen_of(context), env, store)
    one, other = _kept(kept, before), _kept(kept, after)
    if output is Format.JSON:
        sys.stdout.write(records_json.render_comparison(one, other))
    else:
        sys.stdout.write(records_text.render_comparison(one, other, width=screen_of(context).out().width))


def _store(screen: Screen, env: str, asked: str) -> "Store":
    return store_of(screen.compile(environment=env), asked)


def _kept(store: "Store", run: str) -> "KeptRun":
    """A run and the results of its stages, as far as they are kept. Raises DiagnosedError if there is no such run."""
    from mlopsctl.local.results import RECORDS, record_name
    from mlopsctl.report.comparison import KeptRun
    from mlopsctl.store import StageRecord

    ids = store.record_ids("runs", prefix="" if run == "latest" else run.upper())
    if run == "latest":
        ids = ids[:1]
    if len(ids) != 1:
        raise DiagnosedError(no_such_run(run, ids))
    record = _record(store, ids[0])
    results = {}
    for name, stage in record.stages.items():
        document = stage.key and store.read_record(RECORDS, record_name(stage.key, stage.cached_from or record.run))
        if document:
            results[name] = StageRecord.from_json(document)
    return KeptRun(record, results)


def _record(store: "Store", run: str) -> "RunRecord":
    from mlopsctl.store import RunRecord

    return RunRecord.from_json(store.read_record("runs", run) or {})


def _serving(store: "Store", record: "RunRecord") -> str | None:
    from mlopsctl.local.releases import read_serving

    release = read_serving(store, record.pipeline, record.environment).release
    return release.run if release else None


@diagnostic("MLO018")
def no_such_run(run: str, several: list[str]) -> Finding:
    """The command names a run that is not there, or one of several.

    Example:
        mlopsctl runs show 01JD

    Fix: give more of its id; `mlopsctl runs list` shows them.
    """
    most = 3
    if several:
        shown = ", ".join(several[:most])
        return Finding(message=f"`{run}` may be any of {len(several)} runs", notes=(shown,), helps=("give more of it",))
    return Finding(message=f"there is no run `{run}`", helps=("mlopsctl runs list",))
