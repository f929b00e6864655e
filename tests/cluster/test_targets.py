"""The offline check against a real API server: the same schemas, and the same verdicts on what is wrong."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from kubernetes.client.exceptions import ApiException

from mlopsctl.render.stripping import TargetSchema, expanded, metadata_of_open_api, of_definition, of_open_api
from mlopsctl.render.targets import TARGETS, Problem, Targets
from tests.cluster.conftest import Reached
from tests.cluster.examining import Admin, changed, context_of, definition
from tests.cluster.speaking import own_namespace_there
from tests.target_examples import EXAMPLES, Json, wrong_ones

CRDS: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
# Of the kinds that the server doesn't have at all.
NOT_THERE: Final = {"Argo Workflows 4.1"}


@pytest.fixture(scope="module")
def admin(api_server: Reached) -> Admin:
    return Admin(api_server.kubeconfig)


namespace = pytest.fixture(scope="module")(own_namespace_there)


@pytest.fixture(scope="module")
def targets() -> Targets:
    return Targets()


def bundled(path: Path) -> list[TargetSchema]:
    """The schemas of a kind that come with mlopsctl, one for each release."""
    return [expanded(json.loads(found.read_text("utf-8"))) for found in sorted(TARGETS.glob(f"*/{path}"))]


def refusal(admin: Admin, namespace: str, path: str, document: Json) -> str:
    """Why the server refuses to make the object; empty if it would."""
    above, _, plural = path.rpartition("/")
    try:
        admin.ask("POST", f"/{above}/namespaces/{namespace}/{plural}?dryRun=All&fieldValidation=Strict", document)
    except ApiException as error:
        return str(json.loads(error.body)["message"]) if error.body else str(error.status)
    return ""


def ours(targets: Targets, document: Json) -> list[Problem]:
    """What we find wrong in the releases that the server has."""
    return [found for found in targets.problems(document) if set(found.releases) - NOT_THERE or not found.releases]


# --- the schemas


def test_the_definitions_of_a_server_strip_to_what_is_kept(admin: Admin) -> None:
    served = {}
    for found in admin.ask("GET", CRDS)["items"]:
        for schema in of_definition(found, release=""):
            served[schema.path] = schema.schema
    kept = {path.relative_to(folder).as_posix() for folder in TARGETS.iterdir() for path in folder.rglob("*.json")}
    compared = [path for path in served if path.as_posix() in kept]
    assert len(compared) >= 25
    assert [path for path in compared if served[path] not in [one.schema for one in bundled(path)]] == []


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("api/v1", "ConfigMap"),
        ("api/v1", "Service"),
        ("api/v1", "ServiceAccount"),
        ("apis/apps/v1", "Deployment"),
        ("apis/networking.k8s.io/v1", "NetworkPolicy"),
        ("apis/rbac.authorization.k8s.io/v1", "Role"),
        ("apis/rbac.authorization.k8s.io/v1", "RoleBinding"),
    ],
)
def test_the_kinds_of_kubernetes_are_what_a_server_says(admin: Admin, path: str, kind: str) -> None:
    document = admin.ask("GET", f"/openapi/v3/{path}")
    found = of_open_api(document, kind, release="Kubernetes 1.34")
    assert bundled(found.path) == [found]
    metadata = metadata_of_open_api(document, release="Kubernetes 1.34")
    assert bundled(metadata.path) == [metadata]


# --- the verdicts


@pytest.mark.parametrize("path", EXAMPLES)
def test_what_is_right_is_right_to_both(admin: Admin, namespace: str, targets: Targets, path: str) -> None:
    assert (refusal(admin, namespace, path, EXAMPLES[path]), targets.problems(EXAMPLES[path])) == ("", ())


@pytest.mark.parametrize("path", EXAMPLES)
def test_what_the_server_refuses_is_refused_here(admin: Admin, namespace: str, targets: Targets, path: str) -> None:
    missed, refused, stricter = [], 0, []
    for what, document in wrong_ones(EXAMPLES[path]):
        why, found = refusal(admin, namespace, path, document), ours(targets, document)
        refused += bool(why)
        if why and not found and not is_beyond_schemas(path, why):
            missed.append((what, why[:300]))
        if found and not why and not is_stricter_here(found[0]):
            stricter.append((what, found))
    assert (missed, stricter) == ([], [])
    assert refused >= 20


def is_beyond_schemas(path: str, why: str) -> bool:
    """Whether the server looked at more than types: of its own kinds in code, of others in CEL across items."""
    is_own = path.startswith("api/") or any(group in path for group in ("apps", "rbac", "networking.k8s"))
    if "gateway" not in path and is_own:
        return " is invalid: " in why and "must be of type" not in why
    return "must be unique when parentRefs" in why


def is_stricter_here(found: Problem) -> bool:
    """Whether we refuse what only the controllers, or server-side apply, would have refused."""
    controllers = (
        "can't be a name in a workflow",
        "must be at most 2147483647",
        "must be at most 9223372036854775807",
        "have at most 253 characters",
    )
    merged = (
        "needs an `image`",
        "this has the same",
        "this is null",
        "expected a string, this is a list",
        "has no `apiGroup`",
    )
    return any(words in found.message for words in (*controllers, *merged))


# --- schema pull


def pull(kubeconfig: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mlopsctl", "schema", "pull", *arguments],
        cwd=folder,
        env={**os.environ, "KUBECONFIG": str(kubeconfig)},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )


@pytest.fixture(scope="module")
def widgets(admin: Admin) -> Iterator[str]:
    """A group of the test's own, with a kind that nobody else has."""
    made = definition("widgets.example.com", "v1", "Widget", spec={"size": {"type": "integer", "minimum": 1}})
    admin.create(CRDS, made)
    yield "widgets.example.com"
    admin.delete(f"{CRDS}/{made['metadata']['name']}")


