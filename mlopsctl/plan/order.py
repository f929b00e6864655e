"""In which order objects are made and deleted: what others need comes first and goes last."""

from collections.abc import Iterable
from itertools import groupby
from typing import Protocol, TypeVar

from mlopsctl.manifest import Key

_ROUTES = frozenset({"HTTPRoute", "GRPCRoute", "Ingress"})
# Each line is a rank: its objects don't need one another, and may need those above. By kind, as kinds that don't exist
# twice under one name are clear enough, and so those of other tools' groups have their place, too.
_RANKS: tuple[frozenset[str], ...] = (
    frozenset({"Namespace"}),
    frozenset({"CustomResourceDefinition"}),
    frozenset({"ServiceAccount", "Role", "ClusterRole", "ResourceQuota", "LimitRange", "PriorityClass"}),
    frozenset({"RoleBinding", "ClusterRoleBinding", "NetworkPolicy"}),
    frozenset({"ConfigMap", "Secret", "PersistentVolumeClaim"}),
    frozenset({"WorkflowTemplate", "ClusterWorkflowTemplate", "WorkflowEventBinding"}),
    frozenset({"ServingRuntime", "ClusterServingRuntime", "ClusterStorageContainer"}),
    frozenset({"InferenceService", "Service", "Deployment", "StatefulSet", "PodDisruptionBudget"}),
    frozenset({"HorizontalPodAutoscaler", "ScaledObject", "ServiceMonitor", "PodMonitor", "PrometheusRule"}),
    _ROUTES,
    frozenset({"CronWorkflow"}),
    frozenset({"Workflow", "Job"}),
)
# What isn't listed comes when all that it may read is there, and before anything routes or runs.
_OTHERS = _RANKS.index(next(rank for rank in _RANKS if "InferenceService" in rank))
_BY_KIND = {kind: number for number, rank in enumerate(_RANKS) for kind in rank}


class Keyed(Protocol):
    """What is about one object, such as a Manifest or an ObjectChange."""

    @property
    def key(self) -> Key:
        """The object."""


T = TypeVar("T", bound=Keyed)


def in_order(objects: Iterable[T]) -> list[T]:
    """As they are applied: by rank, then by namespace, kind and name."""
    return sorted(objects, key=lambda each: _place(each.key))


def in_order_of_deletion(objects: Iterable[T]) -> list[T]:
    """The same, last first."""
    return in_order(objects)[::-1]


def ranks(objects: Iterable[T]) -> tuple[tuple[T, ...], ...]:
    """The objects as they are applied, those together that can be at once; whoever applies waits between ranks."""
    return tuple(tuple(rank) for _, rank in groupby(in_order(objects), key=lambda each: _rank(each.key)))


def ranks_of_deletion(objects: Iterable[T]) -> tuple[tuple[T, ...], ...]:
    """The same, last first."""
    return tuple(rank[::-1] for rank in ranks(objects)[::-1])


def moves_traffic(key: Key) -> bool:
    """Whether requests go elsewhere with such an object, so that what it points at has to be ready before."""
    return key.kind in _ROUTES


def takes_traffic(key: Key) -> bool:
    """Whether requests may be sent to what such an object stands for."""
    return _rank(key) == _OTHERS


def _place(key: Key) -> tuple[int, str, str, str, str]:
    return (_rank(key), key.namespace, key.kind, key.name, key.group)


def _rank(key: Key) -> int:
    return _BY_KIND.get(key.kind, _OTHERS)
