import json
import os
import socket
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from mlopsctl.engine.cache import default_cache
from mlopsctl.engine.endpoint import CommandServer, Endpoint, FormatServer, NotReady
from mlopsctl.engine.environment import Environment, environment_for
from mlopsctl.runtime.load_test import LoadTest, run_load_test
from tests.waiting import PATIENCE

SERVING_LOCK = Path(__file__).parents[2] / "local" / "serving.lock"
TRAIN = """
import sys, joblib
from sklearn.linear_model import LogisticRegression
joblib.dump(LogisticRegression().fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]), sys.argv[1])
"""


def children() -> set[int]:
    tasks = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return {int(pid) for task in tasks for pid in task.read_text().split()}


def is_running(stat: Path) -> bool:
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until_logged(log: Path, text: str, *, knock_at: str) -> None:
    """Return once the server has got as far as to write this; how long that takes is the machine's affair."""
    deadline = time.monotonic() + PATIENCE
    while not (log.exists() and text in log.read_text()):
        assert time.monotonic() < deadline, f"the server never says {text!r}"
        with suppress(OSError):  # it doesn't listen yet, or refuses: which is what some of them write of
            urllib.request.urlopen(knock_at, timeout=1).close()
        time.sleep(0.02)


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    before = children()
    yield
    assert children() == before


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., Endpoint]:
    def command(script: str, *, health: str = "/") -> Endpoint:
        server = CommandServer(
            argv=lambda port: ("/bin/sh", "-c", script.replace("PORT", str(port))), cwd=tmp_path, health=health
        )
        return Endpoint(server, folder=tmp_path, env=dict(os.environ))

    return command


FILES = f"exec {sys.executable} -m http.server --bind 127.0.0.1 PORT"


def test_it_answers_and_ends_with_the_block(command: Callable[..., Endpoint], tmp_path: Path) -> None:
    (tmp_path / "healthz").write_text("fine")
    with command(f"sleep 0.3; {FILES}", health="/healthz") as endpoint:
        endpoint.wait_ready(10)
        with urllib.request.urlopen(f"{endpoint.url}/healthz") as answer:
            assert answer.read() == b"fine"
        assert endpoint.predict_url == f"{endpoint.url}/"
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(endpoint.url)
    endpoint.stop()


def test_what_the_server_started_ends_with_it(command: Callable[..., Endpoint], tmp_path: Path) -> None:
    with command(f"sleep 60 & echo $! > worker; {FILES}") as endpoint:
        endpoint.wait_ready(10)
    worker = Path("/proc", (tmp_path / "worker").read_text().strip(), "stat")
    deadline = time.monotonic() + 30  # half of what it would last; one that was killed may be seen for a moment
    while is_running(worker):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_early_end_is_noticed_at_once(command: Callable[..., Endpoint], tmp_path: Path) -> None:
    started = time.monotonic()
    with command("echo loading; echo no such model >&2; exit 3") as endpoint, pytest.raises(NotReady) as caught:
        endpoint.wait_ready(60)
    assert time.monotonic() - started < 30
    assert caught.value.message == "the server ended with exit code 3 before it answered"
    assert caught.value.log_tail == ("loading", "no such model")
    assert str(tmp_path / "server.log") in caught.value.hint


@pytest.mark.parametrize(
    ("script", "health", "said"),
    [
        pytest.param(FILES, "/missing", "404", id="answers with an error"),
        pytest.param("echo starting; exec sleep 60", "/", "starting", id="does not listen"),
    ],
)
def test_one_that_is_never_ready_is_stopped(
    command: Callable[..., Endpoint], script: str, health: str, said: str, tmp_path: Path
) -> None:
    others = children()  # such as servers that other tests share
    with command(script, health=health) as endpoint:
        wait_until_logged(tmp_path / "server.log", said, knock_at=f"{endpoint.url}{health}")
        with pytest.raises(NotReady) as caught:
            endpoint.wait_ready(0.5)
        assert children() == others
    assert caught.value.message == f"the server did not answer on `{health}` within 0.5 seconds"
    assert any(said in line for line in caught.value.log_tail)


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    server = CommandServer(argv=lambda _: ("no-such-server",), cwd=tmp_path)
    with Endpoint(server, folder=tmp_path, env={}) as endpoint, pytest.raises(NotReady, match="no such program"):
        endpoint.wait_ready(10)


def test_a_log_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    server = CommandServer(argv=lambda _: ("true",), cwd=tmp_path)
    missing = tmp_path / "missing"
    with Endpoint(server, folder=missing, env={}) as endpoint, pytest.raises(NotReady, match="cannot write"):
        endpoint.wait_ready(10)


def test_the_port_can_be_chosen(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = CommandServer(
        argv=lambda port: (sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)), cwd=tmp_path
    )
    with Endpoint(server, folder=tmp_path, env={}, port=port) as endpoint:
        endpoint.wait_ready(10)
        assert endpoint.url == f"http://127.0.0.1:{port}"


