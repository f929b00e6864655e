"""A plan that would delete what nobody meant to delete waits for a word."""

import pytest

from mlopsctl.plan.guard import refusals
from mlopsctl.plan.model import Action, Plan
from tests.unit.plan.plans import change, plan, span


def counts(*, deleted: int, kept: int = 0, made: int = 0, updated: int = 0, replaced: int = 0) -> Plan:
    actions = {Action.DELETE: deleted, Action.CREATE: made, Action.UPDATE: updated, Action.REPLACE: replaced}
    changes = [change(action, f"{action}-{number}") for action, count in actions.items() for number in range(count)]
    return plan(*changes, unchanged=kept)


def codes(found: Plan, *, allow_destroy: bool = False, is_protected: bool = False) -> list[str]:
    return [each.code for each in refusals(found, allow_destroy=allow_destroy, is_protected=is_protected)]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (counts(deleted=0), []),
        (counts(deleted=0, made=9), []),
        (counts(deleted=1), ["MLO865"]),  # nothing would be left
        (counts(deleted=1, made=1), []),
        (counts(deleted=2, kept=2), []),
        (counts(deleted=3, kept=1), []),  # few objects
        (counts(deleted=3, kept=2), ["MLO865"]),
        (counts(deleted=3, kept=3), []),
        (counts(deleted=3, updated=1, replaced=1), ["MLO865"]),
        (counts(deleted=7, made=7), ["MLO865"]),  # all of them under other names is seldom meant, too
    ],
)
def test_an_empty_or_sharply_smaller_set_is_refused(found: Plan, expected: list[str]) -> None:
    assert codes(found) == expected
    assert codes(found, allow_destroy=True) == []


def test_a_protected_environment_loses_nothing_without_a_word() -> None:
    assert codes(counts(deleted=1, kept=9), is_protected=True) == ["MLO866"]
    assert codes(counts(deleted=0, kept=9, replaced=1), is_protected=True) == ["MLO866"]
    assert codes(counts(deleted=0, kept=9, updated=1, made=1), is_protected=True) == []
    assert codes(counts(deleted=5), is_protected=True) == ["MLO865", "MLO866"]
    assert codes(counts(deleted=5), is_protected=True, allow_destroy=True) == []


def test_a_refusal_says_what_would_be_deleted_and_what_to_do() -> None:
    [found] = refusals(counts(deleted=25, kept=3), allow_destroy=False, is_protected=False)
    assert found.message == "this would delete 25 of 28 objects in `staging`"
    assert found.notes[:2] == ("ConfigMap delete-0", "ConfigMap delete-1")
    assert found.notes[-1] == "and 5 more"
    assert "--allow-destroy" in found.helps[0]
    found = refusals(counts(deleted=1), allow_destroy=False, is_protected=True, place=span(4))[1]
    assert found.message == "this would delete ConfigMap delete-0 in `staging`, which is protected"
    assert found.span == span(4)
    [found] = refusals(counts(deleted=6), allow_destroy=False, is_protected=False)
    assert found.message == "this would delete all 6 objects in `staging`"
