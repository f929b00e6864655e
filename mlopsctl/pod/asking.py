"""Whether a server of ours answers inside the cluster: by a prediction, if there is one to ask for."""

import select
import time
from collections.abc import Sequence
from itertools import product

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.engine.serving import HEALTH
from mlopsctl.frozen import frozen
from mlopsctl.ir.model import DeployStage
from mlopsctl.pod import faults
from mlopsctl.pod.models import deploy_stage
from mlopsctl.pod.session import mounted_contract
from mlopsctl.pod.settings import Settings
from mlopsctl.runtime.http_messages import OUR_AGENT
from mlopsctl.runtime.load_test import nearest_rank
from mlopsctl.runtime.stop import Stop
from mlopsctl.store import open_store

_SECONDS = 30.0  # names and services of a cluster take a moment to be known everywhere
_PAUSE = 0.3
_BETWEEN = 1.0
_TIMEOUT = 10.0
_LONGEST = 200


@frozen
class Paths:
    """Where a server says that it is ready, and where it is asked for predictions."""

    health: str
    predict: str


@frozen
class Answered:
    """The base of the address that answered, and its paths; if it is empty, why none did, after how long."""

    base: str
    paths: Paths
    why: str
    seconds: float


def run(name: str, settings: Settings) -> int:
    """Ask the server of this container for the prediction that its load test asks for, or else for its health.

    Raises DiagnosedError if it doesn't answer with 2xx, StoreError if the request isn't to be had.
    """
    contract = mounted_contract(settings)
    stage = deploy_stage(name, contract)
    pinned = contract.data.get(stage.load_test.request) if stage.load_test else None
    request = open_store(settings.store).get_bytes(pinned.digest) if pinned else None
    path = _asked(ways_of(stage, contract.pipeline.name, "")[0], request)
    if fault := _fault(f"http://127.0.0.1:{settings.ports[0]}{path}", request):
        raise DiagnosedError(faults.no_answer(stage.name, path, fault))
    return 0


def ways_of(stage: DeployStage, pipeline: str, service: str) -> tuple[Paths, ...]:
    """The paths of a stage's server.

    A ServingRuntime of the cluster may call the model as the InferenceService is called, in place of the pipeline.
    """
    return tuple(_paths_of(stage, name) for name in ((pipeline, service) if stage.server.runtime else (pipeline,)))


def _paths_of(stage: DeployStage, name: str) -> Paths:
    model = f"/v2/models/{name}"
    return Paths(stage.server.health or (HEALTH if stage.server.run else f"{model}/ready"), f"{model}/infer")


def first_answer(bases: Sequence[str], ways: Sequence[Paths], request: bytes | None, stop: Stop) -> Answered:
    """The first that answers with 2xx: to the request, or without one where it says its health."""
    begun = time.monotonic()
    while True:
        faults: dict[str, str] = {}
        for base, paths in product(bases, ways):
            path = _asked(paths, request)
            if not (fault := _fault(base + path, request)):
                return Answered(base, paths, "", time.monotonic() - begun)
            faults.setdefault(path, fault)
        seconds = time.monotonic() - begun
        if stop.is_set() or seconds > _SECONDS:
            why = ", ".join(f"`{path}` answers with {fault}" for path, fault in faults.items())
            return Answered("", ways[0], why, seconds)
        select.select([stop], [], [], _PAUSE)


def _asked(paths: Paths, request: bytes | None) -> str:
    return paths.predict if request is not None else paths.health


def _fault(url: str, request: bytes | None) -> str:
    """What is wrong with the answer; empty if nothing is."""
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    headers = {"User-Agent": OUR_AGENT} | ({} if request is None else {"Content-Type": "application/json"})
    try:
        with urlopen(Request(url, data=request, headers=headers), timeout=_TIMEOUT) as found:  # noqa: S310 - ours
            found.read()
    except HTTPError as error:
        return f"{error.code}: {error.read(_LONGEST).decode(errors='replace')}".rstrip(": ")
    except (OSError, ValueError) as error:
        return str(error)
    return ""


@frozen
class Watched:
    """What came of asking again and again: how many answers, how many of them faulty, and their 99th percentile in ms.

    `first` is the first fault, empty if there was none.
    """

    answers: int
    errors: int
    p99: float | None
    first: str


def watch(server: Answered, request: bytes | None, seconds: float, stop: Stop) -> Watched:
    """Ask once a second for as long, and at least once."""
    url = server.base + _asked(server.paths, request)
    until, milliseconds, faults = time.monotonic() + seconds, list[float](), list[str]()
    while True:
        begun = time.monotonic()
        fault = _fault(url, request)
        if fault:
            faults.append(fault)
        else:
            milliseconds.append((time.monotonic() - begun) * 1000)
        left = until - time.monotonic()
        if left <= 0 or stop.is_set():
            break
        select.select([stop], [], [], min(left, _BETWEEN))
    p99 = nearest_rank(sorted(milliseconds), 99) if milliseconds else None
    return Watched(len(milliseconds) + len(faults), len(faults), p99, faults[0] if faults else "")
