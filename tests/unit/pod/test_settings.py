"""What a container says becomes settings, and Argo's name of a run an id that any pod can make alone."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlopsctl.pod.settings import read_settings
from mlopsctl.store import run_id

BEGAN = datetime(2026, 11, 21, 10, tzinfo=UTC)
TOLD = {"MLOPS_STORE": "s3://b", "MLOPS_ENVIRONMENT": "staging", "MLOPS_RUN": "0b5c"}


@given(names=st.sets(st.text(min_size=1), min_size=2, max_size=2))
def test_two_runs_have_two_ids(names: set[str]) -> None:
    one, other = names
    assert run_id(one, BEGAN) == run_id(one, BEGAN)
    assert run_id(one, BEGAN) != run_id(other, BEGAN)


def test_ids_sort_by_when_runs_began() -> None:
    assert run_id("b", BEGAN) < run_id("a", BEGAN + timedelta(milliseconds=1))


def test_an_id_of_a_laptop_stays_one() -> None:
    assert run_id("01JD3WQ7ZK8M4N6P2R5S7T9V1X", BEGAN) == "01JD3WQ7ZK8M4N6P2R5S7T9V1X"


def test_a_moment_without_a_zone_is_utc() -> None:
    moments = ("2026-11-21T10:00:00Z", "2026-11-21T10:00:00", "2026-11-21T11:00:00+01:00")
    assert {read_settings({**TOLD, "MLOPS_BEGAN": moment}).run for moment in moments} == {run_id("0b5c", BEGAN)}


def test_what_is_not_told_is_as_rendered() -> None:
    found = read_settings({**TOLD, "MLOPS_BEGAN": "2026-11-21T10:00:00Z"})
    assert (str(found.contract), str(found.work), found.ports) == ("/mlops/contract", "/work", (8080, 8081))
    assert found.given == {}


@pytest.mark.parametrize(("written", "labels"), [('{"a": "b"}', {"a": "b"}), ("null", {}), ("", {})])
def test_a_workflow_without_labels_is_one(written: str, labels: dict[str, str]) -> None:
    assert read_settings({**TOLD, "MLOPS_BEGAN": "", "MLOPS_LABELS": written}).labels == labels


@pytest.mark.parametrize(("told", "grace"), [({}, 30), ({"ARGO_TERMINATION_GRACE_PERIOD_SECONDS": "120"}, 120)])
def test_the_time_to_end_is_what_argo_says_or_what_a_kubelet_gives(told: dict[str, str], grace: int) -> None:
    assert read_settings({**TOLD, **told}).grace == grace
