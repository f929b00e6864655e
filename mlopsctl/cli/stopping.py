"""`stop` and `resume`: the kill switch, in a cluster or on this machine."""

import sys
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import typer

from mlopsctl.cli.screen import Screen, screen_of
from mlopsctl.cli.stores import in_cluster, store_of
from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.frozen import frozen

if TYPE_CHECKING:
    from mlopsctl.cluster.connection import Connection
    from mlopsctl.cluster.override import Overrides
    from mlopsctl.cluster.waiting import Waiting
    from mlopsctl.compilation import Compilation
    from mlopsctl.engine.audit import Deed
    from mlopsctl.ir.environment import Environment
    from mlopsctl.manifest import Document
    from mlopsctl.plan.overrides import Override
    from mlopsctl.release.stopping import Resumed, Stopped

PIPELINE = typer.Argument(help="The pipeline.", metavar="PIPELINE", show_default=False)
ENV = typer.Option("local", "--env", "-e", help="The environment in which it serves.", metavar="NAME")
REASON = typer.Option("", "--reason", help="Why; whoever looks at it later is told.", metavar="TEXT")
_SECONDS = 5.0  # for a store that doesn't answer
_BY_GATEWAY = "answered by the gateway with an error"
_BY_SERVE = "answered by mlopsctl serve with the fallback, or with 503 if there is none"


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(stop)
    app.command()(resume)


def stop(context: typer.Context, pipeline: str = PIPELINE, *, env: str = ENV, reason: str = REASON) -> None:
    """Let no request reach a model, until it is resumed."""
    from mlopsctl.engine.audit import Deed, Did
    from mlopsctl.report.overrides import render_stopped

    screen = screen_of(context)
    located = located_in(screen, pipeline, env)
    override = _override(screen, pipeline, reason)
    if in_cluster(located):
        found, answer = _stopped_there(screen, located, override), _BY_GATEWAY
    else:
        found, answer = _stopped_here(located, override), _BY_SERVE
    sys.stdout.write(render_stopped(found, env, answer=answer))
    if not found.was_stopped:
        _note(screen, located, Deed(did=Did.STOPPED, pipeline=pipeline, why=reason))


def resume(context: typer.Context, pipeline: str = PIPELINE, *, env: str = ENV) -> None:
    """Let requests reach a model again that was stopped."""
    from mlopsctl.engine.audit import Deed, Did
    from mlopsctl.report.overrides import render_resumed

    screen = screen_of(context)
    located = located_in(screen, pipeline, env)
    found = _resumed_there(screen, located, pipeline) if in_cluster(located) else _resumed_here(located, pipeline)
    sys.stdout.write(render_resumed(found, pipeline, env))
    if found.override is not None:
        _note(screen, located, Deed(did=Did.RESUMED, pipeline=pipeline, run=found.run))


def _note(screen: Screen, located: "Compilation", deed: "Deed") -> None:
    """Note it in the log of the environment. That it can't be noted is said, and undoes nothing."""
    from mlopsctl.engine.actor import who_here
    from mlopsctl.engine.audit import append
    from mlopsctl.release.serving_faults import not_noted
    from mlopsctl.store import Patience, StoreError

    who = who_here(screen.environ)
    try:
        append(store_of(located, "", patience=Patience(seconds=_SECONDS, retries=0)), _name(located), deed, who=who)
    except StoreError as error:
        screen.complain([not_noted(deed.did, deed.pipeline, str(error))])


def located_in(screen: Screen, pipeline: str, environment: str) -> "Compilation":
    """Where things are, without a look at the rest of the project: what is wrong there must not keep it from a stop.

    Raises DiagnosedError if there is no such pipeline or environment.
    """
    from mlopsctl.compilation import no_such_pipeline
    from mlopsctl.compiler import located

    sources = screen.load()
    names = [source.name for source in sources.pipelines]
    if pipeline not in names:
        raise DiagnosedError(no_such_pipeline(pipeline, names))
    return located(sources, environment)


def _override(screen: Screen, pipeline: str, reason: str) -> "Override":
    from mlopsctl.engine.actor import user_here
    from mlopsctl.plan.overrides import Override

    now = datetime.now().astimezone().isoformat(timespec="seconds")
    return Override(pipeline=pipeline, by=user_here(screen.environ), at=now, why=reason)


@frozen(kw_only=True)
class Reached:
    """The route of a pipeline in a cluster, and what may be set there."""

    environment: "Environment"
    connection: "Connection"
    overrides: "Overrides"
    route: "Document"


