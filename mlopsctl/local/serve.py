"""`serve`: the release that serves, started again from the store alone and answering on this machine."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.engine import faults
from mlopsctl.engine.bundle import put_code
from mlopsctl.engine.cache import default_cache
from mlopsctl.engine.endpoint import HOST, Endpoint, NotReady
from mlopsctl.engine.environment import Environment, EnvironmentFailed, environment_for
from mlopsctl.engine.releases import read_serving
from mlopsctl.engine.serving import (
    READY_SECONDS,
    Machine,
    Server,
    endpoint,
    fallback_of,
    prepared_fallback,
    server_from,
)
from mlopsctl.frozen import frozen
from mlopsctl.ir.code import CodeTree
from mlopsctl.ir.fingerprint import Surroundings
from mlopsctl.ir.model import DeployStage, Pipeline
from mlopsctl.ir.values import Values
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


@frozen(kw_only=True)
class Answering:
    """A release that answers: its server, and the address that it is reached by, without a path.

    `metrics_url` is where its metrics are, empty if nobody counts.
    """

    release: Release
    endpoint: Endpoint
    url: str
    metrics_url: str

    @property
    def predict_url(self) -> str:
        """Where predictions are asked for."""
        return self.url + self.endpoint.predict_path


@contextmanager
def serving(pipeline: Pipeline, place: Place) -> Iterator[Answering]:
    """What serves in the pipeline's environment, ready to answer, and keeping a share of its predictions if it shall.

    Raises DiagnosedError and StoreError, and KeyboardInterrupt if `stop` is set before it is ready.
    """
    release = read_serving(place.store, pipeline.name, pipeline.environment).release
    if release is None:
        deploys = any(isinstance(stage, DeployStage) for stage in pipeline.stages.values())
        raise DiagnosedError(faults.nothing_served(pipeline.name, deploys=deploys))
    server = server_from(release.server)
    with _machine(server, place) as machine:
        port = None if server.log.requests else place.port
        try:
            with ExitStack() as running:
                answering = running.enter_context(endpoint(server, pipeline.name, release.model, machine, port=port))
                answering.wait_ready(READY_SECONDS, place.stop)
                found = Answering(release=release, endpoint=answering, url=answering.url, metrics_url="")
                if server.log.requests:
                    found = running.enter_context(_logged(found, server, pipeline, place))
                yield found
        except NotReady as error:
            if place.stop.is_set():
                raise KeyboardInterrupt from error
            raise DiagnosedError(
                faults.not_ready(None, server.stage, error.message, error.log_tail[-5:], error.hint)
            ) from error


@contextmanager
def standing_in(stage: DeployStage, pipeline: Pipeline, code: CodeTree, place: Place) -> Iterator[Endpoint]:
    """What answers in place of the model, of the project as it is now, once it listens.

    Raises DiagnosedError and StoreError, NotReady if it doesn't answer, or `stop` is set before it does.
    """
    part, lock = code.part(stage.code_include), pipeline.code.requirements
    around = Surroundings(
        code=put_code(place.store, {path: code.files[path] for path in part}, part),
        requirements=place.store.put_file(lock).digest if lock is not None else "",
        python=pipeline.code.python or "",
        run={"environment.name": pipeline.environment, "run.id": "", "run.date": ""},  # no run made it
    )
    server = fallback_of(stage, around, Values({}).of(stage))
    with _machine(server, place) as machine:
        ready, env = prepared_fallback(server, pipeline.name, machine)
        with Endpoint(ready, folder=machine.folder, env=env, port=place.port) as answering:
            answering.wait_ready(READY_SECONDS, place.stop)
            yield answering


@contextmanager
def _machine(server: Server, place: Place) -> Iterator[Machine]:
    """What a server runs on, in a folder that goes with it. Raises DiagnosedError and StoreError."""
    with TemporaryDirectory(prefix="mlopsctl-serve-") as name:
        folder = Path(name)
        yield Machine(
            store=place.store,
            environment=_environment(server, folder, place),
            environ=place.environ,
            folder=folder,
            root=place.root,
        )


@contextmanager
def _logged(answering: Answering, server: Server, pipeline: Pipeline, place: Place) -> Iterator[Answering]:
    """The same with the address that others ask, so that predictions are kept. Raises NotReady if its port is taken."""
    from mlopsctl.engine.prediction_log import Served
    from mlopsctl.engine.serving_metrics import PATH
    from mlopsctl.engine.tapped import Tapped, monitors_of, tapped  # here, as it loads asyncio

    release = answering.release
    served = Served(
        pipeline=pipeline.name,
        environment=pipeline.environment,
        stage=server.stage,
        run=release.run,
        model=release.model.digest,
    )
    behind = Tapped(
        server=answering.endpoint.port,
        host=HOST,
        port=place.port or 0,
        metrics=0,
        keeping=server.log,
        monitors=monitors_of(pipeline, server.stage),
    )
    with ExitStack() as running:
        try:
            listening = running.enter_context(tapped(behind, place.store, served, place.on_line))
        except OSError as error:
            raise NotReady(f"cannot listen on port {place.port}: {error.strerror}", "choose another port") from error
        url, metrics_url = (f"http://{HOST}:{port}" for port in (listening.port, listening.metrics))
        yield replace(answering, url=url, metrics_url=metrics_url + PATH)


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
