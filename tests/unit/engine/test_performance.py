"""Predictions held against the truth: what is joined, what is measured, and what is due."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.engine.drift import Checked, acted, check
from mlopsctl.engine.reference import Reader
from mlopsctl.runtime.stop import Stop
from mlopsctl.store import Artifact, DriftCheck, timestamp
from tests.unit.engine.test_drift import LATER_RUN, MINUTE, NOON, RUN, World, nobody
from tests.unit.ir.documents import stages

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PIPELINE = """
flights: {kind: data, source: f.csv}
model: {kind: train, inputs: {flights: flights}, outputs: {model: m}, run: go}
serve: {kind: deploy, model: model, server: {run: go}, log: {requests: 100%}}
drift: {kind: monitor, watches: serve, minSamples: 4, breaches: 2, onDrift: {do: retrain}, performance: {ONE}}
"""
ACCURACY = 'metric: accuracy, min: 0.75, truth: "truth-${params.of}.csv", on: flight'
RIGHT = {"UA1": 1, "UA2": 0, "B61": 1, "AA7": 0}
WRONG = {"UA1": 0, "UA2": 1, "B61": 0, "AA7": 0}
LANDED = "flight,late\nUA1,1\nUA2,0\nB61,1\nAA7,0\n"


class Flown(World):
    """A store with what a model said of flights, and a file of what became of them."""

    def __init__(self, folder: Path, said: str = ACCURACY, *, reference: str = "") -> None:
        super().__init__(folder)
        text = PIPELINE.replace("ONE", said).replace("watches: serve", f"watches: serve{reference}")
        text = text.replace("minSamples", "params: {of: here}, minSamples")
        self.pipeline = replace(stages(text), file=folder / "pipeline.yaml")
        self.pinned: Mapping[str, Artifact] | None = None

    def said(self, at: datetime, rows: Mapping[Any, Any], *, run: str = RUN, **request: Any) -> None:
        """A request about flights by id, with what the model said of each."""
        prediction = {
            "time": timestamp(at),
            "request": "r",
            "seconds": 0.1,
            "inputs": {"flight": list(rows), "delay": [0] * len(rows)},
            "outputs": {"late": list(rows.values())},
            **request,
        }
        self.kept(prediction, at, run=run)

    def landed(self, text: str = LANDED) -> None:
        """What is known by now."""
        (self.folder / "truth-here.csv").write_text(text)

    def check(self, at: datetime) -> Checked:
        with Stop() as stop:
            reader = Reader(store=self.store, python=nobody, stop=stop, pinned=self.pinned)
            return check(reader, self.pipeline, self.monitor, at)

    def judged(self, at: datetime = NOON) -> dict[str, Any]:
        """What a check that is not kept says of performance; nothing may be wrong with it."""
        found = self.check(at)
        assert found.trouble is None
        assert found.record.performance is not None
        return found.record.performance

    def trouble(self) -> DiagnosedError:
        """What is wrong with a check's truth, which its record says, too."""
        found = self.check(NOON)
        assert found.trouble is not None
        assert found.record.performance is not None
        assert found.record.performance["note"] == found.trouble.diagnostics[0].message
        assert not found.concludes
        return found.trouble


@pytest.fixture
def flown(tmp_path: Path) -> Flown:
    world = Flown(tmp_path)
    world.landed()
    return world


def test_predictions_are_joined_by_id_whatever_the_order(flown: Flown) -> None:
    flown.said(NOON - HOUR, {"B61": 1, "UA2": 1, "XX9": 1})
    flown.said(NOON - 5 * DAY, {"UA1": 1, "AA7": 0})
    found = flown.judged()
    assert (found["value"], found["known"], found["predictions"], found["outcome"]) == (0.75, 4, 5, "holds")
    assert (found["metric"], found["min"], found["max"], found["note"]) == ("accuracy", 0.75, None, "")


def test_worse_predictions_act_after_so_many_checks_and_then_rest(flown: Flown) -> None:
    flown.said(NOON - HOUR, WRONG)
    first = flown.checked(NOON)
    assert first.record.performance is not None
    assert (first.record.performance["outcome"], first.record.performance["value"]) == ("fails", 0.25)
    assert (first.record.action, first.record.why) == ("", "1 of 2 checks in a row")
    assert first.record.has_found
    flown.landed(LANDED + "DL1,1\n")
    flown.said(NOON + MINUTE, {"DL1": 0})
    second = flown.checked(NOON + 2 * MINUTE)
    assert (second.record.action, second.record.why) == ("retrain", "")
    second = flown.checked(NOON + 3 * MINUTE)  # the one before ended before it had acted
    assert (second.record.action, second.record.why) == ("retrain", "")
    acted(flown.store, flown.pipeline, flown.monitor, second, "done")
    flown.said(NOON + 4 * MINUTE, {"DL1": 0})
    third = flown.checked(NOON + 5 * MINUTE).record
    assert third.performance is not None
    assert (third.action, third.performance["breaches"]) == ("", 3)
    assert third.why.startswith("nothing more is done until ")