def reached_route(screen: Screen, located: "Compilation", pipeline: str) -> Reached:
    """The route, and at the same time whether it is the cluster that is meant. Raises DiagnosedError."""
    from concurrent.futures import ThreadPoolExecutor

    from mlopsctl.cluster.access import INSISTENT
    from mlopsctl.cluster.connect import connect
    from mlopsctl.cluster.override import Overrides
    from mlopsctl.cluster.site import expect_identity, place_of
    from mlopsctl.compilation import cluster_environment
    from mlopsctl.release.serving_faults import no_route

    environment = cluster_environment(located)
    connection = connect(place_of(environment), screen.environ, patience=INSISTENT)
    overrides = Overrides(connection, environment.namespace or connection.namespace, pipeline, environment.name)
    with ThreadPoolExecutor(2) as pool:
        is_meant, looked = pool.submit(expect_identity, environment, connection), pool.submit(overrides.route)
        is_meant.result()
        route = looked.result()
    if route is None:
        span = environment.origin.value("cluster")
        raise DiagnosedError(no_route(span, pipeline, environment.name, has_gateway=environment.gateway is not None))
    return Reached(environment=environment, connection=connection, overrides=overrides, route=route)


def _stopped_there(screen: Screen, located: "Compilation", override: "Override") -> "Stopped":
    from mlopsctl.release.stopping import stop as stopped

    there = reached_route(screen, located, override.pipeline)
    return stopped(there.overrides, there.route, override)


def _stopped_here(located: "Compilation", override: "Override") -> "Stopped":
    from mlopsctl.engine.stops import read_stop, write_stop
    from mlopsctl.release.stopping import Stopped

    store = store_of(located, "")
    before = read_stop(store, override.pipeline, _name(located))
    if before is None:
        write_stop(store, _name(located), override)
    return Stopped(override=before or override, was_stopped=before is not None, schedules=())


def _resumed_here(located: "Compilation", pipeline: str) -> "Resumed":
    from mlopsctl.engine.releases import read_serving
    from mlopsctl.engine.stops import lift_stop, read_stop
    from mlopsctl.release.stopping import Resumed

    store, environment = store_of(located, ""), _name(located)
    before = read_stop(store, pipeline, environment)
    if before is not None:
        lift_stop(store, pipeline, environment)
    release = read_serving(store, pipeline, environment).release
    return Resumed(override=before, run=release.run if release else "", schedules=())


def _resumed_there(screen: Screen, located: "Compilation", pipeline: str) -> "Resumed":
    from mlopsctl.release.stopping import resume as resumed

    there = reached_route(screen, located, pipeline)
    if there.environment.releases == "pinned":
        return resumed(there.overrides, there.route, _to_pinned(screen, there, pipeline))
    return resumed(there.overrides, there.route, _to_serving(screen, located, there, pipeline))


def _to_serving(screen: Screen, located: "Compilation", there: Reached, pipeline: str) -> Callable[[], str]:
    """Lead requests to what serves by the store, as runs do."""
    from mlopsctl.cluster.objects import Objects
    from mlopsctl.cluster.resources import Resources
    from mlopsctl.engine.releases import read_serving
    from mlopsctl.release.serving import Versions, applied_contract
    from mlopsctl.runtime.stop import Stop

    def lead_back() -> str:
        store, environment = store_of(located, ""), there.environment
        release = read_serving(store, pipeline, environment.name).release
        if release is None:
            return ""
        objects = Objects(there.connection, Resources(there.connection))
        namespace = there.route["metadata"]["namespace"]
        contract = applied_contract(objects, namespace, pipeline, environment.name)
        with Stop() as stopping:
            for draft in contract.drafts.values():
                versions = Versions(objects, draft, store, telling(screen), stopping)
                versions.make_ready(release)
                versions.lead_to(release, lifts_override=True)
        return release.run

    return lead_back


def _to_pinned(screen: Screen, there: Reached, pipeline: str) -> Callable[[], str]:
    """Lead requests to what git pins, as apply does, or to what somebody has turned back to."""
    from mlopsctl.cli.planning import hold_releases, reached, rendered
    from mlopsctl.compilation import pinned_releases
    from mlopsctl.plan.overrides import turned_back_over
    from mlopsctl.release.pinned import lead_to_pinned
    from mlopsctl.release.reversal import expect_ready

    tell = telling(screen)

    def lead_back() -> str:
        compilation = screen.compile(environment=there.environment.name)
        manifests = [each for each in rendered(screen, compilation, []) if each.pipeline == pipeline]
        for route in (each.document for each in manifests if each.kind == "HTTPRoute"):
            if (turned := turned_back_over(there.route["metadata"], route)) is not None:
                objects = reached(screen, compilation).objects
                expect_ready(objects, there.route["metadata"]["namespace"], turned, there.environment.name, tell)
                there.overrides.turn_back(there.route, turned, rules=route)
                return turned.to
        hold_releases(screen, compilation, only=pipeline)
        lead_to_pinned(reached(screen, compilation), pipeline, manifests, telling(screen))
        release = pinned_releases(compilation.sources, there.environment).get(pipeline)
        return release.run if release else ""

    return lead_back


def telling(screen: Screen) -> "Callable[[Waiting], None]":
    """What says how it goes with what is waited for."""

    def tell(seen: "Waiting") -> None:
        if not seen.health.is_ready and not screen.quiet:
            said = f": {seen.health.why}" if seen.health.why else ""
            typer.echo(f"{seen.key} is {seen.health.state}{said}", err=True)

    return tell


def _name(located: "Compilation") -> str:
    return located.environment.name if located.environment else "local"
