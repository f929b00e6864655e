"""`run` and `serve`: the pipeline on this machine."""

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING

import typer

from mlopsctl.cli.exit_codes import exit_code_of_run
from mlopsctl.cli.screen import Screen, screen_of
from mlopsctl.cli.stores import in_cluster, store_of
from mlopsctl.diagnostics import DiagnosedError

if TYPE_CHECKING:
    from mlopsctl.compilation import Compilation
    from mlopsctl.ir.model import Pipeline
    from mlopsctl.local.serve import Place
    from mlopsctl.plan.overrides import Override
    from mlopsctl.report.run_text import RunReporter
    from mlopsctl.runtime.stop import Stop
    from mlopsctl.store import Release

PIPELINE_HELP = "The pipeline's name, if there are several; or its file."
STORE_HELP = "Where results are kept; by default the environment's store, or .mlops/store of the project."


class Format(StrEnum):
    """How a run is told."""

    TEXT = "text"
    JSON = "json"


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(run)
    app.command()(serve)


def run(
    context: typer.Context,
    pipeline: str = typer.Argument("", help=PIPELINE_HELP, metavar="PIPELINE"),
    *,
    env: str = typer.Option("local", "--env", "-e", help="The environment to run in.", metavar="NAME"),
    params: list[str] = typer.Option([], "--param", "-p", help="Set a parameter.", metavar="NAME=VALUE"),
    begin: str = typer.Option("", "--from", help="Run this stage and what follows even if cached.", metavar="STAGE"),
    only: str = typer.Option("", "--only", help="Run this stage alone; what it needs is cached.", metavar="STAGE"),
    force: bool = typer.Option(False, "--force", help="Run everything, whatever is cached."),
    jobs: int = typer.Option(
        0,
        "--jobs",
        "-j",
        min=0,
        help="How many stages at once; by default one for each core.",
        show_default=False,
        metavar="N",
    ),
    store: str = typer.Option("", "--store", envvar="MLOPS_STORE", help=STORE_HELP, metavar="URL"),
    detach: bool = typer.Option(False, "--detach", help="Don't wait for its end; only of a run in a cluster."),
    verbose: bool = typer.Option(False, "--verbose", "-v", help="Show what the commands print."),
    output: Format = typer.Option(Format.TEXT, "--output", "-o", help="text, or one JSON event a line."),
) -> None:
    """Run a pipeline here or in a cluster, less what is cached."""
    from mlopsctl.local.run import Request
    from mlopsctl.local.run import run as run_pipeline
    from mlopsctl.runtime.stop import Stop

    screen = screen_of(context)
    compilation, chosen = compiled(screen, pipeline, env)
    reporter = reporter_of(screen, as_json=output is Format.JSON, verbose=verbose)
    if in_cluster(compilation):
        from mlopsctl.cli.submitting import Asked, submit

        _refuse_in_cluster(env, jobs=jobs, store=store)
        asked = Asked(params=_pairs(params), begin=begin or None, only=only or None, force=force, detach=detach)
        raise typer.Exit(submit(screen, compilation, chosen, asked, reporter))
    if detach:
        raise typer.BadParameter("--detach is for runs in a cluster: a run on this machine needs this command")
    request = Request(
        root=compilation.sources.root,
        project=compilation.sources.name,
        documents=compilation.sources.paths,
        pipeline=chosen,
        params=_pairs(params),
        begin=begin or None,
        only=only or None,
        force=force,
        jobs=jobs or os.cpu_count() or 1,
    )
    kept = store_of(compilation, store)
    with Stop() as stop, stop.set_by_signals():
        try:
            finished = run_pipeline(request, kept, reporter.handle, stop, screen.environ)
        finally:
            reporter.close()
    if finished.diagnostics:
        screen.complain(finished.diagnostics)
    raise typer.Exit(exit_code_of_run(finished.outcome.value))


def serve(
    context: typer.Context,
    pipeline: str = typer.Argument("", help=PIPELINE_HELP, metavar="PIPELINE"),
    *,
    env: str = typer.Option("local", "--env", "-e", help="The environment whose release is served.", metavar="NAME"),
    port: int = typer.Option(
        0,
        "--port",
        min=0,
        max=65535,
        help="The port to listen on; by default a free one.",
        show_default=False,
        metavar="PORT",
    ),
    store: str = typer.Option("", "--store", envvar="MLOPS_STORE", help=STORE_HELP, metavar="URL"),
    output: Format = typer.Option(Format.TEXT, "--output", "-o", help="How the address is printed."),
) -> None:
    """Answer predictions with the release that serves, until stopped."""
    from mlopsctl.engine import faults
    from mlopsctl.engine.endpoint import NotReady
    from mlopsctl.engine.stops import read_stop
    from mlopsctl.local.serve import Place
    from mlopsctl.local.stopped import turn
    from mlopsctl.report.served import render_json, render_stopped_json, render_stopped_text, render_text
    from mlopsctl.runtime.stop import Stop

    screen = screen_of(context)
    compilation, chosen = compiled(screen, pipeline, env)
    kept = store_of(compilation, store)
    is_json = output is Format.JSON
    render, render_stopped = (render_json, render_stopped_json) if is_json else (render_text, render_stopped_text)
    with Stop() as stop, stop.set_by_signals():
        place = Place(
            store=kept,
            root=compilation.sources.root,
            environ=screen.environ,
            port=port or None,
            stop=stop,
            on_line=lambda line: typer.echo(line, err=True),
        )
        try:
            while not stop.is_set():
                override = read_stop(kept, chosen.name, chosen.environment)
                with turn(kept, chosen, stop, is_stopped=override is not None) as turned:
                    if override is None:
                        url = _serve(chosen, place, turned, tell=render)
                    else:
                        url = _stand_in(compilation, chosen, replace(place, stop=turned), override, render_stopped)
                place = replace(place, port=int(url.rpartition(":")[2]))  # callers know it by now
        except NotReady as error:
            raise DiagnosedError(
                faults.not_ready(None, chosen.name, error.message, error.log_tail, error.hint)
            ) from error