def test_what_an_earlier_check_has_seen_does_not_count_again(flown: Flown) -> None:
    flown.said(NOON - HOUR, WRONG)
    flown.checked(NOON)
    again = flown.checked(NOON + MINUTE).record
    assert again.performance is not None
    assert (again.performance["value"], again.performance["outcome"]) == (0.25, "undecided")
    assert (again.performance["breaches"], again.performance["note"]) == (1, "no outcome came since the check before")
    assert not again.has_found
    flown.landed(LANDED.replace("UA2,0", "UA2,1"))  # a correction is news
    assert flown.judged(NOON + 2 * MINUTE)["breaches"] == 2


def test_good_predictions_begin_the_count_anew(flown: Flown) -> None:
    flown.said(NOON - HOUR, WRONG)
    flown.checked(NOON)
    for _ in range(3):
        flown.said(NOON + MINUTE, RIGHT)
    found = flown.checked(NOON + 5 * MINUTE).record.performance
    assert found is not None
    assert (found["value"], found["breaches"]) == (13 / 16, 0)


def test_too_few_outcomes_are_no_breach(flown: Flown) -> None:
    flown.landed("flight,late\nUA1,1\nUA2,0\nB61,1\n")
    flown.said(NOON - HOUR, WRONG)
    found = flown.checked(NOON).record
    assert found.performance is not None
    assert (found.performance["outcome"], found.performance["known"]) == ("undecided", 3)
    assert found.performance["note"] == "1 known outcome short of 4"
    assert (found.performance["breaches"], found.has_found, found.why) == (0, False, "")
    flown.landed()
    assert flown.judged(NOON + MINUTE)["outcome"] == "fails"


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("flight,late\nDL1,1\n", "no request has a `flight` that the truth has"),
        ("flight,late\n", "no request has a `flight` that the truth has"),
        ("flight,late\nUA1,\nUA2,NA\n,1\n", "no request has a `flight` that the truth has"),
    ],
)
def test_why_nothing_is_known_is_said(flown: Flown, text: str, note: str) -> None:
    flown.landed(text)
    flown.said(NOON - HOUR, RIGHT)
    assert flown.judged()["note"] == note


def test_what_a_metric_cannot_take_is_said(tmp_path: Path) -> None:
    flown = Flown(tmp_path, ACCURACY.replace("accuracy", "auc"))
    flown.landed(LANDED.replace(",1", ",late").replace(",0", ",in time"))
    flown.said(NOON - HOUR, RIGHT)
    assert flown.judged()["note"] == "4 of 4 can't be measured by `auc`"
    flown.landed(LANDED.replace(",0", ",1"))
    assert flown.judged()["note"] == "all outcomes are 1"


def test_of_two_rows_about_one_the_later_counts_and_ids_are_texts(flown: Flown) -> None:
    flown.landed("flight,late\n7,0\n7,1\n007,0\n8,0\n9,0\nNone,0\nNA,0\n")
    flown.said(NOON - HOUR, {7: 1, 8.0: 0, "9": 0, "007": 0, None: 1, "NA": 1})
    assert (flown.judged()["known"], flown.judged()["value"]) == (4, 1.0)


def test_the_id_of_a_request_joins_its_single_row(flown: Flown) -> None:
    for flight, late in RIGHT.items():
        flown.said(NOON - HOUR, {}, request=flight, inputs={"delay": [1]}, outputs={"late": [late]})
    flown.said(NOON - HOUR, {}, request="UA1", inputs={"delay": [1, 2]}, outputs={"late": [0, 0]})
    assert (flown.judged()["known"], flown.judged()["value"]) == (4, 1.0)


def test_of_several_columns_those_that_are_named_count(tmp_path: Path, flown: Flown) -> None:
    outputs = {"proba.0": [0.1, 0.9, 0.2, 0.8], "proba.1": [0.9, 0.1, 0.8, 0.2]}
    flown.landed("flight,landed,late\nUA1,12:00,1\nUA2,12:01,0\nB61,12:02,1\nAA7,12:03,0\n")
    flown.said(NOON - HOUR, RIGHT, outputs=outputs)
    error = flown.trouble()
    assert error.diagnostics[0].code == "MLO941"
    assert error.diagnostics[0].message == "the truth of `drift` has 2 columns beside `flight`"
    named = Flown(tmp_path, ACCURACY.replace("accuracy", "auc") + ", outcome: late")
    assert named.trouble().diagnostics[0].code == "MLO942"
    named = Flown(tmp_path, ACCURACY.replace("accuracy", "auc") + ", outcome: late, prediction: proba.1")
    assert named.judged()["value"] == 1.0
    named = Flown(tmp_path, ACCURACY + ", outcome: lat")
    assert named.trouble().diagnostics[0].message == "the truth of `drift` has no column `lat`"
    flown.landed("flight\nUA1\n")
    assert flown.trouble().diagnostics[0].message == "the truth of `drift` has no columns beside `flight`"
    flown.landed("number,late\n1,1\n")
    assert flown.trouble().diagnostics[0].message == "the truth of `drift` has no column `flight`"


