"""`runs`: what ran, what came of it, and what differs between two runs."""

import sys
from enum import StrEnum
from typing import TYPE_CHECKING

import typer

from mlopsctl.cli import run_control
from mlopsctl.cli.finding_runs import found_runs, read_run
from mlopsctl.cli.run_names import ENV, ENVS, RUN, STORE
from mlopsctl.cli.screen import screen_of
from mlopsctl.cli.stores import store_of

if TYPE_CHECKING:
    from mlopsctl.store import RunRecord, Store

_WIDE = 200


class Format(StrEnum):
    """How runs are printed."""

    TEXT = "text"
    JSON = "json"


OUTPUT = typer.Option(Format.TEXT, "--output", "-o", help="How they are printed.")


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    runs = typer.Typer(
        help="List, show and compare runs; end one, or run it again.", no_args_is_help=True, rich_markup_mode=None
    )
    runs.command(name="list")(list_runs)
    runs.command(name="show")(show)
    runs.command(name="compare")(compare)
    run_control.register(app, runs)
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

    kept = store_of(screen_of(context).compile(environment=env), store)
    found = []
    for name in kept.record_ids("runs"):
        record = read_run(kept, name)
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

    runs = found_runs(screen_of(context), [env], store)
    found = runs.named(run)
    is_serving = _serving(runs.stores[found.record.run], found.record) == found.record.run
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
    env: list[str] = ENVS,
    store: str = STORE,
    output: Format = OUTPUT,
) -> None:
    """Show what differs between two runs, of any environments."""
    from mlopsctl.report import records_json, records_text

    runs = found_runs(screen_of(context), env, store)
    one, other = runs.named(before), runs.named(after)
    if output is Format.JSON:
        sys.stdout.write(records_json.render_comparison(one, other))
    else:
        sys.stdout.write(records_text.render_comparison(one, other, width=screen_of(context).out().width))


def _serving(store: "Store", record: "RunRecord") -> str | None:
    from mlopsctl.engine.releases import read_serving

    release = read_serving(store, record.pipeline, record.environment).release
    return release.run if release else None
