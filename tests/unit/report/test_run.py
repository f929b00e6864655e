"""A run as text, live on a terminal and as NDJSON."""

import io
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Thread
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from syrupy.assertion import SnapshotAssertion

from mlopsctl.events import Check, Event, Outcome, RunEnded, RunStarted, StageEnded, StageOutput, StageStarted
from mlopsctl.report.display import display_width
from mlopsctl.report.live import LiveReporter
from mlopsctl.report.ndjson import NdjsonReporter, event_line
from mlopsctl.report.run_reporter import run_reporter
from mlopsctl.report.run_text import RunReporter, TextReporter
from mlopsctl.report.terminal import Terminal
from tests.unit.report.runs import FAILED, GOOD, RUNS
from tests.unit.report.screen import Watched

SCHEMA: Final = Path(__file__).parents[3] / "schemas" / "output" / "v1" / "run-event.json"


def as_text(events: Iterable[Event], *, colour: bool = False, width: int = 80, verbose: bool = False) -> str:
    stream = io.StringIO()
    reporter = TextReporter(stream, colour=colour, width=width, verbose=verbose)
    for event in events:
        reporter.handle(event)
    return stream.getvalue()


@pytest.mark.parametrize("name", RUNS)
def test_a_run_reads_well(name: str, snapshot: SnapshotAssertion) -> None:
    assert as_text(RUNS[name]) == snapshot


def test_a_wide_terminal_needs_fewer_lines(snapshot: SnapshotAssertion) -> None:
    assert as_text(GOOD, width=120) == snapshot


def test_verbose_shows_output_as_it_comes(snapshot: SnapshotAssertion) -> None:
    assert as_text(GOOD, verbose=True) == snapshot


def test_verbose_does_not_repeat_the_output_of_a_failed_stage() -> None:
    assert as_text(FAILED, verbose=True).count("epoch 1224 ") == 1


def test_colour_only_adds_to_the_text() -> None:
    coloured = as_text(FAILED, colour=True)
    assert coloured != as_text(FAILED)
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == as_text(FAILED)


@pytest.mark.parametrize("name", RUNS)
def test_a_run_keeps_to_80_columns(name: str) -> None:
    assert max(map(display_width, as_text(RUNS[name]).splitlines())) <= 80


@pytest.fixture(autouse=True)
def usual_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("colour", [True, False], ids=["colour", "plain"])
def test_live_leaves_the_text_behind(name: str, *, colour: bool) -> None:
    watched = Watched()
    reporter = LiveReporter(watched.stream, colour=colour, width=80, verbose=False)
    for event in RUNS[name]:
        reporter.handle(event)
    reporter.close()
    watched.close()
    assert watched.screen.text() == as_text(RUNS[name])
    assert watched.screen.is_cursor_shown


def test_live_shows_what_runs_and_takes_it_away_when_interrupted() -> None:
    watched = Watched()
    reporter = LiveReporter(watched.stream, colour=False, width=80, verbose=False)
    for event in GOOD[:5]:
        reporter.handle(event)
    reporter.refresh()
    reporter.close()
    reporter.close()
    watched.close()
    assert re.search(r"[\u2800-\u28ff] model    train +<?0\.\ds   fitting 200 trees on 28,834 rows", watched.written)
    assert watched.screen.text().rstrip() == as_text(GOOD[:5]).rstrip()  # the cursor may stand one line below
    assert watched.screen.is_cursor_shown


def test_ndjson_is_one_event_a_line_as_its_schema_says() -> None:
    schema = json.loads(SCHEMA.read_text())
    Draft202012Validator.check_schema(schema)
    events = [event for run in RUNS.values() for event in run]
    stream = io.StringIO()
    reporter = NdjsonReporter(stream)
    for event in events:
        reporter.handle(event)
    lines = stream.getvalue().splitlines()
    assert len(lines) == len(events)
    for line in lines:
        Draft202012Validator(schema).validate(json.loads(line))


def test_ndjson_says_the_type_first(snapshot: SnapshotAssertion) -> None:
    assert event_line(GOOD[1]) == snapshot


