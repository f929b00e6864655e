"""What the tests of `doctor` have in common: running it, and taking parts of an API server away."""

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from kubernetes import config
from kubernetes.client.exceptions import ApiException

from tests.waiting import PATIENCE, until

Manifest = dict[str, Any]
CRDS: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@dataclass(frozen=True)
class Line:
    """One line of what `doctor` says."""

    state: str
    found: str
    help: str


@dataclass(frozen=True)
class Examined:
    """How `doctor` ended and what it said, by part and subject."""

    code: int
    target: Mapping[str, str]
    lines: Mapping[tuple[str, str], Line]

    def __getitem__(self, name: str) -> Line:
        """The line of `part/subject`."""
        part, _, subject = name.partition("/")
        return self.lines[part, subject]

    def __contains__(self, name: str) -> bool:
        part, _, subject = name.partition("/")
        return (part, subject) in self.lines


def examined(kubeconfig: Path, *arguments: str, folder: Path | None = None, **environ: str) -> Examined:
    """What `doctor` says; without arguments, of the kubeconfig's own context."""
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig), **environ}
    command = [
        sys.executable,
        "-m",
        "mlopsctl",
        "doctor",
        "--output",
        "json",
        *(arguments or ("--context", context_of(kubeconfig))),
    ]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert done.stderr == ""
    document = json.loads(done.stdout)
    assert document["ready"] is (done.returncode == 0)
    lines = {
        (one["part"], one["subject"]): Line(one["state"], one["found"], one["help"] or "")
        for one in document["observations"]
    }
    assert len(lines) == len(document["observations"])
    return Examined(done.returncode, document["target"], lines)


def look(kubeconfig: Path, namespace: str) -> Examined:
    """What `doctor` says of a namespace, without a project."""
    return examined(kubeconfig, "--context", context_of(kubeconfig), "--namespace", namespace)


def look_until(looked: Callable[[], Examined], holds: Callable[[Examined], bool]) -> Examined:
    """The first of several looks for which this holds: clusters take their time to do what they were asked to."""
    deadline = time.monotonic() + PATIENCE
    while not holds(found := looked()):
        if time.monotonic() > deadline:
            pytest.fail("\n".join(f"{name}: {line.state}, {line.found}" for name, line in found.lines.items()))
    return found


def context_of(kubeconfig: Path) -> str:
    """The context that the file is for."""
    context: str = config.list_kube_config_contexts(str(kubeconfig))[1]["name"]
    return context


def changed(kubeconfig: Path, target: Path, *, user: Manifest | None = None, **cluster: object) -> Path:
    """A kubeconfig like another, with another user or with other things said of the cluster; None takes away."""
    document = config.kube_config.KubeConfigMerger(str(kubeconfig)).config
    plain = {key: [dict(item.value) for item in document[key]] for key in ("clusters", "users", "contexts")}
    for entry in plain["clusters"]:
        said = {**entry["cluster"], **{name.replace("_", "-"): value for name, value in cluster.items()}}
        entry["cluster"] = {name: value for name, value in said.items() if value is not None}
    if user is not None:
        for entry in plain["users"]:
            entry["user"] = user
    whole = {"apiVersion": "v1", "kind": "Config", "current-context": context_of(kubeconfig), **plain}
    target.write_text(json.dumps(whole))
    return target


class Admin:
    """Someone who may do everything, by plain requests."""

    def __init__(self, kubeconfig: Path) -> None:
        self._client = config.new_client_from_config(str(kubeconfig))

    def ask(self, method: str, path: str, body: object = None, kind: str = "application/json") -> Any:
        """The document that is answered. Raises ApiException."""
        return self._client.call_api(
            path,
            method,
            body=body,
            header_params={"Content-Type": kind, "Accept": "application/json"},
            response_type="object",
            auth_settings=["BearerToken"],
            _return_http_data_only=True,
        )

    def create(self, path: str, body: Manifest) -> Any:
        """A new object."""
        return self.ask("POST", path, body)

    def merge(self, path: str, body: Manifest) -> Any:
        """What a merge patch makes of an object."""
        return self.ask("PATCH", path, body, "application/merge-patch+json")

    def delete(self, path: str) -> None:
        """Delete an object, if it is there."""
        try:
            self.ask("DELETE", path)
        except ApiException as error:
            if error.status != 404:
                raise

    def is_there(self, path: str) -> bool:
        """Whether there is something at this path."""
        try:
            self.ask("GET", path)
        except ApiException as error:
            if error.status != 404:
                raise
            return False
        return True

    def teach(self, *definitions: Manifest) -> None:
        """Make definitions, and return once their objects can be listed and discovery tells of them."""
        for each in definitions:
            self.create(CRDS, each)
        for each in definitions:
            spec = each["spec"]
            group, version, plural = spec["group"], spec["versions"][0]["name"], spec["names"]["plural"]
            until(lambda path=f"/apis/{group}/{version}/{plural}": self.is_there(path))  # type: ignore[misc]  # defaults have no types
            until(lambda group=group, version=version: self._tells_of(group, version))  # type: ignore[misc]  # defaults have no types

    def _tells_of(self, group: str, version: str) -> bool:
        path = f"/apis/{group}"
        return self.is_there(path) and version in [each["version"] for each in self.ask("GET", path)["versions"]]

    def namespace(self) -> str:
        """The name of a new namespace."""
        name = f"doctor-{uuid.uuid4().hex[:8]}"
        self.create("/api/v1/namespaces", {"metadata": {"name": name}})
        return name

    def token(self, namespace: str, rules: list[Manifest]) -> str:
        """The token of a new service account that has these rights in the namespace, and no others."""
        name = f"someone-{uuid.uuid4().hex[:8]}"
        metadata = {"name": name}
        roles = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
        self.create(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": metadata})
        self.create(f"{roles}/roles", {"metadata": metadata, "rules": rules})
        binding = {
            "metadata": metadata,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
        }
        self.create(f"{roles}/rolebindings", binding)
        if rules:
            until(lambda: self._may(f"system:serviceaccount:{namespace}:{name}", namespace, rules[-1]))
        asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        token: str = self.create(path, asked)["status"]["token"]
        return token

    def _may(self, user: str, namespace: str, rule: Manifest) -> bool:
        """Whether the server knows by now what the user was given."""
        attributes = {"namespace": namespace, "group": rule["apiGroups"][0], "verb": rule["verbs"][0]}
        attributes["resource"], _, attributes["subresource"] = rule["resources"][0].partition("/")
        attributes["name"] = next(iter(rule.get("resourceNames", ())), "")
        spec = {"user": user, "resourceAttributes": attributes}
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
        answer = self.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
        return bool(answer["status"]["allowed"])


def definition(group: str, version: str, kind: str, *, spec: Manifest | None = None) -> Manifest:
    """A definition that takes anything, or whose `spec` takes only these properties."""
    plural = f"{kind.lower()}s"
    schema: Manifest = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    if spec is not None:
        schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": spec}}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{group}",
            "annotations": {"api-approved.kubernetes.io": "unapproved, for tests"},
        },
        "spec": {
            "group": group,
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "scope": "Namespaced",
            "versions": [{"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }
