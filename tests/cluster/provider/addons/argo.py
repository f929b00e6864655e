"""Argo Workflows: the controller and argo-server, from the manifests of its Go module."""

import json
from pathlib import Path
from typing import Any

from tests.cluster.provider.addons import storage
from tests.cluster.provider.addons.images import Images
from tests.cluster.provider.addons.manifests import (
    Manifest,
    cluster_role,
    namespace,
    node_port_service,
    read,
    read_definitions,
)
from tests.cluster.provider.addons.pods import adapt, container_security, pod_security, readiness, requests

NAMESPACE = "argo"
PORT, NODE_PORT = 2746, 30746
EXECUTOR_ROLE = "mlopsctl-test-executor"
_USER = 8737  # as in the projects' own images
_CONTROLLER_HEALTH = 6060
_FILES = (
    "base/workflow-controller/workflow-controller-sa.yaml",
    "base/workflow-controller/workflow-controller-priorityclass.yaml",
    "base/argo-server/argo-server-sa.yaml",
    "cluster-install-no-crds/workflow-controller-rbac/workflow-controller-clusterrole.yaml",
    "cluster-install-no-crds/workflow-controller-rbac/workflow-controller-clusterrolebinding.yaml",
    "cluster-install-no-crds/workflow-controller-rbac/workflow-controller-role.yaml",
    "cluster-install-no-crds/workflow-controller-rbac/workflow-controller-rolebinding.yaml",
    "cluster-install-no-crds/workflow-controller-rbac/workflow-aggregate-roles.yaml",
    "cluster-install-no-crds/argo-server-rbac/argo-server-clusterole.yaml",
    "cluster-install-no-crds/argo-server-rbac/argo-server-clusterolebinding.yaml",
    "base/workflow-controller/workflow-controller-deployment.yaml",
    "base/argo-server/argo-server-deployment.yaml",
)
_OF_THE_CLUSTER = ("ClusterRole", "ClusterRoleBinding", "PriorityClass")


def definitions(module: Path) -> list[Manifest]:
    """Argo's definitions with full schemas, 7 MB of YAML: a wrong field in a workflow is refused when it is applied."""
    return read_definitions(module / "manifests/base/crds/full", "argoproj.io_*.yaml")


def objects(module: Path, images: Images) -> list[Manifest]:
    """The controller for workflows of all namespaces, argo-server, and what they may do."""
    found = read(*(module / "manifests" / file for file in _FILES))
    version = module.name.partition("@")[2]
    for each in found:
        _into_namespace(each)
        if each["kind"] == "Deployment":
            name = each["metadata"]["name"]
            adapt(each, version=version, user=_USER, container=_CONTAINERS[name](images))
    controller = next(each for each in found if each["metadata"]["name"] == "workflow-controller" and _deploys(each))
    _add_environment(controller, "LEADER_ELECTION_DISABLE", "true")  # alone as it is
    _add_environment(controller, "DEFAULT_REQUEUE_TIME", "500ms")  # the default of 10s makes short workflows long
    return [
        namespace(NAMESPACE),
        *found,
        _config_map(),
        cluster_role(EXECUTOR_ROLE, [("argoproj.io", "workflowtaskresults", "create patch")]),
        node_port_service(NAMESPACE, "argo-server", port=PORT, node_port=NODE_PORT),
    ]


def executor_binding(namespace: str) -> Manifest:
    """What lets the default service account of the namespace run the pods of workflows."""
    group = "rbac.authorization.k8s.io"
    return {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": {"namespace": namespace, "name": EXECUTOR_ROLE},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": EXECUTOR_ROLE},
        "subjects": [{"kind": "ServiceAccount", "namespace": namespace, "name": "default"}],
    }


def _controller(images: Images) -> dict[str, Any]:
    return {
        "image": images.workflow_controller,
        "imagePullPolicy": images.pull_policy,
        "command": ["workflow-controller"],
        "args": [f"--executor-image={images.executor}", f"--executor-image-pull-policy={images.pull_policy}"],
        "readinessProbe": readiness(_CONTROLLER_HEALTH, "/healthz"),
        "resources": requests(cpu="100m"),  # its share of a busy machine: whatever runs waits for it
    }


def _server(images: Images) -> dict[str, Any]:
    return {
        "image": images.argo_server,
        "imagePullPolicy": images.pull_policy,
        "command": ["argo", "server"],
        "args": ["--auth-mode=server", "--secure=false"],
        "readinessProbe": readiness(PORT, "/"),
    }


_CONTAINERS = {"workflow-controller": _controller, "argo-server": _server}


def _config_map() -> Manifest:
    """The controller's configuration: whose values are YAML in YAML, of which JSON is the part without surprises."""
    key = {"name": storage.SECRET}
    repository = {
        "archiveLogs": False,
        "s3": {
            "bucket": storage.BUCKETS[0],
            "endpoint": storage.ENDPOINT,
            "insecure": True,
            "region": storage.REGION,
            "accessKeySecret": {**key, "key": storage.ACCESS_KEY},
            "secretKeySecret": {**key, "key": storage.SECRET_KEY},
        },
    }
    security = {**pod_security(_USER), **container_security()}
    del security["fsGroup"]  # it is the pod's, not a container's
    executor = {"resources": requests(cpu="10m", memory="32Mi"), "securityContext": security}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"namespace": NAMESPACE, "name": "workflow-controller-configmap"},
        "data": {"executor": json.dumps(executor), "artifactRepository": json.dumps(repository)},
    }


def _deploys(manifest: Manifest) -> bool:
    return bool(manifest["kind"] == "Deployment")


def _into_namespace(manifest: Manifest) -> None:
    if manifest["kind"] not in _OF_THE_CLUSTER:
        manifest["metadata"]["namespace"] = NAMESPACE
    for subject in manifest.get("subjects", ()):
        subject["namespace"] = NAMESPACE


def _add_environment(manifest: Manifest, name: str, value: str) -> None:
    container = manifest["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [*container.get("env", ()), {"name": name, "value": value}]