TEXTS = st.text(st.characters(), max_size=30)
OUTCOMES = st.sampled_from(Outcome)
SECONDS = st.floats(0, 1e6)
COUNTS = st.integers(0, 10**6)
EVENTS = st.one_of(
    st.builds(
        RunStarted,
        run=TEXTS,
        pipeline=TEXTS,
        environment=TEXTS,
        commit=TEXTS,
        changed_files=COUNTS,
        stages=st.lists(st.tuples(TEXTS, TEXTS), max_size=3).map(tuple),
        not_run=st.lists(TEXTS, max_size=2).map(tuple),
    ),
    st.builds(StageStarted, stage=TEXTS, kind=TEXTS, attempt=COUNTS, reason=TEXTS),
    st.builds(StageOutput, stage=TEXTS, line=TEXTS),
    st.builds(
        StageEnded,
        stage=TEXTS,
        kind=TEXTS,
        outcome=OUTCOMES,
        seconds=SECONDS,
        summary=TEXTS,
        reason=TEXTS,
        checks=st.lists(
            st.builds(Check, expectation=TEXTS, observed=TEXTS, verdict=TEXTS, holds=st.booleans()), max_size=2
        ).map(tuple),
    ),
    st.builds(
        RunEnded,
        run=TEXTS,
        pipeline=TEXTS,
        outcome=OUTCOMES,
        seconds=SECONDS,
        stages=COUNTS,
        cached=COUNTS,
        serving=TEXTS,
    ),
)


@given(events=st.lists(EVENTS, max_size=5), width=st.integers(0, 120), verbose=st.booleans())
def test_nothing_of_a_run_reaches_the_terminal_raw(events: list[Event], width: int, *, verbose: bool) -> None:
    assert all(line.isprintable() for line in as_text(events, width=width, verbose=verbose).split("\n"))


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("hasty_threads")
def test_lines_of_one_event_stay_together_whichever_thread_says_it() -> None:
    stream = io.StringIO()
    reporter = TextReporter(stream, colour=False, width=80, verbose=False)

    def say(stage: str) -> None:
        checks = tuple(Check(expectation=stage, observed=stage, verdict=stage, holds=True) for _ in range(5))
        event = StageEnded(
            stage=stage, kind="task", outcome=Outcome.DONE, seconds=0, summary="", reason="", checks=checks
        )
        for _ in range(100):
            reporter.handle(event)

    threads = [Thread(target=say, args=(stage,)) for stage in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = stream.getvalue().splitlines()
    assert len(lines) == 4 * 100 * 6
    for first in range(0, len(lines), 6):
        stage = lines[first].split()[1]
        assert [line.split() for line in lines[first + 1 : first + 6]] == [[stage] * 3] * 5


class Stream(io.StringIO):
    """A stream that says of itself what a test wants."""

    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


@pytest.mark.parametrize(
    ("is_terminal", "environ", "colour", "interactive"),
    [
        pytest.param(True, {}, True, True, id="a terminal"),
        pytest.param(False, {}, False, False, id="a pipe"),
        pytest.param(True, {"NO_COLOR": "1"}, False, True, id="no colour wanted"),
        pytest.param(True, {"NO_COLOR": ""}, True, True, id="an empty NO_COLOR says nothing"),
        pytest.param(True, {"TERM": "dumb"}, False, False, id="a dumb terminal"),
        pytest.param(False, {"FORCE_COLOR": "1"}, True, False, id="colour in a log"),
        pytest.param(False, {"FORCE_COLOR": "0"}, False, False, id="colour not forced"),
        pytest.param(False, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False, id="no colour wins"),
    ],
)
def test_what_a_stream_can_show(*, is_terminal: bool, environ: dict[str, str], colour: bool, interactive: bool) -> None:
    terminal = Terminal.of(Stream(is_terminal=is_terminal), environ)
    assert (terminal.colour, terminal.interactive, terminal.width) == (colour, interactive, 80)


def test_columns_says_how_wide_it_is() -> None:
    assert Terminal.of(io.StringIO(), {"COLUMNS": "132"}).width == 132


def test_quiet_says_nothing() -> None:
    stream = io.StringIO()
    terminal = Terminal.of(stream, {})
    reporter: RunReporter = run_reporter(stream, terminal, verbose=True, quiet=True)
    for event in GOOD:
        reporter.handle(event)
    reporter.close()
    assert stream.getvalue() == ""
