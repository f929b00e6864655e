"""What a route tells of those who stopped it, or turned it back."""

from typing import Any

import pytest

from mlopsctl.manifest import PIPELINE
from mlopsctl.plan.overrides import (
    STOPPED,
    Override,
    TurnedBack,
    annotations_of,
    ends_turning_back,
    override_of,
    turned_back_of,
    turned_back_over,
)

ANN = Override(pipeline="churn", by="ann", at="2026-03-01T14:02:11+01:00", why="wrong · labels", led=("churn-8c1f",))


def test_what_is_written_is_read() -> None:
    metadata = {"name": "churn-route", "labels": {PIPELINE: "churn"}, "annotations": annotations_of(ANN)}
    assert override_of(metadata) == ANN
    assert ANN.moment == "2026-03-01 14:02 +01:00"


@pytest.mark.parametrize(
    ("written", "why"), [("by hand", "by hand"), ("[1]", "[1]"), ("{}", ""), ('{"led": 3, "why": null}', "")]
)
def test_a_word_of_somebody_elses_still_stops(written: str, why: str) -> None:
    found = override_of({"name": "churn", "annotations": {STOPPED: written}})
    assert found == Override(pipeline="churn", by="somebody", at="", why=why)
    assert found.moment == ""


@pytest.mark.parametrize("metadata", [{"name": "churn"}, {"name": "churn", "annotations": {"a": "b"}}])
def test_most_routes_are_nobodys(metadata: dict[str, object]) -> None:
    assert override_of(metadata) is None


TURNED = TurnedBack(
    pipeline="churn",
    by="ann",
    at="2026-03-01T14:02:11+01:00",
    why="worse",
    left="01JD3WQ8",
    left_service="churn-bbbbbbbb",
    to="01JD3WQ7",
    to_service="churn-aaaaaaaa",
)


def route_to(*services: str) -> dict[str, Any]:
    """A route that git wants, to these services."""
    backends = [{"name": f"{service}-predictor", "weight": 100} for service in services]
    return {"spec": {"rules": [{"backendRefs": backends} if services else {}]}}


def test_what_was_turned_back_is_read_again() -> None:
    metadata = {"name": "churn", "annotations": annotations_of(TURNED)}
    assert turned_back_of(metadata) == TURNED
    assert override_of(metadata) is None
    assert turned_back_of({"annotations": annotations_of(ANN)}) is None


@pytest.mark.parametrize(
    ("wanted", "is_over"),
    [
        (route_to("churn-bbbbbbbb"), False),
        (route_to("churn-aaaaaaaa"), True),
        (route_to("churn-cccccccc"), True),
        (route_to(), True),  # git names none any more
        ({"spec": {}}, False),  # it leaves that to others
    ],
)
def test_git_is_obeyed_again_once_it_names_another_release(wanted: dict[str, Any], is_over: bool) -> None:  # noqa: FBT001  # a case
    metadata = {"name": "churn", "annotations": annotations_of(TURNED)}
    assert (turned_back_over(metadata, wanted) is None) is is_over
    assert ends_turning_back(metadata, wanted) is is_over
    stopped = {**metadata, "annotations": annotations_of(TURNED) | annotations_of(ANN)}
    assert not ends_turning_back(stopped, wanted), "that ends first"
