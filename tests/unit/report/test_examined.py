"""Examinations as text and as JSON."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from jsonschema import Draft202012Validator
from syrupy.assertion import SnapshotAssertion

from mlopsctl.examination import Examination, Observation, State, Target
from mlopsctl.report.display import display_width
from mlopsctl.report.examined import render_json, render_text

SCHEMA: Final = Path(__file__).parents[3] / "schemas" / "output" / "v1" / "doctor.json"
TARGET: Final = Target(context="prod-eu", server="https://10.0.0.1:6443", namespace="flights")
FINE: Final = Observation("Cluster", "API server", State.FINE, "Kubernetes 1.34.4, answered in 9 ms")
SKEWED: Final = Observation(
    "Cluster", "clock", State.WARNING, "42 s ahead of this machine's", "let both follow the same time servers"
)
LACKING: Final = Observation(
    "Cluster",
    "rights",
    State.MISSING,
    "`ann` may not create, patch, delete cronworkflows.argoproj.io, inferenceservices.serving.kserve.io",
    "ask whoever runs the cluster for a Role in `flights` with these, bound to `ann`, and then look again",
)
UNSEEN: Final = Observation("KServe", "controller", State.UNKNOWN, "no right to list deployments.apps")
ABSENT: Final = Observation("Optional", "Prometheus operator", State.ABSENT, "not there", "install it for alerts")
JOBSET: Final = Observation("Optional", "JobSet", State.FINE, "jobsets at v1alpha2")
ALL: Final = Examination(
    environment="prod", target=TARGET, observations=(FINE, SKEWED, LACKING, UNSEEN, ABSENT, JOBSET)
)
HERE: Final = Examination(
    environment="local", target=None, observations=(Observation("This machine", "git", State.FINE, "2.39.5"),)
)
NOWHERE: Final = Examination(
    environment="",
    target=Target(context="prdo-eu", server="", namespace=""),
    observations=(Observation("Cluster", "API server", State.MISSING, "`f` has no context `prdo-eu`", "or `prod-eu`"),),
)

each = pytest.mark.parametrize(
    "examination",
    [pytest.param(ALL, id="a cluster"), pytest.param(HERE, id="this machine"), pytest.param(NOWHERE, id="no cluster")],
)


@each
def test_an_examination_reads_well(examination: Examination, snapshot: SnapshotAssertion) -> None:
    text = render_text(examination, colour=False, width=80)
    assert text == snapshot
    assert max(map(display_width, text.splitlines())) <= 80


@each
def test_json_is_as_its_schema_says(examination: Examination, snapshot: SnapshotAssertion) -> None:
    text = render_json(examination)
    document = json.loads(SCHEMA.read_text())
    Draft202012Validator.check_schema(document)
    Draft202012Validator(document).validate(json.loads(text))
    assert text == snapshot


@pytest.mark.parametrize(
    ("states", "said"),
    [
        ([], "All that is needed is there"),
        ([State.FINE, State.ABSENT], "All that is needed is there"),
        ([State.WARNING], "Nothing needed is missing: 1 warning"),
        ([State.WARNING, State.UNKNOWN, State.WARNING], "Nothing needed is missing: 2 warnings, 1 not seen"),
        ([State.MISSING, State.FINE, State.WARNING], "Not ready: 1 missing, 1 warning"),
    ],
)
def test_the_last_line_says_what_it_comes_to(states: list[State], said: str) -> None:
    observations = tuple(Observation("P", str(number), state, "f") for number, state in enumerate(states))
    examination = replace(HERE, observations=observations)
    assert render_text(examination, colour=False, width=80).splitlines()[-1] == said
    assert examination.is_ready is not said.startswith("Not ready")


def test_colour_only_repeats_what_the_marks_say() -> None:
    coloured = render_text(ALL, colour=True, width=80)
    assert coloured.count("\x1b[") >= 2 * len(ALL.observations)
    plain = "".join(part.partition("m")[2] if index else part for index, part in enumerate(coloured.split("\x1b[")))
    assert plain == render_text(ALL, colour=False, width=80)


def test_texts_of_clusters_are_made_harmless() -> None:
    evil = Observation("\x1b[2J", "\x07", State.MISSING, "\u202e\n", "\x1b]0;\x07")
    examination = replace(ALL, observations=(evil,), target=replace(TARGET, context="\x1b[H"))
    text = render_text(examination, colour=False, width=80)
    assert all(line.isprintable() for line in text.split("\n"))