def until_served(admin: Admin, path: str) -> None:
    for _ in range(100):
        try:
            admin.ask("GET", path)
        except ApiException:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"{path} is never served")


@pytest.mark.parametrize("name", ["Widget", "widgets", "widget"])
def test_pulled_schemas_are_checked_against(
    admin: Admin, api_server: Reached, widgets: str, tmp_path: Path, name: str
) -> None:
    until_served(admin, f"/apis/{widgets}/v1")
    wrong: dict[str, Any] = {
        "apiVersion": f"{widgets}/v1",
        "kind": "Widget",
        "metadata": {"name": "w"},
        "spec": {"size": 0, "sise": 1},
    }
    assert [found.message for found in Targets([tmp_path / "crds"]).problems(wrong)] == [
        f"there is no schema of Widget in {widgets}/v1; `mlopsctl schema pull Widget.{widgets}` gets it from a cluster"
    ]
    done = pull(api_server.kubeconfig, tmp_path, f"{name}.{widgets}", "--context", context_of(api_server.kubeconfig))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"Widget {widgets}/v1: crds/{widgets}/v1/Widget.json\n"
    found = Targets([tmp_path / "crds"]).problems(wrong)
    assert [(one.place, one.message) for one in found] == [
        ("spec.size", "must be at least 1, this is 0"),
        ("spec.sise", "`sise` is not a field of spec; there is `size`"),
    ]
    again = (tmp_path / "crds" / widgets / "v1" / "Widget.json").read_bytes()
    assert (
        pull(
            api_server.kubeconfig, tmp_path, f"{name}.{widgets}", "--context", context_of(api_server.kubeconfig)
        ).returncode
        == 0
    )
    assert (tmp_path / "crds" / widgets / "v1" / "Widget.json").read_bytes() == again


def test_the_cluster_of_an_environment(api_server: Reached, tmp_path: Path) -> None:
    (tmp_path / "environments").mkdir()
    (tmp_path / "mlops.yaml").write_text(
        "apiVersion: mlopsctl.dev/v1\nkind: Project\nmetadata: {name: p}\nspec: {environments: [environments/*.yaml]}\n"
    )
    (tmp_path / "environments" / "prod.yaml").write_text(
        "apiVersion: mlopsctl.dev/v1\nkind: Environment\nmetadata: {name: prod}\n"
        f"spec: {{cluster: {{context: {context_of(api_server.kubeconfig)}, namespace: churn}}, store: s3://b/p}}\n"
    )
    (tmp_path / "deeper").mkdir()
    done = pull(api_server.kubeconfig, tmp_path / "deeper", "Jobset.jobset.x-k8s.io", "--env", "prod")
    assert (done.returncode, done.stderr) == (0, "")
    kept = tmp_path / "crds" / "jobset.x-k8s.io" / "v1alpha2" / "JobSet.json"
    assert (
        expanded(json.loads(kept.read_text("utf-8"))).schema
        == bundled(Path("jobset.x-k8s.io/v1alpha2/JobSet.json"))[0].schema
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("JobSats.jobset.x-k8s.io", "it has `jobsets.jobset.x-k8s.io`"),
        ("Zoo.jobset.x-k8s.io", "it has `jobsets.jobset.x-k8s.io`"),
        ("JobSet.example.org", "it has no kinds of `example.org`"),
        ("JobSet", "give the kind with its group"),
        ("Deployment.apps", "but no CustomResourceDefinition"),
    ],
)
def test_what_a_cluster_has_no_definition_of(api_server: Reached, tmp_path: Path, name: str, said: str) -> None:
    context = context_of(api_server.kubeconfig)
    done = pull(api_server.kubeconfig, tmp_path, "JobSet.jobset.x-k8s.io", name, "--context", context)
    assert done.returncode == 1
    assert "error[MLO980]" in done.stderr
    assert f"has no definition of `{name}`" in done.stderr
    assert said in done.stderr
    assert list(tmp_path.iterdir()) == []  # all or nothing


def test_a_user_who_may_not_read_definitions(api_server: Reached, admin: Admin, namespace: str, tmp_path: Path) -> None:
    kubeconfig = changed(api_server.kubeconfig, tmp_path / "config", user={"token": admin.token(namespace, [])})
    done = pull(kubeconfig, tmp_path, "JobSet.jobset.x-k8s.io", "--context", context_of(kubeconfig))
    assert done.returncode == 1
    assert "may not get customresourcedefinitions.apiextensions.k8s.io" in done.stderr


def test_no_cluster_is_named(tmp_path: Path) -> None:
    done = pull(tmp_path / "none", tmp_path, "JobSet.jobset.x-k8s.io")
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        64,
        "error: Invalid value: give --env or --context: one of them says which cluster",
    )
