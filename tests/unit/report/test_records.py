"""Kept runs as text and as JSON."""

import json
from dataclasses import replace
from datetime import timedelta, timezone
from pathlib import Path
from typing import Final

import pytest
from jsonschema import Draft202012Validator
from syrupy.assertion import SnapshotAssertion

from mlopsctl.report import records_json
from mlopsctl.report.comparison import KeptRun, differences
from mlopsctl.report.display import display_width
from mlopsctl.report.records_text import render_comparison, render_list, render_run
from mlopsctl.store import SearchRecord
from tests.unit.report.kept_runs import EARLIER, FORMER, LATER, RUN, SEARCH

SCHEMAS: Final = Path(__file__).parents[3] / "schemas" / "output" / "v1"
ZONE: Final = timezone(timedelta(hours=1))


def test_the_list_reads_well(snapshot: SnapshotAssertion) -> None:
    text = render_list([LATER.record, FORMER.record], serving={RUN}, zone=ZONE)
    assert text == snapshot
    assert max(map(display_width, text.splitlines())) <= 80


def test_identifiers_in_a_list_are_long_enough_to_tell_runs_apart() -> None:
    twin = replace(LATER.record, run=RUN[:12] + EARLIER[12:])
    lines = render_list([LATER.record, twin], serving=(), zone=ZONE).splitlines()
    assert [line.split()[0] for line in lines[1:]] == [RUN[:13], twin.run[:13]]


def test_no_runs_are_said_to_be_none() -> None:
    assert render_list([], serving=()) == "no runs\n"


def test_a_run_reads_well(snapshot: SnapshotAssertion) -> None:
    text = render_run(LATER, is_serving=True, zone=ZONE)
    assert text == snapshot
    assert max(map(display_width, text.splitlines())) <= 80


def test_the_trials_of_a_search_read_well(snapshot: SnapshotAssertion) -> None:
    text = render_run(searched(SEARCH), is_serving=False, zone=ZONE)
    assert text == snapshot
    assert max(map(display_width, text.splitlines())) <= 80


def test_of_many_trials_the_best_are_told() -> None:
    many = [replace(SEARCH.trials[1], number=number, value=number / 100) for number in range(1, 41)]
    least, most = (
        render_run(searched(replace(SEARCH, trials=many, direction=direction)), is_serving=False)
        for direction in ("minimize", "maximize")
    )
    assert least.index("trial 1 ") < least.index("trial 10 ") < least.index("and 30 other trials")
    assert most.index("trial 40 ") < most.index("trial 31 ") < most.index("and 30 other trials")
    assert "trial 11 " not in least


def searched(search: SearchRecord) -> KeptRun:
    results = {**LATER.results, "model": replace(LATER.results["model"], search=search)}
    return KeptRun(LATER.record, results)


def test_a_comparison_reads_well(snapshot: SnapshotAssertion) -> None:
    text = render_comparison(FORMER, LATER)
    assert text == snapshot
    assert max(map(display_width, text.splitlines())) <= 80


def test_a_run_does_not_differ_from_itself() -> None:
    assert differences(LATER, LATER) == []
    assert render_comparison(LATER, LATER).endswith("no difference\n")


def test_texts_of_users_are_made_harmless() -> None:
    evil = replace(LATER, record=replace(LATER.record, pipeline="\x1b[2J", params={"a": "\x07"}, commit="\u202e"))
    for text in (
        render_list([evil.record], serving={RUN}),
        render_run(evil, is_serving=False),
        render_comparison(FORMER, evil),
    ):
        assert all(line.isprintable() for line in text.split("\n"))


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        pytest.param("runs", records_json.render_list([LATER.record, FORMER.record], serving={RUN}), id="list"),
        pytest.param("run", records_json.render_run(LATER, is_serving=True), id="a run with a release"),
        pytest.param("run", records_json.render_run(FORMER, is_serving=False), id="a run without"),
        pytest.param("comparison", records_json.render_comparison(FORMER, LATER), id="two runs"),
    ],
)
def test_json_is_as_its_schema_says(schema: str, text: str, snapshot: SnapshotAssertion) -> None:
    document = json.loads((SCHEMAS / f"{schema}.json").read_text())
    Draft202012Validator.check_schema(document)
    Draft202012Validator(document).validate(json.loads(text))
    assert text == snapshot


def test_of_many_slices_those_that_moved_most_are_shown() -> None:
    quality = LATER.record.stages["quality"]
    slices = {f"slices.carrier.{number}.auc": number / 100 for number in range(20)}
    stages = {**LATER.record.stages, "quality": replace(quality, metrics=slices)}
    text = render_comparison(FORMER, replace(LATER, record=replace(LATER.record, stages=stages)))
    assert text.count("slices.carrier") == 5
    assert "slices.carrier.19.auc" in text
    assert "and 15 metrics of other slices" in text
