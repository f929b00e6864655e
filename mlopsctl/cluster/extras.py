"""What some pipelines make use of and none needs to be applied at all."""

from mlopsctl.cluster import definitions
from mlopsctl.cluster.connection import Connection
from mlopsctl.cluster.definitions import Kinds
from mlopsctl.examination import Observation, State
from mlopsctl.frozen import frozen

PART = "Optional"


@frozen
class _Extra:
    name: str
    group: str
    version: str
    resource: str
    use: str


_EXTRAS = (
    _Extra("JobSet", "jobset.x-k8s.io", "v1alpha2", "jobsets", "training on several nodes: https://jobset.sigs.k8s.io"),
    _Extra(
        "Kubeflow Trainer",
        "trainer.kubeflow.org",
        "v1alpha1",
        "trainjobs",
        "training on several nodes by its runtimes: https://www.kubeflow.org/docs/components/trainer/",
    ),
    _Extra("Kueue", "kueue.x-k8s.io", "v1beta1", "localqueues", "quotas and queues: https://kueue.sigs.k8s.io"),
    _Extra(
        "Prometheus operator",
        "monitoring.coreos.com",
        "v1",
        "prometheusrules",
        "alerts of what serves: https://prometheus-operator.dev",
    ),
)


def observe(connection: Connection) -> list[Observation]:
    """One line for each."""
    return [_observe(connection, extra) for extra in _EXTRAS]


def _observe(connection: Connection, extra: _Extra) -> Observation:
    kinds = Kinds(PART, extra.group, extra.version, (extra.resource,), extra.use)
    found = definitions.definitions(connection, kinds, required=False)
    advice = "" if found.state is State.FINE else f"install it for {extra.use}"
    return Observation(PART, extra.name, found.state, found.found, advice)
