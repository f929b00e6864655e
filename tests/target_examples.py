"""One object of each kind that is rendered, with many fields, and what can be made wrong with it."""

import copy
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
Path = tuple[str | int, ...]

_PODS = {"matchLabels": {"app": "churn"}}
_BACKEND = {"name": "churn-predictor", "port": 80, "weight": 90}
_CONTAINER: Json = {
    "name": "main",
    "image": "registry.example/churn@sha256:1f",
    "command": ["sh", "-c"],
    "args": ["python train.py"],
    "env": [
        {"name": "TREES", "value": "100"},
        {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "access", "key": "token"}}},
    ],
    "resources": {"requests": {"cpu": "500m", "memory": "2Gi"}, "limits": {"memory": "2Gi", "nvidia.com/gpu": 1}},
    "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
    "securityContext": {"runAsNonRoot": True, "capabilities": {"drop": ["ALL"]}},
}
_VOLUMES: list[Json] = [{"name": "scratch", "emptyDir": {"sizeLimit": "1Gi"}}]
_WORKFLOW: Json = {
    "entrypoint": "main",
    "serviceAccountName": "churn",
    "arguments": {"parameters": [{"name": "month", "value": "2013-02"}]},
    "activeDeadlineSeconds": 3600,
    "ttlStrategy": {"secondsAfterCompletion": 600},
    "podGC": {"strategy": "OnPodSuccess", "deleteDelayDuration": "600s"},
    "volumes": _VOLUMES,
    "templates": [
        {
            "name": "main",
            "dag": {
                "tasks": [
                    {"name": "load", "template": "run", "arguments": {"parameters": [{"name": "n", "value": "1"}]}},
                    {"name": "train", "template": "run", "depends": "load.Succeeded", "withItems": [1, {"a": "b"}]},
                ]
            },
        },
        {
            "name": "run",
            "inputs": {"parameters": [{"name": "n", "default": "1"}]},
            "outputs": {"parameters": [{"name": "key", "valueFrom": {"path": "/tmp/key", "default": ""}}]},
            "metadata": {"labels": {"app": "churn"}},
            "nodeSelector": {"pool": "gpu"},
            "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
            "retryStrategy": {
                "limit": 2,
                "retryPolicy": "Always",
                "backoff": {"duration": "10s", "factor": 2, "maxDuration": "1h"},
            },
            "container": _CONTAINER,
        },
    ],
}


def _object(version: str, kind: str, **fields: Any) -> Json:
    metadata = {"name": "churn", "labels": {"app": "churn"}, "annotations": {"mlopsctl.dev/commit": "1f"}}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **fields}


