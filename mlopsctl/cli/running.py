"""`run` and `serve`: the pipeline on this machine."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from types import FrameType
from typing import TYPE_CHECKING

import typer

from mlopsctl.cli.exit_codes import ExitCode
from mlopsctl.cli.screen import Screen, screen_of
from mlopsctl.cli.stores import store_of
from mlopsctl.diagnostics import DiagnosedError

if TYPE_CHECKING:
    from mlopsctl.compiler import Compilation
    from mlopsctl.ir.model import Pipeline
    from mlopsctl.report.run_text import RunReporter
    from mlopsctl.runtime.stop import Stop

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
    verbose: bool = typer.Option(False, "--verbose", "-v", help="Show what the commands print."),
    output: Format = typer.Option(Format.TEXT, "--output", "-o", help="text, or one JSON event a line."),
) -> None:
    """Run a pipeline; what is cached is not run again."""
    from mlopsctl.local.run import Request
    from mlopsctl.local.run import run as run_pipeline
    from mlopsctl.runtime.stop import Stop

    screen = screen_of(context)
    compilation, chosen = _compiled(screen, pipeline, env)
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
    reporter = _reporter(screen, output, verbose=verbose)
    with Stop() as stop, _interruptible(stop):
        try:
            finished = run_pipeline(request, kept, reporter.handle, stop, screen.environ)
        finally:
            reporter.close()
    if finished.diagnostics:
        screen.complain(finished.diagnostics)
    codes = {"refused": ExitCode.REFUSED, "failed": ExitCode.FAILED, "interrupted": ExitCode.INTERRUPTED}
    raise typer.Exit(codes.get(finished.outcome.value, ExitCode.DONE))


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
    from mlopsctl.local import faults
    from mlopsctl.local.endpoint import NotReady
    from mlopsctl.local.serve import Place, serving
    from mlopsctl.report.served import render_json, render_text
    from mlopsctl.runtime.stop import Stop

    screen = screen_of(context)
    compilation, chosen = _compiled(screen, pipeline, env)
    kept = store_of(compilation, store)
    render = render_json if output is Format.JSON else render_text
    with Stop() as stop, _interruptible(stop):
        place = Place(
            store=kept,
            root=compilation.sources.root,
            environ=screen.environ,
            port=port or None,
            stop=stop,
            on_line=lambda line: typer.echo(line, err=True),
        )
        with serving(chosen, place) as (endpoint, release):
            sys.stdout.write(render(release, endpoint.url, endpoint.predict_url))
            sys.stdout.flush()
            try:
                endpoint.wait_ended(stop)
            except NotReady as error:
                raise DiagnosedError(
                    faults.not_ready(None, chosen.name, error.message, error.log_tail, error.hint)
                ) from error


def _compiled(screen: Screen, pipeline: str, env: str) -> "tuple[Compilation, Pipeline]":
    """The pipeline that is meant, by its name or its file. Ends the command if the project has errors."""
    from mlopsctl.compiler import chosen_pipeline

    is_file = pipeline.endswith((".yaml", ".yml"))
    compilation = screen.compile(pipeline if is_file else "", env)
    if not compilation.succeeded:
        screen.complain(compilation.diagnostics)
        raise typer.Exit(ExitCode.FAILED)
    return compilation, chosen_pipeline(compilation, None if is_file else pipeline or None)


def _pairs(params: list[str]) -> dict[str, str]:
    for param in params:
        if not param.partition("=")[0] or "=" not in param:
            raise typer.BadParameter(f"`{param}` is not of the form NAME=VALUE")
    return {name: value for name, _, value in (param.partition("=") for param in params)}


def _reporter(screen: Screen, output: Format, *, verbose: bool) -> "RunReporter":
    from mlopsctl.report.ndjson import NdjsonReporter
    from mlopsctl.report.run_reporter import run_reporter

    if output is Format.JSON:
        return NdjsonReporter(sys.stdout)
    return run_reporter(sys.stdout, screen.out(), verbose=verbose, quiet=screen.quiet)


@contextmanager
def _interruptible(stop: "Stop") -> Iterator[None]:
    """Ctrl-C and SIGTERM ask what is running to end; a second Ctrl-C no longer waits for that."""

    def ask(number: int, _: FrameType | None) -> None:
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.set()

    before = {which: signal.signal(which, ask) for which in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)
