"""What is ours and what is others', on a real API server and beside the real kubectl."""

import json
import subprocess
from pathlib import Path

import pytest

from mlopsctl.cluster.applyset import ID, ApplySet, Estate, GroupKind
from mlopsctl.cluster.objects import Objects
from mlopsctl.cluster.ownership import owner_of, refusal_to_adopt
from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.manifest import PART_OF, Document
from tests.cluster.conftest import Reached
from tests.cluster.examining import Admin
from tests.cluster.provider.programs import program
from tests.cluster.speaking import (
    ORIGIN,
    Counting,
    config_map,
    connected,
    custom,
    objects_of,
    objects_there,
    own_namespace_there,
    wanted,
)

ARGO = "argoproj.io/v1alpha1"
MAPS, TEMPLATES = GroupKind("", "ConfigMap"), GroupKind("argoproj.io", "WorkflowTemplate")
SPEC = {"entrypoint": "main", "templates": [{"name": "main", "container": {"image": "x"}}]}


namespace = pytest.fixture(own_namespace_there)
objects = pytest.fixture(objects_there)


@pytest.fixture
def estate(namespace: str) -> Estate:
    return Estate(project="flights", environment="staging", namespace=namespace)


def names(applyset: ApplySet) -> list[str]:
    return sorted(f"{head.key.kind}/{head.key.name}" for head in applyset.members())


def parent(admin: Admin, applyset: ApplySet) -> Document:
    found: Document = admin.ask("GET", path_of_parent(applyset))
    return found


def path_of_parent(applyset: ApplySet) -> str:
    return f"/api/v1/namespaces/{applyset.key.namespace}/configmaps/{applyset.key.name}"


def test_a_set_grows_before_and_shrinks_after(objects: Objects, admin: Admin, estate: Estate) -> None:
    applyset = ApplySet.read(objects, estate)
    assert (applyset.version, applyset.kinds, applyset.members()) == ("", (), [])
    applyset.widen([MAPS], plan="sha256:1")
    made = parent(admin, applyset)["metadata"]
    assert made["labels"][ID] == applyset.id
    assert made["annotations"] == {
        "applyset.kubernetes.io/tooling": "mlopsctl/v0.1.0",
        "applyset.kubernetes.io/contains-group-kinds": "ConfigMap",
        "applyset.kubernetes.io/additional-namespaces": "",
        "mlopsctl.dev/plan": "sha256:1",
    }
    assert applyset.version == made["resourceVersion"]
    applyset.widen([TEMPLATES], [estate.namespace, "elsewhere"])
    again = ApplySet.read(objects, estate)
    assert (again.kinds, again.namespaces) == ((MAPS, TEMPLATES), ("elsewhere",))
    before = again.version
    again.widen([MAPS])
    assert again.version == before  # nothing to write
    again.trim([MAPS])
    assert (again.kinds, again.namespaces) == ((MAPS,), ())
    again.remove()
    assert ApplySet.read(objects, estate).version == ""


def test_members_are_those_with_the_label_alone(objects: Objects, estate: Estate) -> None:
    applyset = ApplySet.read(objects, estate)
    other = ApplySet.read(objects, Estate(project="other", environment="staging", namespace=estate.namespace))
    for each in (applyset, other):
        each.widen([MAPS, TEMPLATES, GroupKind("gone.example.com", "Thing")])
    here = estate.namespace
    objects.applied(applyset.joined(config_map(here, "ours", {})), force=False)
    objects.applied(applyset.joined(custom(ARGO, "WorkflowTemplate", here, SPEC)), force=False)
    objects.applied(other.joined(config_map(here, "theirs", {})), force=False)
    objects.applied(config_map(here, "nobodys", {}), force=False)
    assert names(applyset) == ["ConfigMap/ours", "WorkflowTemplate/churn"]
    assert names(other) == ["ConfigMap/theirs"]


def test_members_in_other_namespaces_are_found(objects: Objects, admin: Admin, estate: Estate) -> None:
    elsewhere = admin.namespace()
    try:
        applyset = ApplySet.read(objects, estate)
        applyset.widen([MAPS], [elsewhere])
        objects.applied(applyset.joined(config_map(elsewhere, "a", {})), force=False)
        assert [head.key.namespace for head in applyset.members()] == [elsewhere]
    finally:
        admin.delete(f"/api/v1/namespaces/{elsewhere}")


