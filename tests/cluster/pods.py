"""The pods of runs, as tests find them, tell them to go on, and take them away."""

import time
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen, TimeoutExpired
from typing import Any

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.stream import stream

from mlopsctl.render.rendering import STAGE
from tests.waiting import PATIENCE

# What a stage does until `RunPods.go`; it never takes longer than that.
UNTIL_GO = "echo begun; until test -e /tmp/go; do sleep 0.2; done"


class RunPods:
    """The pods of all runs in one namespace."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self._kubeconfig, self._namespace = kubeconfig, namespace
        self._taken: set[str] = set()
        self._core = client.CoreV1Api(config.new_client_from_config(str(kubeconfig)))

    def begun(self, stage: str, *, count: int = 1) -> list[str]:
        """The names of so many pods of a stage whose commands have begun, and which nobody has taken away."""
        found: dict[str, str] = {}

        def are_there() -> bool:
            found.clear()
            found.update(self._begun(stage))
            return len(found) >= count

        _wait(are_there, lambda: f"{stage} has not begun: {found}")
        return list(found.values())

    def ended(self, process: Popen[str], *, evicting: str, patience: float) -> tuple[str, str]:
        """What a run has printed at its end. Each pod that the stage still gets is evicted, too.

        Argo makes a pod anew, as if there had been none, if it went away while Argo was looking at the workflow.
        """
        deadline = time.monotonic() + patience
        while True:
            try:
                return process.communicate(timeout=2)
            except TimeoutExpired:
                assert time.monotonic() < deadline, "the run doesn't end"
                for name in self._begun(evicting).values():
                    self.evict(name)

    def log(self, pod: str) -> str:
        """What the command in a pod has printed; nothing if there is none to ask."""
        try:
            return str(self._core.read_namespaced_pod_log(pod, self._namespace, container="main"))
        except ApiException:
            return ""

    def await_line(self, pod: str, words: str) -> None:
        """Return once a pod has printed this."""
        _wait(lambda: words in self.log(pod), lambda: f"{pod} doesn't say `{words}`: {self.log(pod)}")

    def go(self, pod: str) -> None:
        """Let a stage go on that waits as UNTIL_GO does. A runtime that has just begun takes no orders yet."""
        _wait(lambda: self._touched(pod), lambda: f"{pod} can't be told to go on")

    def _begun(self, stage: str) -> dict[str, str]:
        pods = self._core.list_namespaced_pod(self._namespace, label_selector=f"{STAGE}={stage}").items
        living = {pod.metadata.uid: pod.metadata.name for pod in pods if pod.metadata.uid not in self._taken}
        return {uid: name for uid, name in living.items() if "begun\n" in self.log(name)}

    def _touched(self, pod: str) -> bool:
        # A client of its own, as it is changed to speak in web sockets.
        core = client.CoreV1Api(config.new_client_from_config(str(self._kubeconfig)))
        try:
            touching = stream(
                core.connect_get_namespaced_pod_exec,
                pod,
                self._namespace,
                container="main",
                command=["touch", "/tmp/go"],
                stdout=True,
                _preload_content=False,
            )
        except ApiException:
            return False
        touching.run_forever(timeout=PATIENCE)
        touching.sock.shutdown()  # which `close` leaves to others where the server closed first
        return bool(touching.returncode == 0)

    def evict(self, pod: str) -> None:
        """What whoever drains a node does to its pods."""
        self._take(pod)
        body = client.V1Eviction(metadata=client.V1ObjectMeta(name=pod, namespace=self._namespace))
        self._core.create_namespaced_pod_eviction(pod, self._namespace, body)

    def lose(self, pod: str) -> None:
        """What becomes of a pod whose node is gone: it has no time to end."""
        self._take(pod)
        self._core.delete_namespaced_pod(pod, self._namespace, grace_period_seconds=0)

    def _take(self, pod: str) -> None:
        """Remember it by its uid, once Argo knows that it runs: else Argo makes another one of the name."""
        metadata = self._core.read_namespaced_pod(pod, self._namespace).metadata
        _wait(lambda: self._phase(metadata) == "Running", lambda: f"Argo has {self._phase(metadata)!r} for {pod}")
        self._taken.add(metadata.uid)

    def _phase(self, pod: client.V1ObjectMeta) -> str:
        """What Argo says of a pod."""
        of = ("argoproj.io", "v1alpha1", self._namespace, "workflows", pod.labels["workflows.argoproj.io/workflow"])
        workflow: Any = client.CustomObjectsApi(self._core.api_client).get_namespaced_custom_object(*of)
        node = workflow.get("status", {}).get("nodes", {}).get(pod.annotations["workflows.argoproj.io/node-id"], {})
        return str(node.get("phase", ""))


def _wait(holds: Callable[[], bool], why: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, why()
        time.sleep(0.2)
