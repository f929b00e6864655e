"""A request that was kept is found by its id, by one of ours without a search."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mlopsctl.engine.predictions import Watched, add_batch, find_request, moment_id
from mlopsctl.store import PredictionBatch
from tests.counting import counting_store

NOW = datetime(2026, 3, 20, 12, 0, 1, tzinfo=UTC)
WATCHED = Watched("prod", "p", "serve")


def batch(request: str) -> PredictionBatch:
    said = {"time": "2026-03-01T11:59:59.000+00:00", "request": request, "seconds": 0.1, "inputs": {}, "outputs": {}}
    named = {"pipeline": "p", "environment": "prod", "stage": "serve", "run": "R", "model": "sha256:0"}
    return PredictionBatch(began="", ended="", predictions=[said], **named)


@pytest.mark.parametrize(("age", "is_found"), [(timedelta(days=6), True), (timedelta(days=8), False)])
def test_an_id_that_others_gave_is_looked_for_in_a_week(tmp_path: Path, age: timedelta, *, is_found: bool) -> None:
    store, _ = counting_store(tmp_path / "store")
    add_batch(store, batch("7f3c"), NOW - age)
    found = find_request(store, WATCHED, "7f3c", NOW)
    assert (found is not None and found.run == "R") == is_found
    assert find_request(store, WATCHED, "7f3d", NOW) is None


def test_an_id_of_ours_says_when_it_was_also_over_the_end_of_an_hour(tmp_path: Path) -> None:
    store, asked = counting_store(tmp_path / "store")
    then = NOW - timedelta(days=90, seconds=2)  # and its batch was written in the next hour
    request = moment_id(then)
    add_batch(store, batch(request), then + timedelta(seconds=10))
    asked.clear()
    found = find_request(store, WATCHED, request, NOW)
    assert found is not None
    assert len([method for method, _ in asked if method == "names"]) <= 2