def test_requests_grow_with_kinds(api_server: Reached, estate: Estate) -> None:
    connection = Counting(connected(api_server.kubeconfig, estate.namespace))
    objects = objects_of(connection)
    applyset = ApplySet.read(objects, estate)
    applyset.widen([MAPS, TEMPLATES])
    for number in range(20):
        objects.applied(applyset.joined(config_map(estate.namespace, f"m{number}", {})), force=False)
    fresh = ApplySet.read(objects, estate)
    connection.asked.clear()
    assert len(fresh.members()) == 20
    # What there is of Argo's group and of its version, and a list for each of two kinds.
    assert len(connection.asked) == 4


def test_whoever_is_faster_loses_nothing(objects: Objects, estate: Estate) -> None:
    first, second = ApplySet.read(objects, estate), ApplySet.read(objects, estate)
    first.widen([MAPS])
    second.widen([TEMPLATES])
    assert second.kinds == (MAPS, TEMPLATES)
    first.trim([])  # which would lose what the second has recorded
    assert first.kinds == (MAPS, TEMPLATES)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"annotations": {"applyset.kubernetes.io/tooling": "kubectl/v1.34.4"}}, "it is an ApplySet of `kubectl`"),
        ({"annotations": {"applyset.kubernetes.io/tooling": None}}, "it is an ApplySet of `an unknown tool`"),
        ({"labels": {ID: "applyset-x-v1"}}, "its id is `applyset-x-v1` and should be `applyset-"),
        (
            {"annotations": {"applyset.kubernetes.io/tooling": None}, "labels": {ID: None}},
            "it is no ApplySet",
        ),
    ],
)
def test_what_is_not_ours_is_refused(
    objects: Objects, admin: Admin, estate: Estate, change: Document, why: str
) -> None:
    applyset = ApplySet.read(objects, estate)
    applyset.widen([MAPS])
    admin.merge(path_of_parent(applyset), {"metadata": change})
    with pytest.raises(DiagnosedError) as caught:
        ApplySet.read(objects, estate)
    (found,) = caught.value.diagnostics
    assert found.code == "MLO853"
    start = f"the ConfigMap `mlopsctl-flights-staging` in `{estate.namespace}` isn't this project's: "
    assert found.message.startswith(start + why)


def test_two_projects_whose_names_run_together(objects: Objects, namespace: str) -> None:
    ApplySet.read(objects, Estate(project="a-b", environment="c", namespace=namespace)).widen([MAPS])
    with pytest.raises(DiagnosedError, match="it is of the project `a-b` in the environment `c`"):
        ApplySet.read(objects, Estate(project="a", environment="b-c", namespace=namespace))


@pytest.mark.parametrize(
    ("metadata", "owner"),
    [
        ({}, ""),
        ({"labels": {"app.kubernetes.io/managed-by": "mlopsctl"}}, ""),
        ({"labels": {"app.kubernetes.io/instance": "x"}}, ""),  # which says what it is, not whose
        ({"labels": {"app.kubernetes.io/managed-by": "Terraform"}}, "Terraform (app.kubernetes.io/managed-by)"),
        (
            {"labels": {PART_OF: "applyset-abc-v1"}},
            "another ApplySet, applyset-abc-v1",
        ),
        (
            {
                "labels": {"app.kubernetes.io/managed-by": "Helm"},
                "annotations": {"meta.helm.sh/release-name": "churn"},
            },
            "Helm (meta.helm.sh/release-name: churn)",
        ),
        (
            {"annotations": {"argocd.argoproj.io/tracking-id": "a:/ConfigMap:x/y"}},
            "Argo CD (argocd.argoproj.io/tracking-id: a:/ConfigMap:x/y)",
        ),
        (
            {"labels": {"kustomize.toolkit.fluxcd.io/name": "apps", "app.kubernetes.io/managed-by": "mlopsctl"}},
            "Flux (kustomize.toolkit.fluxcd.io/name: apps)",
        ),
    ],
)
def test_what_belongs_to_others_is_left_to_them(
    objects: Objects, estate: Estate, metadata: Document, owner: str
) -> None:
    applyset = ApplySet.read(objects, estate)
    document = config_map(estate.namespace, "a", {}, **metadata)
    objects.applied(document, force=False)
    (head,) = objects.heads("v1", "ConfigMap", estate.namespace)
    assert owner_of(head, applyset) == owner
    refusal = refusal_to_adopt(wanted(document), head, applyset)
    if owner:
        assert refusal is not None
        assert (refusal.code, refusal.span, refusal.message) == ("MLO854", ORIGIN, f"ConfigMap a belongs to {owner}")
    else:
        assert refusal is None


