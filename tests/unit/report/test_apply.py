"""An apply as text, live on a terminal and as NDJSON."""

import io
import json
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Final, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from syrupy.assertion import SnapshotAssertion

from mlopsctl.manifest import Key
from mlopsctl.plan.health import State
from mlopsctl.plan.model import Action
from mlopsctl.plan.progress import ApplyEnded, ApplyEvent, ApplyOutcome, ObjectApplied, Result, Task, WaitingFor
from mlopsctl.report.apply_lines import ApplyLines, render_ended
from mlopsctl.report.apply_text import ApplyTextReporter, QuietApplyReporter, apply_reporter
from mlopsctl.report.display import display_width
from mlopsctl.report.live_apply import LiveApplyReporter
from mlopsctl.report.ndjson import NdjsonReporter, event_line
from mlopsctl.report.terminal import Terminal
from tests.unit.report.applies import APPLIES, FIRST_STEPS, GOOD, SERVICE
from tests.unit.report.plans import key
from tests.unit.report.screen import Watched

SCHEMA: Final = Path(__file__).parents[3] / "schemas" / "output" / "v1" / "apply-event.json"


def ended_in(events: Iterable[ApplyEvent]) -> ApplyEnded:
    return next(event for event in events if isinstance(event, ApplyEnded))


def as_text(events: Iterable[ApplyEvent], *, colour: bool = False, width: int = 80) -> str:
    stream = io.StringIO()
    reporter = ApplyTextReporter(stream, colour=colour, width=width)
    for event in events:
        reporter.handle(event)
    reporter.close()
    return stream.getvalue()


@pytest.fixture(autouse=True)
def usual_width_and_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as context:
        context.setenv("COLUMNS", "80")
        context.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize("name", APPLIES)
def test_an_apply_reads_well(name: str, snapshot: SnapshotAssertion) -> None:
    events = APPLIES[name]
    text = as_text(events) + "──\n" + render_ended(ended_in(events), colour=False, width=80)
    assert text == snapshot
    assert max(map(display_width, text.splitlines())) <= 80


def test_a_narrow_terminal_is_readable(snapshot: SnapshotAssertion) -> None:
    text = as_text(GOOD, width=50) + "──\n" + render_ended(ended_in(GOOD), colour=False, width=50)
    assert text == snapshot


@pytest.mark.parametrize("name", APPLIES)
def test_colour_only_adds_to_the_text(name: str) -> None:
    coloured = as_text(APPLIES[name], colour=True) + render_ended(ended_in(APPLIES[name]), colour=True, width=80)
    plain = as_text(APPLIES[name]) + render_ended(ended_in(APPLIES[name]), colour=False, width=80)
    assert coloured != plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


def test_only_what_is_not_done_says_how_to_go_on() -> None:
    for events in APPLIES.values():
        ended = ended_in(events)
        says = f"To go on from here: mlopsctl {ended.task} --env staging" in render_ended(ended, colour=False, width=80)
        assert says is (ended.outcome is not ApplyOutcome.DONE)


def test_ndjson_is_one_event_a_line_as_its_schema_says() -> None:
    schema = json.loads(SCHEMA.read_text())
    Draft202012Validator.check_schema(schema)
    events = [event for apply in APPLIES.values() for event in apply]
    stream = io.StringIO()
    reporter = NdjsonReporter(stream)
    for event in events:
        reporter.handle(event)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert len(lines) == len(events)
    for line in lines:
        Draft202012Validator(schema).validate(line)
    assert {line["type"] for line in lines} == set(schema["properties"]["type"]["enum"])


def test_the_schema_knows_every_event_and_all_of_its_fields() -> None:
    definitions = json.loads(SCHEMA.read_text())["$defs"]
    for event in get_args(ApplyEvent):
        name = re.sub(r"(?<!^)(?=[A-Z])", "-", event.__name__).lower()
        assert set(definitions[name]["properties"]) == {"type", "version", *(each.name for each in fields(event))}
    assert definitions["result"]["enum"] == list(Result)
    assert definitions["task"]["enum"] == list(Task)
    assert definitions["apply-ended"]["properties"]["outcome"]["enum"] == list(ApplyOutcome)
    assert definitions["object-applied"]["properties"]["action"]["enum"] == list(Action)
    waiting = definitions["waiting-for"]["properties"]["state"]["enum"]
    assert waiting == [state for state in State if state is not State.READY]


def test_ndjson_says_the_type_first(snapshot: SnapshotAssertion) -> None:
    assert event_line(FIRST_STEPS[1]) == snapshot


@pytest.mark.parametrize("name", APPLIES)
def test_live_leaves_the_text_behind_but_for_the_waits(name: str) -> None:
    watched = Watched()
    reporter = LiveApplyReporter(watched.stream, colour=True, width=80)
    for event in APPLIES[name]:
        reporter.handle(event)
    reporter.close()
    watched.close()
    worded = ApplyLines(colour=False, width=80)
    told = [(event, list(worded.of(event))) for event in APPLIES[name]]
    kept = [f"{line}\n" for event, lines in told if not isinstance(event, WaitingFor) for line in lines]
    assert watched.screen.text() == "".join(kept)
    assert watched.screen.is_cursor_shown


def test_live_shows_what_is_waited_for_and_takes_it_away() -> None:
    watched = Watched()
    reporter = LiveApplyReporter(watched.stream, colour=False, width=80)
    reporter.handle(GOOD[1])
    for number in range(12):
        waited = key("InferenceService", f"model-{number:02}")
        reporter.handle(WaitingFor(key=waited, state=State.PROGRESSING, why="0 of 1 replicas"))
    reporter.refresh()
    reporter.close()
    reporter.close()
    watched.close()
    row = r"[\u2800-\u28ff] waiting +<?0\.\ds  InferenceService model-00: 0 of 1 replicas"
    assert re.search(row, watched.written)
    assert "and for 2 more" in watched.written
    assert watched.screen.text().rstrip() == as_text(GOOD[1:2]).rstrip()  # the cursor may stand one line below
    assert watched.screen.is_cursor_shown


@pytest.mark.parametrize(
    ("interactive", "quiet", "kind"),
    [(False, True, QuietApplyReporter), (False, False, ApplyTextReporter), (True, True, QuietApplyReporter)],
)
def test_what_is_shown_is_what_the_stream_can_show(*, interactive: bool, quiet: bool, kind: type) -> None:
    stream = io.StringIO()
    reporter = apply_reporter(stream, Terminal(colour=False, width=80, interactive=interactive), quiet=quiet)
    reporter.handle(GOOD[1])
    reporter.close()
    assert type(reporter) is kind
    assert bool(stream.getvalue()) is not quiet


def test_a_terminal_gets_the_live_view() -> None:
    watched = Watched()
    reporter = apply_reporter(watched.stream, Terminal(colour=False, width=80, interactive=True), quiet=False)
    reporter.handle(WaitingFor(key=SERVICE, state=State.PROGRESSING, why=""))
    reporter.close()
    watched.close()
    assert isinstance(reporter, LiveApplyReporter)


@given(st.text(), st.text(), st.integers(0, 120))
def test_nothing_of_a_cluster_reaches_the_terminal_raw(name: str, why: str, width: int) -> None:
    of = Key(name, why, name, why)
    events: list[ApplyEvent] = [
        ObjectApplied(key=of, action=Action.CREATE, result=Result.FAILED, seconds=1, why=why),
        WaitingFor(key=of, state=State.FAILING, why=name),
    ]
    assert all(line.isprintable() for line in as_text(events, width=width).split("\n"))
