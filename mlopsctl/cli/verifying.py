"""`verify`: whether what serves is the release that should, answers, stands its load and is worth it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mlopsctl.cli.exit_codes import exit_code_of
from mlopsctl.cli.running import PIPELINE_HELP, compiled
from mlopsctl.cli.screen import Screen, screen_of
from mlopsctl.cli.stores import in_cluster, store_of
from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.frozen import frozen

if TYPE_CHECKING:
    from mlopsctl.cluster.site import Site
    from mlopsctl.compilation import Compilation
    from mlopsctl.ir.model import DeployStage, Pipeline
    from mlopsctl.release.expectation import Wanted
    from mlopsctl.release.live import Live
    from mlopsctl.release.verification import Expected, Subject, Verified
    from mlopsctl.runtime.stop import Stop
    from mlopsctl.store import Store

URL_HELP = "The gateway's address, if its host name isn't known here; or that of `mlopsctl serve`."


class Format(StrEnum):
    """How a verification is printed."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    JUNIT = "junit"


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(verify)


def verify(
    context: typer.Context,
    pipeline: str = typer.Argument("", help=PIPELINE_HELP, metavar="PIPELINE"),
    *,
    env: str = typer.Option("local", "--env", "-e", help="The environment that it serves in.", metavar="NAME"),
    url: str = typer.Option("", "--url", envvar="MLOPS_URL", help=URL_HELP, metavar="URL"),
    output: Format = typer.Option(Format.TEXT, "--output", "-o", help="How it is printed."),
) -> None:
    """Test what serves: the release, its answers, their worth.

    It asks the live endpoint, as its users do: the request of the stage's load test, then that load, then rows of the
    data that `verify` of the stage names. What comes of it is kept in the store. It ends with 5 if something doesn't
    hold.
    """
    from mlopsctl.engine.actor import who_here
    from mlopsctl.release.verification import keep
    from mlopsctl.release.verification import verify as carry_out
    from mlopsctl.runtime.stop import Stop

    screen = screen_of(context)
    compilation, chosen = compiled(screen, pipeline, env)
    store = store_of(compilation, "")
    wanted = _wanted(compilation, chosen, store)
    if wanted is None:
        typer.echo(f"nothing of {chosen.name} is released in {env}: nothing to verify", err=output is not Format.TEXT)
        return
    site = _site(screen, compilation)
    if site is not None and (said := _stopped(site, chosen.name)):
        typer.echo(f"{said}: nothing to verify until it is resumed", err=output is not Format.TEXT)
        return
    with Stop() as stop, stop.set_by_signals():
        asked = _Asked(screen, compilation, site, chosen, _stage(chosen), store, wanted, stop)
        with _answering(asked, url) as (live, expected):
            found = carry_out(_subject(asked, live, expected))
    keep(store, found, who_here(screen.environ))
    _print(screen, found, output)
    if found.faults:
        screen.complain(found.faults)
        raise typer.Exit(exit_code_of(found.faults))


def _site(screen: Screen, compilation: "Compilation") -> "Site | None":
    """The cluster that it serves in, if it is one. Raises DiagnosedError if that can't be reached."""
    if not in_cluster(compilation):
        return None
    from mlopsctl.cli.planning import reached

    return reached(screen, compilation)


def _stopped(site: "Site", pipeline: str) -> str:
    """That people have stopped the pipeline, so that what serves can't be asked; else nothing."""
    from mlopsctl.cluster.serving_now import overrides_in
    from mlopsctl.report.overrides import by_whom

    stop, _ = overrides_in(site.objects, site.environment.namespace, site.environment.name, pipeline)
    return f"{pipeline} is stopped in {site.environment.name} {by_whom(stop)}" if stop else ""


@frozen
class _Asked:
    """What is asked for, and what it takes to find out."""

    screen: Screen
    compilation: "Compilation"
    site: "Site | None"
    pipeline: "Pipeline"
    stage: "DeployStage"
    store: "Store"
    wanted: "Wanted"
    stop: "Stop"


def _stage(pipeline: "Pipeline") -> "DeployStage":
    """The stage that serves. Raises DiagnosedError if there is none."""
    from mlopsctl.engine.faults import nothing_served
    from mlopsctl.ir.model import DeployStage

    found = next(iter(pipeline.of_kind(DeployStage)), None)
    if found is None:
        raise DiagnosedError(nothing_served(pipeline.name, deploys=False))
    return found