def _serve(
    pipeline: "Pipeline", place: "Place", turned: "Stop", tell: "Callable[[Release, str, str, str], str]"
) -> str:
    """Let the release answer until something has `turned`; the address. Raises as `serving`."""
    from mlopsctl.engine import faults
    from mlopsctl.engine.endpoint import NotReady
    from mlopsctl.local.serve import serving

    with serving(pipeline, place) as answering:
        sys.stdout.write(tell(answering.release, answering.url, answering.predict_url, answering.metrics_url))
        sys.stdout.flush()
        try:
            answering.endpoint.wait_ended(turned)
        except NotReady as error:
            found = faults.not_ready(None, pipeline.name, error.message, error.log_tail, error.hint)
            raise DiagnosedError(found) from error
        return answering.url


def _stand_in(
    compilation: "Compilation",
    pipeline: "Pipeline",
    place: "Place",
    override: "Override",
    tell: "Callable[..., str]",
) -> str:
    """Answer in place of a model that is stopped, until something has turned; the address. Raises as `refusing`.

    That is what the pipeline's fallback does; without one, and if it doesn't, each request is refused.
    """
    from mlopsctl.engine.endpoint import NotReady
    from mlopsctl.ir.model import DeployStage
    from mlopsctl.ir.pins import Pins
    from mlopsctl.local.serve import standing_in
    from mlopsctl.local.stopped import refusing

    def told(url: str, *, by_fallback: bool) -> None:
        sys.stdout.write(tell(override, url, by_fallback=by_fallback))
        sys.stdout.flush()

    for stage in pipeline.of_kind(DeployStage):
        if stage.fallback is None:
            continue
        try:
            with standing_in(stage, pipeline, Pins(compilation.sources.paths).code(pipeline), place) as answering:
                told(answering.url, by_fallback=True)
                answering.wait_ended(place.stop)
                return answering.url
        except (NotReady, DiagnosedError) as error:
            if place.stop.is_set() and isinstance(error, NotReady):
                return f":{place.port or 0}"
            why = error.message if isinstance(error, NotReady) else error.diagnostics[0].message
            place.on_line(f"The fallback doesn't answer: {why}")
    with refusing(override, place.port or 0) as url:
        told(url, by_fallback=False)
        place.stop.wait()
    return url


def compiled(screen: Screen, pipeline: str, env: str) -> "tuple[Compilation, Pipeline]":
    """The pipeline that is meant, by its name or its file. Ends the command if the project has errors."""
    from mlopsctl.compilation import chosen_pipeline

    is_file = pipeline.endswith((".yaml", ".yml"))
    compilation = screen.compile(pipeline if is_file else "", env)
    if not compilation.succeeded:
        raise DiagnosedError(*compilation.diagnostics)
    return compilation, chosen_pipeline(compilation, None if is_file else pipeline or None)


def _pairs(params: list[str]) -> dict[str, str]:
    for param in params:
        if not param.partition("=")[0] or "=" not in param:
            raise typer.BadParameter(f"`{param}` is not of the form NAME=VALUE")
    return {name: value for name, _, value in (param.partition("=") for param in params)}


def reporter_of(screen: Screen, *, as_json: bool, verbose: bool) -> "RunReporter":
    """What shows a run on standard output; the caller closes it."""
    if as_json:
        from mlopsctl.report.ndjson import NdjsonReporter

        return NdjsonReporter(sys.stdout)
    from mlopsctl.report.run_reporter import run_reporter

    return run_reporter(sys.stdout, screen.out(), verbose=verbose, quiet=screen.quiet)


def _refuse_in_cluster(env: str, *, jobs: int, store: str) -> None:
    """Raise BadParameter for what can be said of a run on this machine alone."""
    if jobs:
        raise typer.BadParameter(f"--jobs is for runs on this machine: in `{env}` Argo decides what runs at once")
    if store:
        raise typer.BadParameter(f"pods use the store that `{env}` names: leave --store and MLOPS_STORE out")
