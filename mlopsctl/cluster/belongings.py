"""What belongs to an object: the Deployments, ReplicaSets and pods that controllers made of it, in its present form."""

from collections.abc import Iterable, Mapping
from typing import Any

from mlopsctl.cluster.errors import Forbidden
from mlopsctl.cluster.objects import Objects
from mlopsctl.frozen import frozen
from mlopsctl.manifest import Document, Key

_KSERVE = "serving.kserve.io"
# Which objects have pods, directly or not.
_WITH_PODS = {
    ("", "Pod"),
    ("apps", "DaemonSet"),
    ("apps", "Deployment"),
    ("apps", "StatefulSet"),
    ("argoproj.io", "Workflow"),
    ("batch", "Job"),
    ("jobset.x-k8s.io", "JobSet"),
    ("trainer.kubeflow.org", "TrainJob"),
    (_KSERVE, "InferenceService"),
}
_THROUGH_REPLICA_SETS = {("apps", "Deployment"), (_KSERVE, "InferenceService")}
# Pods that are several owners away have a label that names who they are for.
_LABELS = {
    (_KSERVE, "InferenceService"): "serving.kserve.io/inferenceservice",
    ("jobset.x-k8s.io", "JobSet"): "jobset.sigs.k8s.io/jobset-name",
    ("trainer.kubeflow.org", "TrainJob"): "jobset.sigs.k8s.io/jobset-name",
}
_REVISION = "deployment.kubernetes.io/revision"
_HASH = "controller-revision-hash"


@frozen
class Belongings:
    """What one object has. Pods of an older form, or that are about to go, are not among them."""

    deployments: tuple[Document, ...] = ()
    replica_sets: tuple[Document, ...] = ()
    pods: tuple[Document, ...] = ()

    @property
    def all(self) -> tuple[Document, ...]:
        """Every one of them."""
        return self.deployments + self.replica_sets + self.pods


def has_pods(key: Key) -> bool:
    """Whether objects of this kind have pods."""
    return (key.group, key.kind) in _WITH_PODS


class Surroundings:
    """What there was in a namespace at one moment of all that may belong to these objects, each kind asked for once.

    `unseen` says what of it may not be seen.
    """

    def __init__(self, objects: Objects, namespace: str, keys: Iterable[Key]) -> None:
        kinds = {(key.group, key.kind) for key in keys}
        self._objects = objects
        self._namespace = namespace
        self._unseen: list[str] = []
        self._deployments = self._listed("apps/v1", "Deployment") if (_KSERVE, "InferenceService") in kinds else []
        self._replica_sets = self._listed("apps/v1", "ReplicaSet") if kinds & _THROUGH_REPLICA_SETS else []
        self._pods = self._listed("v1", "Pod") if kinds & _WITH_PODS else []

    @property
    def unseen(self) -> tuple[str, ...]:
        """Phrases such as `no right to list pods in the namespace …`."""
        return tuple(self._unseen)

    def of(self, key: Key, document: Document) -> Belongings:
        """What belongs to an object."""
        if (key.group, key.kind) == ("", "Pod"):
            return Belongings(pods=(document,))
        deployments = [found for found in self._deployments if _owner(found) == _uid(document)]
        heads = [document] if (key.group, key.kind) == ("apps", "Deployment") else deployments
        # Of a Deployment's ReplicaSets the one of its own revision is the present one; others are on their way out.
        current = {(_uid(head), _annotation(head, _REVISION)) for head in heads}
        sets = [found for found in self._replica_sets if (_owner(found), _annotation(found, _REVISION)) in current]
        owners = {_uid(document), *map(_uid, sets)}
        pods = [pod for pod in self._pods if _owner(pod) in owners or (not heads and _is_labelled(pod, key))]
        return Belongings(tuple(deployments), tuple(sets), tuple(pod for pod in pods if _is_present(pod, document)))

    def _listed(self, api_version: str, kind: str) -> list[Document]:
        try:
            return self._objects.listed(api_version, kind, self._namespace)
        except Forbidden as error:
            self._unseen.append(f"no right to {error.action} {error.scope}".rstrip())
            return []


def _uid(document: Document) -> str:
    return str(document["metadata"].get("uid", ""))


def _owner(document: Document) -> str:
    """The uid of what made it; of its owners, that is the one that says so."""
    owners: list[Mapping[str, Any]] = document["metadata"].get("ownerReferences") or []
    return next((str(owner["uid"]) for owner in owners if owner.get("controller")), "")


def _annotation(document: Document, name: str) -> str:
    return str((document["metadata"].get("annotations") or {}).get(name, ""))


def _is_labelled(pod: Document, key: Key) -> bool:
    label = _LABELS.get((key.group, key.kind))
    return label is not None and (pod["metadata"].get("labels") or {}).get(label) == key.name


def _is_present(pod: Document, owner: Document) -> bool:
    """Whether a pod is of the owner's present form, and is to stay."""
    if pod["metadata"].get("deletionTimestamp"):
        return False
    wanted = (owner.get("status") or {}).get("updateRevision")  # StatefulSets tell
    return not wanted or (pod["metadata"].get("labels") or {}).get(_HASH) == wanted