def test_another_model_begins_anew_and_is_measured_alone(flown: Flown) -> None:
    flown.said(NOON - HOUR, WRONG)
    flown.checked(NOON)
    flown.said(NOON + MINUTE, RIGHT, run=LATER_RUN)
    found = flown.judged(NOON + 2 * MINUTE)
    assert (found["value"], found["predictions"], found["breaches"]) == (1.0, 4, 0)


def test_what_is_longer_ago_than_it_may_be_does_not_count(tmp_path: Path, flown: Flown) -> None:
    flown.said(NOON - 8 * DAY, RIGHT)
    assert flown.judged()["predictions"] == 0
    longer = Flown(tmp_path, ACCURACY + ", within: 30d")
    assert longer.judged()["known"] == 4


def test_without_predictions_no_truth_is_missed(tmp_path: Path) -> None:
    flown = Flown(tmp_path)
    assert flown.judged()["note"] == "nothing was predicted yet"


def test_a_truth_that_is_gone_is_told_and_harms_no_drift(tmp_path: Path) -> None:
    flown = Flown(tmp_path, reference=", reference: flights, columns: [delay]")
    flown.trained()
    flown.asked(NOON - MINUTE, mean=3.0)
    found = flown.checked(NOON)
    assert (found.record.outcome, found.record.breaches) == ("drifted", 1)
    assert found.trouble is None, "it may come yet"
    assert found.record.performance is not None
    assert found.record.performance["note"] == "there is no truth yet: there is no `truth-here.csv`"
    assert flown.check(NOON + MINUTE).record.since == timestamp(NOON)
    flown.landed()
    flown.checked(NOON + MINUTE)
    (tmp_path / "truth-here.csv").unlink()
    gone = flown.checked(NOON + 2 * MINUTE).trouble
    assert gone is not None
    assert gone.diagnostics[0].code == "MLO940"
    (tmp_path / "truth-here.csv").write_bytes(b"\xff\xfe")
    again = flown.check(NOON + 3 * MINUTE).trouble
    assert again is not None
    assert "UTF-16" in again.diagnostics[0].message


def test_drift_and_performance_are_counted_apart(tmp_path: Path) -> None:
    flown = Flown(tmp_path, reference=", reference: flights, columns: [delay]")
    flown.landed()
    flown.trained()
    flown.said(NOON - HOUR, WRONG)
    flown.asked(NOON - MINUTE, mean=3.0)
    first = flown.checked(NOON).record
    assert first.performance is not None
    assert (first.outcome, first.breaches, first.performance["breaches"]) == ("drifted", 1, 1)
    flown.asked(NOON + MINUTE, rows=2000)
    second = flown.checked(NOON + 2 * MINUTE).record
    assert second.performance is not None
    assert (second.outcome, second.breaches) == ("stable", 0)
    assert (second.performance["outcome"], second.performance["breaches"]) == ("undecided", 1)


def test_an_id_is_compared_only_if_it_is_named(tmp_path: Path) -> None:
    for named, expected in (("", ["delay", "who"]), (", columns: [day]", ["day"])):
        folder = tmp_path / str(len(named))
        folder.mkdir()
        flown = Flown(folder, ACCURACY.replace("on: flight", "on: day"), reference=f", reference: flights{named}")
        flown.trained()
        flown.asked(NOON - MINUTE)
        assert [column["column"] for column in flown.check(NOON).record.columns] == expected


def test_what_an_earlier_version_left_counts(flown: Flown) -> None:
    old = {"since": timestamp(NOON - HOUR), "breaches": 1, "run": RUN, "acted": ""}
    flown.store.move_pointer("drift/local/p/drift", old, expect=None)
    flown.said(NOON - 2 * HOUR, RIGHT)
    found = flown.checked(NOON)
    assert (found.state.breaches, found.state.failures, found.record.since) == (1, 0, old["since"])
    without = {name: value for name, value in found.record.to_json().items() if name != "performance"}
    assert DriftCheck.from_json(without).performance is None


def test_in_a_pod_a_path_is_what_was_pinned(flown: Flown) -> None:
    flown.said(NOON - HOUR, RIGHT)
    flown.pinned = {"truth-here.csv": flown.store.put_artifact(flown.folder / "truth-here.csv")}
    flown.landed(LANDED.replace(",0", ",1"))
    assert flown.judged()["value"] == 1.0
    flown.pinned = {}
    assert "yet: `truth-here.csv` was no file of the project when the pipeline was applied" in flown.judged()["note"]


def test_a_truth_may_be_in_parts_and_of_today(tmp_path: Path) -> None:
    flown = Flown(tmp_path, ACCURACY.replace("truth-${params.of}.csv", "truth/${run.date}"))
    folder = tmp_path / "truth" / "2026-11-21"
    folder.mkdir(parents=True)
    (folder / "one.jsonl").write_text('{"flight": "UA1", "late": true}\n{"flight": "UA2", "late": false}\n')
    (folder / "two.jsonl").write_text('{"flight": "B61", "late": true}\n{"flight": "AA7", "late": false}\n')
    flown.said(NOON - HOUR, RIGHT)
    assert (flown.judged()["known"], flown.judged()["value"]) == (4, 1.0)
