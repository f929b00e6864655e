"""Checks for drift as text and as JSON."""

import json
from dataclasses import replace
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any, Final

import pytest
from jsonschema import Draft202012Validator
from syrupy.assertion import SnapshotAssertion

from mlopsctl.report.display import display_width
from mlopsctl.report.drift_json import render_json
from mlopsctl.report.drift_text import render_text
from mlopsctl.store import DriftCheck

SCHEMA: Final = Path(__file__).parents[3] / "schemas" / "output" / "v1" / "drift.json"
ZONE: Final = timezone(timedelta(hours=1))


def column(name: str, distance: float | None, **more: Any) -> dict[str, Any]:
    found = {"column": name, "kind": "number", "distance": distance, "drifted": (distance or 0) > 0.1, "note": ""}
    return {**found, "missing_before": 0.0, "missing_now": 0.0, **more}


CHECK: Final = DriftCheck(
    check="01M7YTAQAPR31N2R2Q7Z7C0V5T",
    pipeline="flight-delays",
    environment="staging",
    monitor="drift",
    watches="serve",
    since="2026-11-21T10:00:00.000+00:00",
    until="2026-11-21T10:30:00.000+00:00",
    run="01M7YT2QAPR31N2R2Q7Z7C0V5T",
    model="sha256:" + "ab" * 32,
    reference={"stage": "flights", "digest": "sha256:" + "cd" * 32, "rows": 24_951},
    method="psi",
    threshold=0.1,
    min_samples=500,
    requests=1210,
    rows=3630,
    lost=0,
    columns=[
        column("carrier", 0.0312, kind="category"),
        column("dep_delay", 1.274),
        column("distance", 0.0),
        column("visib", 0.4321, missing_before=0.01, missing_now=0.31),
        column("seat", None, kind="", note="the reference does not have it"),
    ],
    outcome="drifted",
    breaches=2,
    breaches_needed=2,
    action="retrain",
    why="",
)
STABLE: Final = replace(
    CHECK, columns=[column("carrier", 0.0312)], outcome="stable", breaches=0, action="", requests=1, rows=1, lost=7
)
UNDECIDED: Final[dict[str, Any]] = {
    "columns": [],
    "outcome": "undecided",
    "action": "",
    "breaches": 0,
    "reference": {"stage": "flights", "digest": "", "rows": 0},
}
FAILING: Final[dict[str, Any]] = {
    "metric": "auc",
    "min": 0.75,
    "max": None,
    "value": 0.7123,
    "outcome": "fails",
    "predictions": 3630,
    "known": 812,
    "breaches": 2,
    "note": "",
}
UNKNOWN: Final = {
    **FAILING,
    "metric": "rmse",
    "min": 1,
    "max": 20,
    "value": None,
    "outcome": "undecided",
    "known": 0,
    "note": "500 known outcomes short of 500",
}
CASES: Final = {
    "drift": CHECK,
    "drift of the first of two checks": replace(
        CHECK, breaches=1, action="", why="1 of 2 checks in a row", columns=CHECK.columns[1:2]
    ),
    "drift in the cooldown": replace(
        CHECK, action="", why="nothing more is done until 2026-11-21T16:00:00.000+00:00", columns=CHECK.columns[1:2]
    ),
    "no drift": STABLE,
    "worse than it may be": replace(
        CHECK, columns=CHECK.columns[:1], outcome="stable", breaches=0, performance=FAILING
    ),
    "drift, and worse than it may be": replace(CHECK, columns=CHECK.columns[1:2], performance=FAILING),
    "as good as it has to be": replace(
        CHECK, **UNDECIDED, rows=300, requests=100, performance={**FAILING, "outcome": "holds", "value": 0.81234}
    ),
    "no outcomes yet": replace(STABLE, performance=UNKNOWN),
    "performance alone": replace(
        CHECK,
        reference=None,
        columns=[],
        outcome="undecided",
        performance={**FAILING, "breaches": 1},
        action="",
        why="1 of 2 checks in a row",
    ),
    "too few": replace(CHECK, **UNDECIDED, rows=300, requests=100),
    "nothing": replace(CHECK, **UNDECIDED, rows=0, requests=0, run="", model=""),
}


@pytest.mark.parametrize("check", CASES.values(), ids=CASES.keys())
def test_a_check_reads_well(check: DriftCheck, snapshot: SnapshotAssertion) -> None:
    text = render_text(check, colour=False, zone=ZONE)
    assert text == snapshot
    assert max(map(display_width, text.splitlines())) <= 80


def test_what_is_only_seen_is_said() -> None:
    assert render_text(CHECK, colour=False, zone=ZONE, is_kept=False).endswith(
        "Seen, not kept: what counts in this environment are the checks of its cluster.\n"
    )


def test_colour_says_nothing_new() -> None:
    coloured = render_text(CHECK, colour=True, zone=ZONE)
    assert "\x1b[" in coloured
    plain = "".join(part.partition("m")[2] if number else part for number, part in enumerate(coloured.split("\x1b[")))
    assert plain == render_text(CHECK, colour=False, zone=ZONE)


def test_texts_of_users_are_made_harmless() -> None:
    evil = replace(CHECK, pipeline="\x1b[2J", columns=[column("\x07\u202e", 1.0)])
    assert not {"\x1b", "\x07", "\u202e"} & set(render_text(evil, colour=False))


@pytest.mark.parametrize("check", CASES.values(), ids=CASES.keys())
def test_json_is_as_its_schema_says(check: DriftCheck) -> None:
    document = json.loads(render_json(check, is_kept=True))
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(document)
    assert document["kept"] is True
