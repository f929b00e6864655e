"""Kubernetes objects as plain data, and how they are read from the files of others."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]


class _Loader(yaml.CSafeLoader):
    """YAML as Kubernetes reads it: `n`, `on` and 2024-05-01 are text, as in YAML 1.2."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - this is how PyYAML wants to be told
        first: [
            (tag, pattern)
            for tag, pattern in resolvers
            if tag not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp")
        ]
        for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }


_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))


def read(*paths: Path) -> list[Manifest]:
    """The objects of these files, in their order. Raises OSError if there is no such file."""
    found: list[Manifest] = []
    for path in paths:
        with path.open("rb") as file:
            found.extend(document for document in yaml.load_all(file, _Loader) if document)
    return found


def read_definitions(folder: Path, *patterns: str) -> list[Manifest]:
    """The custom resource definitions in the files of a folder that fit a pattern, each file once, by name.

    Raises FileNotFoundError if a pattern fits nothing: the folder isn't what it was taken for.
    """
    paths: set[Path] = set()
    for pattern in patterns or ("*.yaml",):
        fitting = set(folder.glob(pattern))
        if not fitting:
            raise FileNotFoundError(f"{folder} holds no {pattern}")
        paths |= fitting
    return [each for each in read(*sorted(paths)) if each.get("kind") == "CustomResourceDefinition"]


def namespace(name: str) -> Manifest:
    """A namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def service_account(namespace: str, name: str) -> Manifest:
    """A service account."""
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": namespace, "name": name}}


def cluster_role(name: str, rules: Iterable[tuple[str, str, str]]) -> Manifest:
    """A cluster role. A rule is an API group, resources and verbs; the latter two are words in one text."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": [
            {"apiGroups": [group], "resources": resources.split(), "verbs": verbs.split()}
            for group, resources, verbs in rules
        ],
    }


def cluster_role_binding(role: str, account: Manifest) -> Manifest:
    """What gives the cluster role to the service account, everywhere; it has the role's name."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": role},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", **account["metadata"]}],
    }


def node_port_service(namespace: str, name: str, *, port: int, node_port: int) -> Manifest:
    """A service in front of the pods whose label `app` is its name, on the same port in the cluster and in the pods."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {
            "type": "NodePort",
            "selector": {"app": name},
            "ports": [{"name": "http", "port": port, "targetPort": port, "nodePort": node_port}],
        },
    }
