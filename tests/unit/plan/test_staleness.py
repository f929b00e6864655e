"""A saved plan is applied only if it would still do what it says."""

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from mlopsctl.diagnostics import Diagnostic
from mlopsctl.manifest import Document, Key
from mlopsctl.plan.difference import differences
from mlopsctl.plan.model import Action, ObjectChange, Plan
from mlopsctl.plan.staleness import Present, misdirected, stale, to_predict
from tests.unit.plan.plans import EMPTY, change, config, plan, span

STATUS = {"manager": "controller", "time": "2026-11-04T00:00:00Z", "operation": "Update", "subresource": "status"}


def entry(manager: str, time: str) -> dict[str, Any]:
    return {"manager": manager, "operation": "Update", "time": time, "fieldsV1": {"f:data": {"f:a": {}}}}


def lived(document: Document, *, version: str = "7", uid: str = "uid-flights", by: str = "mlopsctl") -> Document:
    """The object as a server gives it."""
    live = copy.deepcopy(document)
    entries = [entry(by, "2026-11-03T11:40:00Z"), entry("older", "2026-11-01T00:00:00Z"), STATUS]
    live["metadata"] |= {"uid": uid, "resourceVersion": version, "managedFields": entries}
    return live


BEFORE, WANTED = config("flights", a="1", b="1"), config("flights", a="2", b="1")
UPDATE = change(Action.UPDATE, "flights", *differences(BEFORE, WANTED), wanted=WANTED)


def present(*live: Document, predicted: Document | None = None, **parts: Any) -> Present:
    found = {key(each): each for each in live}
    known: dict[str, Any] = {"target": EMPTY.target, "inventory": EMPTY.inventory, "parent": None}
    return Present(live=found, predicted={key(predicted): predicted} if predicted else {}, **known | parts)


def key(document: Document) -> Key:
    return Key("", document["kind"], "team", document["metadata"]["name"])


def told(made: Plan, now: Present) -> list[tuple[str, str]]:
    return [(each.code, each.message) for each in stale(made, now)]


def test_a_plan_holds_as_long_as_nothing_moves() -> None:
    made = plan(UPDATE, change(Action.DELETE, "old"), change(Action.CREATE, "new"))
    now = present(lived(BEFORE), lived(config("old"), uid="uid-old"))
    assert to_predict(made, now.live) == ()
    assert stale(made, now) == ()


@pytest.mark.parametrize(
    ("moved", "what"),
    [
        ({"environment": "prod"}, "the environment `staging`, and this is `prod`"),
        ({"cluster": "uid-2"}, "the cluster with the identity `uid-1`, and this is `uid-2`"),
        ({"namespace": "other"}, "the namespace `team`, and this is `other`"),
    ],
)
def test_a_plan_for_another_place_is_refused(moved: Mapping[str, str], what: str) -> None:
    target = replace(EMPTY.target, **moved)
    [found] = misdirected(EMPTY, target)
    assert (found.code, found.message) == ("MLO867", f"the plan was made for {what}")
    assert stale(EMPTY, present(target=target)) == (found,)


def test_another_way_to_the_same_cluster_is_the_same_place() -> None:
    assert misdirected(EMPTY, replace(EMPTY.target, context="ci", server="https://staging.example")) == ()


def test_an_apply_since_then_makes_a_plan_stale() -> None:
    inventory = replace(EMPTY.inventory, version="18")
    [found] = stale(EMPTY, present(inventory=inventory, parent=lived(config("inventory"))))
    assert (found.code, found.message) == ("MLO868", "the plan is stale: somebody has applied since it was made")
    assert found.notes == (
        "last changed by mlopsctl at 2026-11-03T11:40:00Z",
        "the inventory was at version 17, and is at 18",
    )
    [found] = stale(EMPTY, present(inventory=replace(inventory, version="")))
    assert found.notes == ("the inventory was at version 17, and is at none",)


def test_a_status_that_moved_is_no_reason() -> None:
    live = {**lived(BEFORE, version="9"), "status": {"ready": True}}
    assert to_predict(plan(UPDATE), present(live).live) == (UPDATE,)
    assert stale(plan(UPDATE), present(live, predicted=lived(WANTED, version="9"))) == ()


def test_a_field_that_git_leaves_alone_is_no_reason() -> None:
    live, predicted = (config("flights", a=a, b="1", theirs="1") for a in "12")
    assert stale(plan(UPDATE), present(lived(live, version="9"), predicted=lived(predicted))) == ()


def only(made: ObjectChange, now: Present) -> Diagnostic:
    [found] = stale(plan(made), now)
    assert found.code == "MLO869"
    assert found.span == span(3)
    assert "plan anew" in found.helps[0]
    return found


def test_a_field_that_would_change_otherwise_is_told_with_its_manager_and_time() -> None:
    live = lived(config("flights", a="5", b="7"), version="9", by="kubectl-edit")
    found = only(UPDATE, present(live, predicted=lived(WANTED)))
    assert found.message == "the plan is stale: ConfigMap flights has changed"
    assert found.notes == (
        "last changed by kubectl-edit at 2026-11-03T11:40:00Z",
        "data.a was 1, and is 5",
        "data.b is 7 now, and would become 1",
    )


def test_what_others_did_or_would_have_made_of_it_is_told() -> None:
    live = lived(config("flights", a="2", b="1"), version="9")
    assert only(UPDATE, present(live, predicted=lived(WANTED))).notes[1:] == ("data.a is as planned already",)
    mutated = lived(config("flights", a="3", b="1"))
    found = only(UPDATE, present(lived(BEFORE, version="9"), predicted=mutated))
    assert found.notes[1:] == ("data.a would become 3, not 2",)
    assert only(UPDATE, present(lived(BEFORE, version="9"))).notes[1:] == ()  # nobody could tell


def test_an_object_that_went_or_came_or_is_another_one_is_told() -> None:
    assert only(UPDATE, present()).message.endswith("ConfigMap flights is gone")
    other = lived(BEFORE, uid="uid-2")
    assert to_predict(plan(UPDATE), present(other).live) == ()
    assert only(UPDATE, present(other)).message.endswith("ConfigMap flights was deleted and made anew")
    create = change(Action.CREATE, "flights", wanted=WANTED)
    assert only(create, present(other)).message.endswith("ConfigMap flights has been made by somebody else")


def test_what_is_to_be_deleted_may_change_and_may_be_gone_but_not_be_another() -> None:
    delete = change(Action.DELETE, "flights")
    assert stale(plan(delete), present(lived(BEFORE, version="9"))) == ()
    assert stale(plan(delete), present()) == ()
    assert only(delete, present(lived(BEFORE, uid="uid-2"))).message.endswith("was deleted and made anew")


@pytest.mark.parametrize("action", [Action.CREATE, Action.UPDATE, Action.REPLACE])
def test_an_object_that_is_as_planned_is_done(action: Action) -> None:
    """So that an apply that was interrupted can go on."""
    fields = {
        "f:metadata": {"f:annotations": {"f:mlopsctl.dev/digest": {}}},
        "f:data": {"f:a": {}, "f:b": {}},
    }
    ours = {"manager": "mlopsctl", "operation": "Apply", "apiVersion": "v1", "time": "t", "fieldsV1": fields}
    live = lived(WANTED, version="9", uid="uid-2")
    live["metadata"]["managedFields"] = [ours]
    assert stale(plan(change(action, "flights", wanted=WANTED)), present(live)) == ()
