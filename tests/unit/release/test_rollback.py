"""Turning back where the store says what serves, while others move it, and while something is rolled out."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.engine.releases import Decision, move_serving, read_serving
from mlopsctl.release.rejection import standing
from mlopsctl.release.rollback import Asked, Left, roll_back
from mlopsctl.store import Artifact, Release, RunRecord, Store, open_store

FIRST, SECOND, THIRD = (f"01JD3WQ{number}000000000000000000" for number in (7, 8, 9))
ASKED = Asked(pipeline="p", environment="prod", who="ann@here", why="worse")


@dataclass
class Way:
    """The way to a gateway, on which something else happens before it is gone to its end."""

    meanwhile: Callable[[], object] = lambda: None
    led_to: str = ""

    def make_ready(self, _: Release) -> None:
        self.meanwhile()

    def lead_to(self, release: Release) -> bool:
        self.led_to = release.run
        return True


def release(run: str) -> Release:
    model = Artifact(f"sha256:{run[7] * 64}", 1, "file", "model")
    parts = {"data": {}, "metrics": {}, "server": {}, "requirements": "", "evidence": ""}
    return Release(run=run, commit="", pipeline="p", model=model, since="2026-03-01T00:00:00+00:00", **parts)


def serve(store: Store, run: str) -> None:
    """A run lets its release serve, and ends."""
    before = read_serving(store, "p", "prod").version
    move_serving(store, release(run), "prod", expect=before, decision=Decision(who="schedule"))
    record = RunRecord(
        run=run,
        pipeline="p",
        environment="prod",
        project="",
        commit="",
        changed_files=0,
        started="2026-03-01T00:00:00+00:00",
        ended="2026-03-01T00:00:00+00:00",
        outcome="done",
        params={},
        stages={},
        release=release(run),
    )
    store.add_record("runs", run, record.to_json())


def serving(store: Store) -> str:
    found = read_serving(store, "p", "prod").release
    return found.run if found else ""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    found = open_store(tmp_path)
    serve(found, FIRST)
    serve(found, SECOND)
    return found


def test_a_run_that_is_faster_keeps_what_it_let_serve(store: Store) -> None:
    way = Way(meanwhile=lambda: serve(store, THIRD))
    with pytest.raises(DiagnosedError) as caught:
        roll_back(store, ASKED, way)
    (fault,) = caught.value.diagnostics
    assert fault.code == "MLO797"
    assert "was moved meanwhile by somebody else" in fault.message
    assert (serving(store), way.led_to) == (THIRD, "")
    # What was to be turned away from is held in any case: whoever decides again finds it so.
    assert [each.run for each in standing(store)] == [SECOND]
    assert roll_back(store, ASKED, Way()).release.run == FIRST, "the second is rejected"


def test_what_served_before_is_told_by_the_log_and_not_by_clocks(tmp_path: Path) -> None:
    """The clock of the machine that made the second run was ahead, or was put right since."""
    store = open_store(tmp_path)
    for run in (FIRST, THIRD, SECOND):
        serve(store, run)
    assert roll_back(store, ASKED, Way()).release.run == THIRD
    with pytest.raises(DiagnosedError):  # what was turned away from is no way back, whenever it was made
        roll_back(store, replace(ASKED, to=SECOND), Way())
    assert roll_back(store, ASKED, Way()).release.run == FIRST


def test_releases_that_are_older_than_the_log_are_told_by_their_ids(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    for run in (FIRST, SECOND):
        serve(store, run)
    shutil.rmtree(tmp_path / "records" / "audit.prod")
    shutil.rmtree(tmp_path / "pointers" / "audit")
    assert roll_back(store, ASKED, Way()).release.run == FIRST


def test_of_a_rollout_what_had_a_share_is_turned_away_from(store: Store) -> None:
    way = Way()
    found = roll_back(store, ASKED, way, Left(run=THIRD, model=release(THIRD).model.digest))
    assert (found.of_rollout, found.release.run, way.led_to, serving(store)) == (True, SECOND, SECOND, SECOND)
    assert [each.run for each in standing(store)] == [THIRD]


def test_a_damaged_record_of_another_run_is_in_nobodys_way(store: Store, tmp_path: Path) -> None:
    serve(store, THIRD)
    record = tmp_path / f"records/runs/{SECOND}.json"
    record.chmod(0o644)
    record.write_text("{")
    assert roll_back(store, ASKED, Way()).release.run == FIRST
