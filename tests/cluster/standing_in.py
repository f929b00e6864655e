"""Somebody who answers in the place of KServe and of a gateway, where there is an API server and nothing else."""

import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from kubernetes.client import ApiException

from tests.cluster.examining import Admin

SERVICES = ("serving.kserve.io/v1beta1", "inferenceservices")
ROUTES = ("gateway.networking.k8s.io/v1", "httproutes")
_PAUSE = 0.3


@contextmanager
def controllers(admin: Admin, namespaces: Collection[str]) -> Iterator[None]:
    """Each InferenceService of these namespaces is ready as soon as it is seen, and each HTTPRoute is followed."""
    standing_in = _StandingIn(admin, namespaces)
    standing_in.start()
    try:
        yield
    finally:
        standing_in.ended.set()
        standing_in.join()


class _StandingIn(threading.Thread):
    def __init__(self, admin: Admin, namespaces: Collection[str]) -> None:
        super().__init__(daemon=True)
        self._admin = admin
        self._paths = [
            (f"/apis/{group}/namespaces/{namespace}/{plural}", status)
            for namespace in namespaces
            for (group, plural), status in ((SERVICES, _loaded), (ROUTES, _followed))
        ]
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(_PAUSE):
            for path, status in self._paths:
                for found in self._admin.ask("GET", path)["items"]:
                    self._see(path, found, status(found))

    def _see(self, path: str, found: Mapping[str, Any], status: dict[str, Any]) -> None:
        if _seen(found.get("status") or {}) == _seen(status):
            return
        try:
            self._admin.merge(f"{path}/{found['metadata']['name']}/status", {"status": status})
        except ApiException as error:
            if error.status not in (404, 409):  # it is gone, or was changed meanwhile
                raise


def _seen(status: Mapping[str, Any]) -> list[int]:
    """The generations that a status is about."""
    parents = [entry for parent in status.get("parents") or () for entry in parent["conditions"]]
    return [status.get("observedGeneration", 0), *(entry.get("observedGeneration", 0) for entry in parents)]


def _condition(kind: str, generation: int) -> dict[str, Any]:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    said = {"type": kind, "status": "True", "reason": kind, "message": "", "lastTransitionTime": now}
    return {**said, "observedGeneration": generation}


def _loaded(service: Mapping[str, Any]) -> dict[str, Any]:
    kinds = ("PredictorReady", "IngressReady", "Ready")
    conditions = [{k: v for k, v in _condition(kind, 0).items() if k != "observedGeneration"} for kind in kinds]
    return {
        "observedGeneration": service["metadata"]["generation"],
        "conditions": conditions,
        "modelStatus": {"transitionStatus": "UpToDate", "states": {"activeModelState": "Loaded"}},
    }


def _followed(route: Mapping[str, Any]) -> dict[str, Any]:
    generation = route["metadata"]["generation"]
    conditions = [_condition(kind, generation) for kind in ("Accepted", "ResolvedRefs")]
    parents = route["spec"].get("parentRefs") or ()
    return {
        "parents": [
            {"parentRef": ref, "controllerName": "example.com/tests", "conditions": conditions} for ref in parents
        ]
    }