# By the path under which a server has them, below a namespace.
EXAMPLES: dict[str, Json] = {
    "apis/argoproj.io/v1alpha1/workflowtemplates": _object("argoproj.io/v1alpha1", "WorkflowTemplate", spec=_WORKFLOW),
    "apis/argoproj.io/v1alpha1/cronworkflows": _object(
        "argoproj.io/v1alpha1",
        "CronWorkflow",
        spec={
            "schedules": ["0 4 * * *"],
            "timezone": "Europe/Berlin",
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": 600,
            "suspend": False,
            "workflowSpec": {"workflowTemplateRef": {"name": "churn"}},
        },
    ),
    "apis/serving.kserve.io/v1beta1/inferenceservices": _object(
        "serving.kserve.io/v1beta1",
        "InferenceService",
        spec={
            "predictor": {
                "minReplicas": 1,
                "maxReplicas": 3,
                "scaleTarget": 80,
                "scaleMetric": "cpu",
                "timeout": 30,
                "serviceAccountName": "churn",
                "deploymentStrategy": {
                    "type": "RollingUpdate",
                    "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "25%"},
                },
                "model": {
                    "modelFormat": {"name": "sklearn", "version": "1"},
                    "protocolVersion": "v2",
                    "storageUri": "s3://models/churn",
                    "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}},
                    "env": [{"name": "A", "value": "b"}],
                },
            }
        },
    ),
    "apis/gateway.networking.k8s.io/v1/httproutes": _object(
        "gateway.networking.k8s.io/v1",
        "HTTPRoute",
        spec={
            "parentRefs": [{"name": "public", "namespace": "gateways"}],
            "hostnames": ["churn.example.com"],
            "rules": [
                {
                    "matches": [{"path": {"type": "PathPrefix", "value": "/v2"}}],
                    "backendRefs": [_BACKEND, {**_BACKEND, "name": "churn-next", "weight": 10}],
                }
            ],
        },
    ),
    "apis/monitoring.coreos.com/v1/prometheusrules": _object(
        "monitoring.coreos.com/v1",
        "PrometheusRule",
        spec={
            "groups": [
                {
                    "name": "churn",
                    "interval": "30s",
                    "rules": [{"alert": "Drift", "expr": "drift > 0.2", "for": "10m", "labels": {"severity": "page"}}],
                }
            ]
        },
    ),
    "apis/monitoring.coreos.com/v1/podmonitors": _object(
        "monitoring.coreos.com/v1",
        "PodMonitor",
        spec={"selector": _PODS, "podMetricsEndpoints": [{"port": "metrics", "interval": "30s"}]},
    ),
    "apis/kueue.x-k8s.io/v1beta1/localqueues": _object(
        "kueue.x-k8s.io/v1beta1", "LocalQueue", spec={"clusterQueue": "gpus"}
    ),
    "api/v1/configmaps": _object("v1", "ConfigMap", data={"contract.json": "{}"}, binaryData={"b": "AAEC"}),
    "api/v1/serviceaccounts": _object("v1", "ServiceAccount", automountServiceAccountToken=False),
    "api/v1/services": _object(
        "v1",
        "Service",
        spec={"selector": {"app": "churn"}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
    ),
    "apis/rbac.authorization.k8s.io/v1/roles": _object(
        "rbac.authorization.k8s.io/v1",
        "Role",
        rules=[{"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]}],
    ),
    "apis/rbac.authorization.k8s.io/v1/rolebindings": _object(
        "rbac.authorization.k8s.io/v1",
        "RoleBinding",
        roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "churn"},
        subjects=[{"kind": "ServiceAccount", "name": "churn", "namespace": "default"}],
    ),
    "apis/networking.k8s.io/v1/networkpolicies": _object(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        spec={
            "podSelector": _PODS,
            "policyTypes": ["Ingress"],
            "ingress": [{"from": [{"podSelector": {}}], "ports": [{"port": 8080, "protocol": "TCP"}]}],
        },
    ),
    "apis/apps/v1/deployments": _object(
        "apps/v1",
        "Deployment",
        spec={
            "replicas": 2,
            "selector": _PODS,
            "template": {
                "metadata": {"labels": {"app": "churn"}},
                "spec": {"containers": [{**_CONTAINER, "ports": [{"containerPort": 8080}]}], "volumes": _VOLUMES},
            },
        },
    ),
}


def wrong_ones(example: Json) -> Iterator[tuple[str, Json]]:
    """The example with one thing changed at a time, most of which makes it wrong, and what was changed."""
    for path in places(example):
        value = at(example, path)
        if path[:1] in (("apiVersion",), ("kind",)):
            continue
        for other in _others(value) if path else ():
            yield f"{path} = {other!r}", changed(example, path, other)
        if isinstance(path[-1] if path else 0, str):
            yield f"without {path}", without(example, path)
        if isinstance(value, dict):
            yield f"{path} with another field", changed(example, path, {**value, "notAField": "x"})
        if isinstance(value, list) and value:
            yield f"{path} with an item twice", changed(example, path, [*value, value[0]])


def _others(value: Any) -> list[Any]:
    """Values that are hardly ever right in the place of one that is."""
    match value:
        case bool():
            return ["true", 1, None]
        case str():
            return ["", "Has Space", 7, {}, None]
        case int():
            return [-1, 2**31, 2**63, 0.5, "not one of these_", {}]
        case list():
            return ["x", {}, [{}], [None]]
        case _:
            return ["x", 7, []]


def places(value: Any, above: Path = ()) -> Iterator[Path]:
    """The paths of all values in a value, itself among them."""
    yield above
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, part in below:
        yield from places(part, (*above, step))


def at(value: Any, path: Path) -> Any:
    """What is at a path."""
    for step in path:
        value = value[step]
    return value


def changed(document: Any, path: Path, value: Any) -> Any:
    """The document with another value at a path."""
    if not path:
        return value
    made = copy.copy(document)
    made[path[0]] = changed(document[path[0]], path[1:], value)
    return made


def without(document: Any, path: Path) -> Any:
    """The document without what is at a path."""
    around = at(document, path[:-1])
    return changed(document, path[:-1], {name: part for name, part in around.items() if name != path[-1]})