def test_a_member_is_ours(objects: Objects, estate: Estate) -> None:
    applyset = ApplySet.read(objects, estate)
    applyset.widen([MAPS])
    objects.applied(applyset.joined(config_map(estate.namespace, "a", {})), force=False)
    (head,) = applyset.members()
    assert owner_of(head, applyset) == ""


# --- kubectl, which knows ApplySets too


def kubectl(server: Reached, namespace: str, name: str, manifests: list[Document], folder: Path) -> tuple[int, str]:
    """How `kubectl apply --prune` with this ApplySet ends, and what it says."""
    path = folder / "manifests.json"
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}))
    command = [
        str(program("kubernetes").built() / "kubernetes"),
        "kubectl",
        f"--kubeconfig={server.kubeconfig}",
        f"--namespace={namespace}",
        "apply",
        "--server-side",
        "--prune",
        f"--applyset=configmaps/{name}",
        f"--filename={path}",
    ]
    environ = {"KUBECTL_APPLYSET": "true", "HOME": str(folder)}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=180)
    return done.returncode, done.stdout + done.stderr


def test_kubectl_knows_ours_and_leaves_it_to_us(
    api_server: Reached, objects: Objects, estate: Estate, tmp_path: Path
) -> None:
    applyset = ApplySet.read(objects, estate)
    applyset.widen([MAPS])
    objects.applied(applyset.joined(config_map(estate.namespace, "ours", {})), force=False)
    other = [config_map(estate.namespace, "theirs", {})]
    code, said = kubectl(api_server, estate.namespace, applyset.key.name, other, tmp_path)
    assert code == 1
    assert 'managed by tooling "mlopsctl' in said
    assert names(applyset) == ["ConfigMap/ours"]
    assert objects.get(wanted(other[0]).key, "v1") is None


def test_sets_of_kubectl_and_ours_side_by_side(
    api_server: Reached, objects: Objects, estate: Estate, tmp_path: Path
) -> None:
    here, theirs = estate.namespace, "mlopsctl-theirs-staging"
    applyset = ApplySet.read(objects, estate)
    applyset.widen([MAPS])
    objects.applied(applyset.joined(config_map(here, "ours", {})), force=False)
    both = [config_map(here, name, {}) for name in ("one", "two")]
    code, said = kubectl(api_server, here, theirs, both, tmp_path)
    assert code == 0, said
    assert names(applyset) == ["ConfigMap/ours"]
    code, said = kubectl(api_server, here, theirs, both[:1], tmp_path)
    assert "configmap/two pruned" in said
    assert names(applyset) == ["ConfigMap/ours"]  # its prune leaves ours, and ours its
    (their,) = [head for head in objects.heads("v1", "ConfigMap", here) if head.key.name == "one"]
    assert owner_of(their, applyset).startswith("another ApplySet, applyset-")
    # The ids are made alike: kubectl has written its own on its parent.
    (parent_of_theirs,) = [head for head in objects.heads("v1", "ConfigMap", here) if head.key.name == theirs]
    same_name = Estate(project="theirs", environment="staging", namespace=here)
    assert parent_of_theirs.labels[ID] == their.labels[PART_OF]
    assert parent_of_theirs.labels[ID] == ApplySet(objects, same_name, applyset._parent).id
    with pytest.raises(DiagnosedError, match="it is an ApplySet of `kubectl`"):
        ApplySet.read(objects, same_name)