def _wanted(compilation: "Compilation", pipeline: "Pipeline", store: "Store") -> "Wanted | None":
    """What should answer: by git where releases are pinned, else by the store; None if nothing is released."""
    from mlopsctl.compilation import cluster_environment, pinned_releases
    from mlopsctl.engine.releases import read_serving, served_by
    from mlopsctl.release.expectation import Wanted
    from mlopsctl.store import digest_json

    if in_cluster(compilation) and (environment := cluster_environment(compilation)).releases == "pinned":
        release = pinned_releases(compilation.sources, environment).get(pipeline.name)
        by = f"releases/{environment.name}/{pipeline.name}.yaml"
        if release is None:
            return None
        return Wanted(run=release.run, model=release.digest, version=release.digest, by=by)
    serving = read_serving(store, pipeline.name, pipeline.environment).release
    if serving is None:
        return None
    version = digest_json(served_by(serving))
    return Wanted(run=serving.run, model=serving.model.digest, version=version, by="the store")


@contextmanager
def _answering(asked: _Asked, url: str) -> Iterator[tuple["Live", "Expected"]]:
    """Where it answers, and what does: in a cluster its gateway, else a server that is started for this."""
    from mlopsctl.release.verification import Expected

    if asked.site is not None:
        yield _in_cluster(asked, asked.site, url)
        return
    wanted = asked.wanted
    expected = Expected(run=wanted.run, model=wanted.model, by=wanted.by, found="", seen="")
    if url:
        yield _live(asked, url, ""), expected
        return
    from mlopsctl.local.serve import Place, serving

    place = Place(
        store=asked.store,
        root=asked.compilation.sources.root,
        environ=asked.screen.environ,
        port=None,
        stop=asked.stop,
        on_line=lambda line: typer.echo(line, err=True),
    )
    with serving(asked.pipeline, place) as found:
        yield _live(asked, found.url, ""), replace(expected, seen="it was started from the store, by digest")


def _in_cluster(asked: _Asked, site: "Site", url: str) -> tuple["Live", "Expected"]:
    from mlopsctl.release.expectation import expected_in_cluster, gateway_url

    gateway = site.environment.gateway
    if gateway is None and not url:
        raise typer.BadParameter(f"`{site.environment.name}` names no gateway: say with --url where its models answer")
    expected = expected_in_cluster(site.objects, site.environment, asked.pipeline.name, asked.wanted)
    if gateway is None:
        return _live(asked, url, ""), expected
    base = f"{(url or gateway_url(site.objects, gateway)).rstrip('/')}/{asked.pipeline.name}"
    return _live(asked, base, gateway.host if url else ""), expected


def _live(asked: _Asked, base: str, host: str) -> "Live":
    from mlopsctl.engine.serving import HEALTH
    from mlopsctl.release.live import Live

    server, model = asked.stage.server, f"/v2/models/{asked.pipeline.name}"
    health = server.health or (HEALTH if server.run else f"{model}/ready")
    return Live(base=base.rstrip("/"), predict=f"{model}/infer", health=health, host=host)


def _subject(asked: _Asked, live: "Live", expected: "Expected") -> "Subject":
    from mlopsctl.engine.cache import default_cache
    from mlopsctl.engine.reference import Reader
    from mlopsctl.engine.session import SharedEnvironment
    from mlopsctl.release.validation import rows_of
    from mlopsctl.release.verification import Subject

    pipeline, stage = asked.pipeline, asked.stage
    environment = SharedEnvironment(pipeline.code, Path(default_cache(asked.screen.environ)), asked.stop)
    python = lambda: environment.get(lambda line: typer.echo(line, err=True)).python  # noqa: E731 - as a Reader takes it
    reader = Reader(store=asked.store, python=python, stop=asked.stop)
    test = stage.load_test
    return Subject(
        pipeline=pipeline.name,
        environment=pipeline.environment,
        stage=stage,
        live=live,
        expected=expected,
        request=(pipeline.file.parent / test.request).read_bytes() if test else None,
        data=lambda verification: rows_of(reader, pipeline, stage, verification, asked.wanted.run),
        stop=asked.stop,
    )


def _print(screen: Screen, found: "Verified", output: Format) -> None:
    from mlopsctl.report import verified

    match output:
        case Format.TEXT:
            sys.stdout.write(verified.render_text(found, colour=screen.out().colour))
        case Format.JSON:
            sys.stdout.write(verified.render_json(found))
        case Format.MARKDOWN:
            sys.stdout.write(verified.render_markdown(found))
        case Format.JUNIT:
            sys.stdout.write(verified.render_junit(found))
