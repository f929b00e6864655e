"""The server of a model on this machine: started, waited for, asked, and ended as a whole.

A model is loaded by the library versions that it was trained with, so a format is served by MLServer from the
pipeline's own environment, over the Open Inference Protocol (v2), as in a cluster. A custom command may serve anything.
"""

import json
import select
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from mlopsctl.engine.environment import Environment
from mlopsctl.frozen import frozen
from mlopsctl.runtime.process import CannotStart, Command, Ending, run_command
from mlopsctl.runtime.stop import Stop

HOST = "127.0.0.1"
GRACE_SECONDS = 5.0
# Between two questions whether it answers; the end of the process is noticed at once.
RETRY_SECONDS = 0.1
PROBE_SECONDS = 2.0

# The class that serves a format; its first part is the module, and with a dash the package, that brings it.
SERVED_HERE = {
    "lightgbm": "mlserver_lightgbm.LightGBMModel",
    "mlflow": "mlserver_mlflow.MLflowRuntime",
    "sklearn": "mlserver_sklearn.SKLearnModel",
    "xgboost": "mlserver_xgboost.XGBoostModel",
}


class NotReady(Exception):
    """There is no endpoint to ask; `log_tail` is what the server said last, `hint` what to do."""

    def __init__(self, message: str, hint: str, log_tail: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.log_tail = log_tail


@frozen(kw_only=True)
class Launch:
    """How to start a server, and where it answers: `health` with 2xx when ready, `predict` for predictions.

    Without a path for its health it is ready as soon as it listens.
    """

    argv: tuple[str, ...]
    cwd: Path
    health: str
    predict: str


@frozen(kw_only=True)
class CommandServer:
    """The user's own server: `argv` for the port it shall listen on, and its paths."""

    argv: Callable[[int], tuple[str, ...]]
    cwd: Path
    health: str = "/"
    predict: str = "/"

    def launch(self, folder: Path, ports: Sequence[int]) -> Launch:  # noqa: ARG002 - it needs no folder of ours
        """The user's command with its port."""
        return Launch(argv=self.argv(ports[0]), cwd=self.cwd, health=self.health, predict=self.predict)


@frozen(kw_only=True)
class FormatServer:
    """A model file or folder of a known format, served under `name` by what `environment` has for it."""

    format: str
    name: str
    model: Path
    environment: Environment
    host: str = HOST

    def launch(self, folder: Path, ports: Sequence[int]) -> Launch:
        """MLServer with its settings in `folder`. Raises NotReady if it can't serve this format here."""
        implementation = self._implementation()
        _write_json(folder / "settings.json", _server_settings(self.host, *ports))
        model = {
            "name": self.name,
            "implementation": implementation,
            "parameters": {"uri": str(self.model.absolute())},
        }
        _write_json(folder / "model-settings.json", model)
        path = f"/v2/models/{self.name}"
        argv = (str(self.environment.bin / "mlserver"), "start", str(folder))
        return Launch(argv=argv, cwd=folder, health=f"{path}/ready", predict=f"{path}/infer")

    def _implementation(self) -> str:
        if self.format not in SERVED_HERE:
            hint = f"formats that are served here: {', '.join(SERVED_HERE)}; or give the stage a `run` command"
            raise NotReady(f"`{self.format}` models are served in a cluster only", hint)
        implementation = SERVED_HERE[self.format]
        wanted = ("mlserver", implementation.partition(".")[0])
        missing = [f"`{module.replace('_', '-')}`" for module in wanted if not self._is_installed(module)]
        if missing:
            packages = " and ".join(missing)
            hint = f"add {packages} to the requirements and lock them again"
            raise NotReady(f"the environment lacks {packages}, which `{self.format}` models are served with", hint)
        return implementation

    def _is_installed(self, module: str) -> bool:
        return any(self.environment.bin.parent.glob(f"lib/python*/site-packages/{module}/__init__.py"))


class Endpoint:
    """A server that runs for as long as the `with` block does, on `port` of this machine or on one that is free.

    `folder` exists and is the endpoint's own: settings and `server.log` are written there. `env` is the whole
    environment of the process. Entering raises NotReady if it is clear before the start that this can't be served.
    """

    def __init__(
        self, server: FormatServer | CommandServer, *, folder: Path, env: Mapping[str, str], port: int | None = None
    ) -> None:
        self._server = server
        self._wanted_port = port
        self._folder = folder.absolute()
        self._env = env
        self._running = ExitStack()

    def __enter__(self) -> Self:
        ports = free_ports(self._wanted_port or 0, 0)
        self._port = ports[0]
        self._launch = self._server.launch(self._folder, ports)
        command = Command(
            argv=self._launch.argv,
            cwd=self._launch.cwd,
            env=self._env,
            log=self._folder / "server.log",
            grace=GRACE_SECONDS,
        )
        stop = self._running.enter_context(Stop())
        thread = self._running.enter_context(ThreadPoolExecutor(max_workers=1, thread_name_prefix="endpoint"))
        self._running.callback(stop.set)
        self._ending: Future[Ending] = thread.submit(run_command, command, on_line=lambda _: None, stop=stop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """Where it listens on this machine."""
        return self._port

    @property
    def url(self) -> str:
        """The address without a path."""
        return f"http://{HOST}:{self._port}"

    @property
    def predict_path(self) -> str:
        """The path that predictions are asked for at."""
        return self._launch.predict

    @property
    def predict_url(self) -> str:
        """Where predictions are asked for."""
        return self.url + self.predict_path

    def wait_ready(self, timeout: float, stop: Stop | None = None) -> None:
        """Return when it answers. Raises NotReady when its process ends, on `stop`, and after `timeout` seconds."""
        end = time.monotonic() + timeout
        while not _answers(self._port, self._launch.health):
            if wait([self._ending], RETRY_SECONDS).done:
                raise self._ended_early()
            if stop is not None and stop.is_set():
                raise NotReady("the server was stopped before it answered", "")
            if time.monotonic() >= end:
                self.stop()
                where = f"on `{self._launch.health}`" if self._launch.health else f"on port {self._port}"
                message = f"the server did not answer {where} within {timeout:g} seconds"
                hint = "check that it listens on the port it is given, and what it waits for"
                raise NotReady(message, hint, self._ending.result().last_lines)

    def wait_ended(self, stop: Stop) -> None:
        """Return when `stop` is set. Raises NotReady if the server ends before."""
        self._ending.add_done_callback(lambda _: stop.set())
        select.select([stop], [], [])
        if self._ending.done():
            raise self._ended_early()

    def stop(self) -> None:
        """End it and everything it started; a second time changes nothing."""
        self._running.close()

    def _ended_early(self) -> NotReady:
        try:
            ending = self._ending.result()
        except CannotStart as error:
            return NotReady(error.message, error.hint)
        except OSError as error:
            return NotReady(f"cannot write the server's log in `{self._folder}`: {error.strerror}", "free some space")
        how = f"signal {ending.signal}" if ending.exit_code is None else f"exit code {ending.exit_code}"
        hint = f"its whole output is in `{self._folder / 'server.log'}`"
        return NotReady(f"the server ended with {how} before it answered", hint, ending.last_lines)


def _server_settings(host: str, http_port: int, grpc_port: int) -> dict[str, object]:
    return {
        "host": host,
        "http_port": http_port,
        "grpc_port": grpc_port,
        "metrics_endpoint": None,  # a third port that nobody here asks
        "parallel_workers": 0,  # one process, as small as the model allows
        "debug": False,
    }


def free_ports(*wanted: int) -> list[int]:
    """Ports of this machine that nobody listens on now: these, and for 0 any. Raises NotReady."""
    # Asked for before the start, or what already listens there would answer for a server that can't. Should another
    # process take a port in between, the server says so and ends.
    with ExitStack() as closing:
        return [_free_port(closing.enter_context(socket.socket()), port) for port in wanted]


def _free_port(probe: socket.socket, wanted: int) -> int:
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: old connections don't count
    try:
        probe.bind((HOST, wanted))
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) else "there is no such port"
        raise NotReady(f"cannot listen on port {wanted}: {reason}", "choose another port") from error
    port: int = probe.getsockname()[1]
    return port


def _answers(port: int, path: str) -> bool:
    if not path:
        with suppress(OSError), socket.create_connection((HOST, port), timeout=PROBE_SECONDS):
            return True
        return False
    from http import HTTPStatus  # here, as most runs have no server to wait for
    from http.client import HTTPConnection, HTTPException

    connection = HTTPConnection(HOST, port, timeout=PROBE_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status in range(HTTPStatus.OK, HTTPStatus.MULTIPLE_CHOICES)
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _write_json(path: Path, value: Mapping[str, object]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
