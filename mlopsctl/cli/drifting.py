"""`drift`: the check of a monitor, now."""

import sys
from typing import TYPE_CHECKING

import typer

from mlopsctl.cli.exit_codes import ExitCode
from mlopsctl.cli.running import PIPELINE_HELP, STORE_HELP, Format, compiled
from mlopsctl.cli.screen import screen_of
from mlopsctl.cli.stores import in_cluster, store_of
from mlopsctl.diagnostics import DiagnosedError

if TYPE_CHECKING:
    from mlopsctl.ir.model import MonitorStage, Pipeline


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(drift)


def drift(
    context: typer.Context,
    pipeline: str = typer.Argument("", help=PIPELINE_HELP, metavar="PIPELINE"),
    *,
    monitor: str = typer.Option("", "--monitor", help="The monitor, if there are several.", metavar="STAGE"),
    env: str = typer.Option("local", "--env", "-e", help="The environment whose model is watched.", metavar="NAME"),
    store: str = typer.Option("", "--store", envvar="MLOPS_STORE", help=STORE_HELP, metavar="URL"),
    output: Format = typer.Option(Format.TEXT, "--output", "-o", help="How the check is printed."),
) -> None:
    """Check whether requests drift away, and predictions came true."""
    from mlopsctl.local.drift import Request, look
    from mlopsctl.report import drift_json, drift_text
    from mlopsctl.runtime.stop import Stop

    screen = screen_of(context)
    compilation, chosen = compiled(screen, pipeline, env)
    with Stop() as stop, stop.set_by_signals():
        request = Request(
            pipeline=chosen,
            monitor=_monitor(chosen, monitor),
            store=store_of(compilation, store),
            environ=screen.environ,
            stop=stop,
            # Where a cluster has jobs for it, these alone count: a check in between would take their requests away.
            is_kept=not in_cluster(compilation),
            on_line=lambda line: typer.echo(line, err=True),
        )
        checked = look(request)
    found = checked.record
    if output is Format.JSON:
        sys.stdout.write(drift_json.render_json(found, is_kept=request.is_kept))
    else:
        sys.stdout.write(drift_text.render_text(found, colour=screen.out().colour, is_kept=request.is_kept))
    if checked.trouble is not None:
        raise checked.trouble
    raise typer.Exit(ExitCode.FAILED if found.has_found else ExitCode.DONE)


def _monitor(pipeline: "Pipeline", wanted: str) -> "MonitorStage":
    """The monitor that is meant. Raises DiagnosedError if there is none, or several without a name."""
    from mlopsctl.engine.drift_faults import no_monitor
    from mlopsctl.ir.model import MonitorStage

    known = {stage.name: stage for stage in pipeline.of_kind(MonitorStage)}
    if wanted in known:
        return known[wanted]
    if wanted or len(known) != 1:
        raise DiagnosedError(no_monitor(pipeline.name, wanted, tuple(known)))
    return next(iter(known.values()))