def test_a_port_that_is_taken_is_not_mistaken_for_ours(command: Callable[..., Endpoint], tmp_path: Path) -> None:
    with command(FILES) as other:
        other.wait_ready(10)
        port = int(other.url.rpartition(":")[2])
        server = CommandServer(argv=lambda _: ("sleep", "60"), cwd=tmp_path)
        with pytest.raises(NotReady, match=f"cannot listen on port {port}: Address already in use"):
            Endpoint(server, folder=tmp_path, env={}, port=port).__enter__()


def test_a_port_that_cannot_be_says_so(tmp_path: Path) -> None:
    server = CommandServer(argv=lambda _: ("sleep", "60"), cwd=tmp_path)
    with pytest.raises(NotReady, match="cannot listen on port 99999: there is no such port"):
        Endpoint(server, folder=tmp_path, env={}, port=99999).__enter__()


def test_an_error_in_the_block_ends_it_too(command: Callable[..., Endpoint]) -> None:
    def fail(endpoint: Endpoint) -> None:
        with endpoint:
            endpoint.wait_ready(10)
            raise LookupError

    with pytest.raises(LookupError):
        fail(command(FILES))


def format_server(environment: Environment, form: str, model: Path) -> FormatServer:
    return FormatServer(format=form, name="flight-delays", model=model, environment=environment)


@pytest.fixture
def bare(tmp_path: Path) -> Environment:
    return environment_for(None, python=None, cache=tmp_path / "cache", on_line=lambda _: None)


def test_packages_that_are_missing_are_named(bare: Environment, tmp_path: Path) -> None:
    endpoint = Endpoint(format_server(bare, "sklearn", tmp_path / "model.joblib"), folder=tmp_path, env={})
    with pytest.raises(NotReady) as caught, endpoint:
        pass
    assert "`mlserver` and `mlserver-sklearn`" in caught.value.message
    assert caught.value.hint == "add `mlserver` and `mlserver-sklearn` to the requirements and lock them again"


@pytest.mark.parametrize("form", ["vllm", "onnx", "triton", "huggingface"])
def test_a_format_that_needs_a_cluster_says_so(bare: Environment, tmp_path: Path, form: str) -> None:
    endpoint = Endpoint(format_server(bare, form, tmp_path / "model"), folder=tmp_path, env={})
    with pytest.raises(NotReady, match=f"`{form}` models are served in a cluster only") as caught, endpoint:
        pass
    assert "lightgbm, mlflow, sklearn, xgboost" in caught.value.hint


@pytest.fixture(scope="module")
def serving() -> Environment:
    # In the user's cache, as for a user: tens of packages that need to be installed once only.
    return environment_for(SERVING_LOCK, python="3.11", cache=default_cache(os.environ), on_line=print)


@pytest.fixture
def model(serving: Environment, tmp_path: Path) -> Path:
    path = tmp_path / "model.joblib"
    assert os.spawnv(os.P_WAIT, serving.python, [str(serving.python), "-c", TRAIN, str(path)]) == 0
    return path


def folders(tmp_path: Path) -> Iterator[Path]:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        yield tmp_path / name


@pytest.mark.slow
def test_two_models_are_served_at_once_from_the_pipelines_packages(
    serving: Environment, model: Path, tmp_path: Path
) -> None:
    request = json.dumps({"inputs": [{"name": "x", "shape": [2, 1], "datatype": "FP64", "data": [0.1, 2.9]}]}).encode()
    with ExitStack() as running:
        server = format_server(serving, "sklearn", model)
        endpoints = [
            running.enter_context(Endpoint(server, folder=folder, env=dict(os.environ))) for folder in folders(tmp_path)
        ]
        for endpoint in endpoints:
            endpoint.wait_ready(60)
            post = urllib.request.Request(endpoint.predict_url, request, {"Content-Type": "application/json"})
            with urllib.request.urlopen(post) as answer:
                predicted = json.load(answer)
            assert predicted["model_name"] == "flight-delays"
            assert predicted["outputs"][0]["data"] == [0, 1]
        report = run_load_test(LoadTest(url=endpoints[0].predict_url, users=2, duration=1.0, body=request))
        assert (report.errors, report.requests > 20) == (0, True)


@pytest.mark.slow
def test_a_model_that_cannot_be_loaded_says_why(serving: Environment, tmp_path: Path) -> None:
    broken = tmp_path / "model.joblib"
    broken.write_text("not a model")
    server = format_server(serving, "sklearn", broken)
    with Endpoint(server, folder=tmp_path, env=dict(os.environ)) as endpoint, pytest.raises(NotReady) as caught:
        endpoint.wait_ready(60)
    assert caught.value.message.startswith("the server ended with")
    assert caught.value.log_tail
