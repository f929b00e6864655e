"""The stamps of objects: what says where they come from, and changes nothing of what they are."""

from mlopsctl.diagnostics import Position, Span
from mlopsctl.manifest import COMMIT, DIGEST, Manifest, stamped, without_commit

PLACE = Span("pipeline.yaml", Position(1, 1), Position(1, 2))


def manifest(**spec: object) -> Manifest:
    document = {"apiVersion": "argoproj.io/v1alpha1", "kind": "CronWorkflow", "metadata": {"name": "a"}, "spec": spec}
    return Manifest(document=document, pipeline="a", stage="", origin=PLACE, places={})


def test_runs_that_argo_starts_by_itself_get_the_commit_as_a_label() -> None:
    found = stamped(manifest(workflowMetadata={"labels": {"team": "flights"}}), "3f2c91a")
    assert found["spec"]["workflowMetadata"]["labels"] == {"team": "flights", COMMIT: "3f2c91a"}
    assert found["metadata"]["annotations"][COMMIT] == "3f2c91a"


def test_the_commit_is_no_part_of_what_an_object_is() -> None:
    made = manifest(workflowMetadata={"labels": {"team": "flights"}})
    one, other = (stamped(made, commit) for commit in ("3f2c91a", "8976a70"))
    assert one != other
    assert without_commit(one) == without_commit(other)
    assert one["metadata"]["annotations"][DIGEST] == made.digest


def test_without_a_commit_there_is_nothing_to_stamp() -> None:
    made = manifest(workflowMetadata={"labels": {}})
    assert COMMIT not in str(stamped(made, ""))
