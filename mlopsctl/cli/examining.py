"""`doctor`: whether what pipelines need is there, on this machine or in a cluster."""

import sys
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mlopsctl.cli.exit_codes import ExitCode
from mlopsctl.cli.running import STORE_HELP
from mlopsctl.cli.screen import Screen, screen_of
from mlopsctl.cli.stores import store_of
from mlopsctl.diagnostics import DiagnosedError, Severity

if TYPE_CHECKING:
    from mlopsctl.cluster.connect import Place
    from mlopsctl.cluster.doctor import Needs
    from mlopsctl.compilation import Compilation
    from mlopsctl.examination import Examination, Observation
    from mlopsctl.store import Patience, Store

_LOCAL = "local"


class Format(StrEnum):
    """How an examination is printed."""

    TEXT = "text"
    JSON = "json"


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(doctor)


def doctor(
    context: typer.Context,
    *,
    env: str = typer.Option(_LOCAL, "--env", "-e", help="The environment to examine.", metavar="NAME"),
    cluster: str = typer.Option(
        "", "--context", help="Examine the cluster of this context of the kubeconfig; needs no project.", metavar="NAME"
    ),
    namespace: str = typer.Option(
        "", "--namespace", "-n", help="With --context: the namespace; by default the context's.", metavar="NAME"
    ),
    store: str = typer.Option("", "--store", envvar="MLOPS_STORE", help=STORE_HELP, metavar="URL"),
    output: Format = typer.Option(Format.TEXT, "--output", "-o", help="How it is printed."),
) -> None:
    """Show what is missing for runs, here or in a cluster."""
    if cluster and env != _LOCAL:
        raise typer.BadParameter("--env and --context both say which cluster: give one of them")
    if namespace and not cluster:
        raise typer.BadParameter("--namespace is for --context; an environment names its own")
    screen = screen_of(context)
    examination = _of_context(screen, cluster, namespace, store) if cluster else _of_environment(screen, env, store)
    _print(screen, examination, output)
    raise typer.Exit(ExitCode.DONE if examination.is_ready else ExitCode.FAILED)


def _print(screen: Screen, examination: "Examination", output: Format) -> None:
    from mlopsctl.report import examined

    if output is Format.JSON:
        sys.stdout.write(examined.render_json(examination))
    else:
        terminal = screen.out()
        sys.stdout.write(examined.render_text(examination, colour=terminal.colour, width=terminal.width))


def _of_context(screen: Screen, context: str, namespace: str, store: str) -> "Examination":
    """A cluster alone, with a store only if one is named."""
    from mlopsctl.cluster.connect import Place
    from mlopsctl.cluster.doctor import Needs
    from mlopsctl.store import open_store

    opened = partial(open_store, store, patience=_store_patience()) if store else None
    return _cluster(screen, "", Place(context=context, namespace=namespace), Needs(), opened)


def _of_environment(screen: Screen, env: str, store: str) -> "Examination":
    """What an environment of the project needs; outside of a project, what any on this machine does."""
    from mlopsctl.ir.environment import read_environment

    compilation = _compiled(screen, env)
    environment = read_environment(compilation.environment) if compilation and compilation.environment else None
    if compilation is None or environment is None:
        return _machine(screen, env if compilation else "", compilation, store)
    from mlopsctl.cluster.doctor import Needs
    from mlopsctl.cluster.site import place_of  # here, as this machine needs nothing of clusters

    needs = Needs(gateway=environment.gateway, ephemeral=environment.ephemeral)
    opened = partial(store_of, compilation, store, patience=_store_patience())
    return _cluster(screen, env, place_of(environment), needs, opened)


def _compiled(screen: Screen, env: str) -> "Compilation | None":
    """The project, or None if there is none here and none is needed.

    Raises DiagnosedError if something is wrong with the environment itself; pipelines may be wrong as they like.
    """
    try:
        compilation = screen.compile(environment=env)
    except DiagnosedError as error:
        if env == _LOCAL and error.diagnostics[0].code == "MLO003":
            return None
        raise
    file = compilation.environment.root.span.file if compilation.environment else ""
    wrong = [
        found
        for found in compilation.diagnostics
        if found.severity is Severity.ERROR and found.span and found.span.file == file
    ]
    if wrong:
        raise DiagnosedError(*wrong)
    return compilation


def _machine(screen: Screen, env: str, compilation: "Compilation | None", store: str) -> "Examination":
    from mlopsctl.examination import Examination
    from mlopsctl.local import machine
    from mlopsctl.store import open_store

    folder = compilation.sources.root if compilation else Path.cwd()
    found = machine.examine(screen.environ, folder)
    if compilation:
        found.append(_store(partial(store_of, compilation, store, patience=_store_patience())))
    elif store:
        found.append(_store(partial(open_store, store, patience=_store_patience())))
    return Examination(environment=env, target=None, observations=tuple(found))


def _cluster(
    screen: Screen, env: str, place: "Place", needs: "Needs", store: "Callable[[], Store] | None"
) -> "Examination":
    """A cluster, and meanwhile the store."""
    from concurrent.futures import ThreadPoolExecutor

    from mlopsctl.cluster.doctor import examine
    from mlopsctl.examination import Examination

    with ThreadPoolExecutor(1) as pool:
        kept = pool.submit(_store, store, is_for_pods=True) if store else None
        target, found = examine(place, needs, screen.environ)
        observations = (*found, *((kept.result(),) if kept else ()))
    return Examination(environment=env, target=target, observations=observations)


def _store(opened: "Callable[[], Store]", *, is_for_pods: bool = False) -> "Observation":
    from mlopsctl.local.machine import examine_store, unusable_store
    from mlopsctl.store import StoreError

    try:
        store = opened()
    except StoreError as error:
        return unusable_store(error)
    return examine_store(store, is_for_pods=is_for_pods)


def _store_patience() -> "Patience":
    """Someone waits for the answer, who can ask again."""
    from mlopsctl.store import Patience

    return Patience(seconds=5, retries=1)
