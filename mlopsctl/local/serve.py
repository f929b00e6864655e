"""`serve`: the release that serves, started again from the store alone and answering on this machine."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.frozen import frozen
from mlopsctl.ir.model import DeployStage, Pipeline
from mlopsctl.local import faults
from mlopsctl.local.cache import default_cache
from mlopsctl.local.endpoint import Endpoint, NotReady
from mlopsctl.local.environment import Environment, EnvironmentFailed, environment_for
from mlopsctl.local.releases import read_serving
from mlopsctl.local.serving import READY_SECONDS, Machine, Server, endpoint
from mlopsctl.runtime.stop import Stop
from mlopsctl.store import Release, Store


@frozen(kw_only=True)
class Place:
    """Where and from what a release is served; `port` is None for a free one."""

    store: Store
    root: Path
    environ: Mapping[str, str]
    port: int | None
    stop: Stop
    on_line: Callable[[str], None]


@contextmanager
def serving(pipeline: Pipeline, place: Place) -> Iterator[tuple[Endpoint, Release]]:
    """The endpoint of what serves in the pipeline's environment, ready to answer.

    Raises DiagnosedError and StoreError, and KeyboardInterrupt if `stop` is set before it is ready.
    """
    release = read_serving(place.store, pipeline.name, pipeline.environment).release
    if release is None:
        deploys = any(isinstance(stage, DeployStage) for stage in pipeline.stages.values())
        raise DiagnosedError(faults.nothing_served(pipeline.name, deploys=deploys))
    server = server_from(release.server)
    with TemporaryDirectory(prefix="mlopsctl-serve-") as folder:
        machine = Machine(
            store=place.store,
            environment=_environment(server, Path(folder), place),
            environ=place.environ,
            folder=Path(folder),
            root=place.root,
        )
        try:
            with endpoint(server, pipeline.name, release.model, machine, port=place.port) as running:
                running.wait_ready(READY_SECONDS, place.stop)
                yield running, release
        except NotReady as error:
            if place.stop.is_set():
                raise KeyboardInterrupt from error
            raise DiagnosedError(
                faults.not_ready(None, server.stage, error.message, error.log_tail[-5:], error.hint)
            ) from error


def server_from(document: Mapping[str, Any]) -> Server:
    """The server that a release's record describes; what an older mlopsctl did not write has its default."""
    known = {field.name: document[field.name] for field in fields(Server) if field.name in document}
    return Server(**{**known, "secrets": tuple(document.get("secrets", ()))})


def _environment(server: Server, folder: Path, place: Place) -> Environment:
    """The environment that the model was tried in, from the lock file that the store keeps."""
    lock = None
    if server.requirements:
        lock = folder / "requirements.lock"
        place.store.fetch(server.requirements, lock)
    try:
        return environment_for(
            lock,
            python=server.python or None,
            cache=default_cache(place.environ),
            on_line=place.on_line,
            stop=place.stop,
        )
    except EnvironmentFailed as error:
        if place.stop.is_set():
            raise KeyboardInterrupt from error
        raise DiagnosedError(faults.environment_failed(None, error.message, error.output_tail, error.hint)) from error
