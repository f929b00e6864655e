"""A monitor's checks over time: what each sees, what it concludes, and when something is due."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.engine.drift import Checked, acted, check, keep, state_of
from mlopsctl.engine.predictions import Watched, add_batch, read_batches
from mlopsctl.engine.reference import Reader
from mlopsctl.engine.releases import Decision, move_serving, read_serving
from mlopsctl.engine.results import RECORDS, record_name
from mlopsctl.ir.model import MonitorStage, Pipeline
from mlopsctl.runtime.stop import Stop
from mlopsctl.store import PredictionBatch, Release, RunRecord, RunStage, StageRecord, Store, open_store, timestamp
from tests.unit.ir.documents import stages

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RUN, LATER_RUN = "01M7YTAQAPR31N2R2Q7Z7C0V5T", "01M7YTB38R3W1N2R2Q7Z7C0V5T"
PIPELINE = """
flights: {kind: data, source: f.csv, contract: {columns: {who: {type: string, personal: true}, day: {type: date}}}}
model: {kind: train, inputs: {flights: flights}, outputs: {model: m}, run: go}
serve: {kind: deploy, model: model, server: {run: go}, log: {requests: 100%}}
drift: {kind: monitor, watches: serve, reference: flights, minSamples: 100, ONE}
"""


class World:
    """A store with a run that serves, and a monitor on it."""

    def __init__(self, folder: Path, said: str = "breaches: 2, onDrift: {do: retrain, cooldown: 1h}") -> None:
        self.folder = folder
        self.store: Store = open_store(folder / "store")
        self.pipeline: Pipeline = stages(PIPELINE.replace("ONE", said))
        self.chance = random.Random(3)

    @property
    def monitor(self) -> MonitorStage:
        (monitor,) = self.pipeline.of_kind(MonitorStage)
        return monitor

    def trained(self, run: str = RUN, *, mean: float = 0.0, name: str = "flights.csv") -> None:
        """A run whose model learnt from numbers around `mean`."""
        path = self.folder / name
        lines = [f"{self.chance.gauss(mean)},w{number},2026-01-01" for number in range(1000)]
        path.write_text("\n".join(["delay,who,day", *lines]) + "\n")
        key = f"{run.lower()}"
        empty: dict[str, Any] = {"seconds": 0.0, "attempts": 1, "parts": {}, "outcome": "done"}
        now = timestamp(NOON)
        artifact = self.store.put_artifact(path)
        record = StageRecord(
            key=key, stage="flights", kind="data", started=now, ended=now, run=run, outputs={"data": artifact}, **empty
        )
        self.store.add_record(RECORDS, record_name(key, run), record.to_json())
        stage = RunStage(key=key, outcome="done", reason="", seconds=0.0, summary="", kind="data")
        kept = RunRecord(
            run=run,
            pipeline="p",
            environment="local",
            project="",
            commit="",
            changed_files=0,
            started=now,
            ended=now,
            outcome="done",
            params={},
            stages={"flights": stage},
        )
        self.store.add_record("runs", run, kept.to_json())

    def asked(self, at: datetime, rows: int = 200, *, mean: float = 0.0, run: str = RUN) -> None:
        delays = [self.chance.gauss(mean) for _ in range(rows)]
        self.asked_about({"delay": delays, "day": ["2026-02-02"] * rows, "who": [None] * rows}, at, run=run)

    def asked_about(self, columns: dict[str, list[Any]], at: datetime, *, run: str = RUN) -> None:
        prediction = {"time": timestamp(at), "request": "r", "seconds": 0.1, "inputs": columns, "outputs": {}}
        self.kept(prediction, at, run=run, lost=1, unreadable=2)

    def kept(self, prediction: dict[str, Any], at: datetime, *, run: str, lost: int = 0, unreadable: int = 0) -> None:
        """What the log has of one request."""
        batch = PredictionBatch(
            pipeline="p",
            environment="local",
            stage="serve",
            run=run,
            model=f"sha256:{run}",
            began=timestamp(at),
            ended=timestamp(at),
            predictions=[prediction],
            lost=lost,
            unreadable=unreadable,
        )
        add_batch(self.store, batch, at)

    def check(self, at: datetime) -> Checked:
        with Stop() as stop:
            return check(Reader(store=self.store, python=nobody, stop=stop), self.pipeline, self.monitor, at)

    def checked(self, at: datetime) -> Checked:
        return keep(self.store, self.pipeline, self.monitor, self.check(at), will_act=True)


def nobody() -> NoReturn:
    raise AssertionError("no package is needed to read CSV")


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.trained()
    return made


def test_drift_acts_after_so_many_checks_and_then_rests(world: World) -> None:
    expected = [
        ("drifted", 1, "", "1 of 2 checks in a row"),
        ("drifted", 2, "retrain", ""),
        ("drifted", 3, "", f"nothing more is done until {timestamp(NOON + 70 * MINUTE)}"),
        ("drifted", 4, "retrain", ""),
    ]
    for number, (minutes, want) in enumerate(zip((0, 10, 20, 80), expected, strict=True)):
        at = NOON + minutes * MINUTE
        world.asked(at - MINUTE, mean=3.0)
        found = world.checked(at)
        assert (found.record.outcome, found.record.breaches, found.record.action, found.record.why) == want, number
        if found.record.action:
            acted(world.store, world.pipeline, world.monitor, found, f"action {number}")
    assert len(world.store.record_ids("drift.local.p.drift")) == 4
    assert (found.record.did, found.record.acted) == ("action 1", timestamp(NOON + 10 * MINUTE))
    last = state_of(world.pipeline, world.monitor).last(world.store)
    assert last is not None
    assert (last.check, last.did, last.acted) == (found.record.check, "action 3", timestamp(NOON + 80 * MINUTE))


def test_what_is_due_stays_due_until_it_is_done(world: World) -> None:
    world.asked(NOON - MINUTE, mean=3.0)
    world.checked(NOON)
    world.asked(NOON + MINUTE, mean=3.0)
    for minutes in (2, 3, 4):  # the first two of these ended before they had acted
        due = world.checked(NOON + minutes * MINUTE)
        found = due.record
        assert (found.outcome, found.breaches, found.action, found.acted) == ("drifted", 2, "retrain", "")
        assert found.since == timestamp(NOON)
    acted(world.store, world.pipeline, world.monitor, due, "done")
    after = world.checked(NOON + 5 * MINUTE).record
    assert (after.outcome, after.breaches, after.action, after.did) == ("undecided", 2, "", "done")
    assert after.since == timestamp(NOON + 4 * MINUTE)


def test_where_nobody_acts_each_check_begins_where_the_last_one_ended(world: World) -> None:
    world.asked(NOON - 2 * MINUTE, mean=3.0)
    world.checked(NOON - MINUTE)
    world.asked(NOON - MINUTE / 2, mean=3.0)
    due = keep(world.store, world.pipeline, world.monitor, world.check(NOON), will_act=False)
    assert due.record.action == "retrain"
    assert world.check(NOON + MINUTE).record.since == timestamp(NOON)


def test_a_check_without_drift_begins_the_count_anew(world: World) -> None:
    for minutes, mean, breaches in ((0, 3.0, 1), (10, 0.0, 0), (20, 3.0, 1)):
        world.asked(NOON + (minutes - 1) * MINUTE, mean=mean)
        assert world.checked(NOON + minutes * MINUTE).record.breaches == breaches


def test_too_few_neither_count_nor_are_forgotten(world: World) -> None:
    world.asked(NOON - 2 * MINUTE, mean=3.0)
    world.checked(NOON)
    world.asked(NOON + MINUTE, rows=60, mean=3.0)
    few = world.checked(NOON + 2 * MINUTE).record
    assert (few.outcome, few.breaches, few.rows, few.action, few.columns) == ("undecided", 1, 60, "", [])
    world.asked(NOON + 3 * MINUTE, rows=60, mean=3.0)
    enough = world.checked(NOON + 4 * MINUTE).record
    assert (enough.outcome, enough.breaches, enough.rows, enough.requests) == ("drifted", 2, 120, 2)
    assert enough.lost == 6
    assert few.since == enough.since == timestamp(NOON)


def test_a_check_that_is_not_kept_changes_nothing(world: World) -> None:
    world.asked(NOON - MINUTE, mean=3.0)
    assert world.check(NOON).record.columns == world.check(NOON).record.columns
    assert world.store.record_ids("drift.local.p.drift") == []


def test_of_two_checks_at_once_one_counts(world: World) -> None:
    world.asked(NOON - MINUTE, mean=3.0)
    first, second = world.check(NOON), world.check(NOON)
    keep(world.store, world.pipeline, world.monitor, first, will_act=True)
    with pytest.raises(DiagnosedError, match="MLO824"):
        keep(world.store, world.pipeline, world.monitor, second, will_act=True)
    assert world.check(NOON).record.since == timestamp(NOON)


def test_a_new_model_is_compared_with_its_own_reference(world: World) -> None:
    world.asked(NOON - 30 * MINUTE, mean=3.0)
    assert world.checked(NOON - 20 * MINUTE).record.outcome == "drifted"
    world.trained(LATER_RUN, mean=3.0, name="later.csv")
    world.asked(NOON - 10 * MINUTE, mean=3.0)
    world.asked(NOON - 5 * MINUTE, mean=3.0, run=LATER_RUN)
    found = world.checked(NOON).record
    assert (found.run, found.outcome, found.rows, found.breaches) == (LATER_RUN, "stable", 200, 0)


def test_what_serves_by_its_pointer_is_what_is_watched(world: World) -> None:
    world.trained(LATER_RUN, mean=3.0, name="later.csv")
    release = Release(
        run=RUN,
        commit="",
        pipeline="p",
        model=world.store.put_artifact(world.folder / "flights.csv"),
        data={},
        requirements="",
        metrics={},
        evidence="",
        server={},
        since=timestamp(NOON),
    )
    move_serving(
        world.store,
        release,
        "local",
        expect=read_serving(world.store, "p", "local").version,
        decision=Decision(who="ann"),
    )
    world.asked(NOON - 2 * MINUTE)
    world.asked(NOON - MINUTE, run=LATER_RUN)
    assert world.check(NOON).record.run == RUN


def test_dates_are_compared_only_if_they_are_named_and_personal_columns_never(tmp_path: Path, world: World) -> None:
    world.asked(NOON - MINUTE)
    assert [column["column"] for column in world.check(NOON).record.columns] == ["delay"]
    world.pipeline = World(tmp_path, "columns: [day, who, delay, none]").pipeline
    found = {column["column"]: column for column in world.check(NOON).record.columns}
    assert found["day"]["drifted"]
    assert not found["delay"]["drifted"]
    assert (found["who"]["distance"], found["who"]["note"]) == (None, "it is personal, so it is not in the log")
    assert found["none"]["note"] == "the reference does not have it"


def test_a_method_for_numbers_says_nothing_of_categories(tmp_path: Path, world: World) -> None:
    world.pipeline = World(tmp_path, "columns: [day], method: ks").pipeline
    world.asked(NOON - MINUTE)
    found = world.checked(NOON).record
    assert found.outcome == "undecided"
    assert found.columns[0]["note"] == "`ks` compares numbers, and this column has categories"


def test_a_column_that_requests_no_longer_have_has_drifted(tmp_path: Path, world: World) -> None:
    world.pipeline = World(tmp_path, "columns: [delay, day]").pipeline
    world.asked_about({"day": ["2026-01-01"] * 200}, NOON - MINUTE)
    found = {column["column"]: column for column in world.check(NOON).record.columns}
    assert (found["delay"]["missing_now"], found["delay"]["drifted"]) == (1.0, True)
    assert not found["day"]["drifted"]


def test_requests_of_the_future_and_of_long_ago_do_not_count(world: World) -> None:
    for moment in (NOON - timedelta(hours=25), NOON + MINUTE):
        world.asked(moment)
    assert world.check(NOON).record.rows == 0


def test_a_reference_that_is_gone_or_unreadable_is_said(world: World) -> None:
    world.asked(NOON - MINUTE, run=LATER_RUN)
    with pytest.raises(DiagnosedError, match="MLO821"):
        world.check(NOON)
    world.trained(LATER_RUN, name="flights.bin")
    with pytest.raises(DiagnosedError, match="MLO822"):
        world.check(NOON)


def test_batches_come_the_newest_first_across_hours_and_a_damaged_one_is_left_out(world: World) -> None:
    moments = [NOON - timedelta(hours=hours, minutes=5) for hours in (0, 1, 2)]
    for moment in moments:
        world.asked(moment, rows=1)
    world.store.add_record("predictions.local.p.serve.2026-11-21T11", "01ZZZ", {"version": 1})
    found = list(read_batches(world.store, Watched("local", "p", "serve"), moments[2] - MINUTE, NOON))
    assert [batch.began for batch in found] == list(map(timestamp, moments))
    found = list(read_batches(world.store, Watched("local", "p", "serve"), moments[2], moments[0]))
    assert [batch.began for batch in found] == list(map(timestamp, moments[:2]))
