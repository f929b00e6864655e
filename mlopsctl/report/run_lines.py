"""What is said of a run while it goes on, line by line: the same words in a log and on a terminal."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from mlopsctl.events import (
    Check,
    Event,
    Outcome,
    RunEnded,
    RunStarted,
    StageEnded,
    StageOutput,
    StageRetried,
    StageStarted,
    StageWaiting,
    TrialEnded,
)
from mlopsctl.ir.values import in_short
from mlopsctl.report.colour import Colour, painter
from mlopsctl.report.display import display_width, padded, shown, wrapped
from mlopsctl.report.wording import counted, duration, metric, short_run

MARKS = {
    Outcome.DONE: ("✓", Colour.GOOD),
    Outcome.CACHED: ("✓", Colour.GOOD),
    Outcome.FAILED: ("✗", Colour.ERROR),
    Outcome.REFUSED: ("✗", Colour.ERROR),
    Outcome.SKIPPED: ("–", Colour.FAINT),
    Outcome.NOT_RUN: ("–", Colour.FAINT),
    Outcome.INTERRUPTED: ("✗", Colour.WARNING),
}
_HERE = "local"  # the environment that needs no name
_TAIL = 20  # lines of a failed stage's output
_TIME = 7  # columns
_MARGIN = 2
_NARROWEST = 24  # columns for what is said of a stage, even if the terminal is narrower


@dataclass(slots=True)
class _Output:
    """What a stage has printed so far: the last lines, and how many there were."""

    last: deque[str] = field(default_factory=lambda: deque(maxlen=_TAIL))
    count: int = 0


class RunLines:
    """Words each event of one run; remembers what later lines need."""

    def __init__(self, *, colour: bool, width: int, verbose: bool) -> None:
        self.paint = painter(colour=colour)
        self.width = width
        self.verbose = verbose
        self.kinds: dict[str, str] = {}
        self.outputs: dict[str, _Output] = {}
        self.environment = _HERE

    def of(self, event: Event) -> Iterator[str]:
        """The lines to show for `event`, without line breaks; often none."""
        match event:
            case RunStarted():
                self.kinds = dict(event.stages) | dict.fromkeys(event.parts, "")
                self.environment = event.environment
                yield from self._header(event)
            case StageStarted() | StageWaiting() | StageOutput() | StageRetried() | TrialEnded():
                yield from self._during(event)
            case StageEnded():
                yield from self._ended(event)
            case RunEnded():
                yield from self._footer(event)
            case _:
                assert_never(event)

    def _during(self, event: StageStarted | StageWaiting | StageOutput | StageRetried | TrialEnded) -> Iterator[str]:
        """What is said of a stage before it ends."""
        match event:
            case StageStarted():
                self.kinds[event.stage] = event.kind
                self.outputs[event.stage] = _Output()
                if self.verbose:
                    yield from self._stage("▸", Colour.FAINT, event.stage, said=["starts", event.reason])
            case StageOutput():
                yield from self._output(event)
            case StageWaiting() | StageRetried():
                yield from self._held_up(event)
            case TrialEnded():
                yield from self._trial(event)

    def stage_columns(self, stage: str, kind: str) -> str:
        """The name and the kind of a stage, aligned with all others."""
        names = max(map(display_width, map(shown, [*self.kinds, stage])))
        kinds = max(map(display_width, map(shown, [*self.kinds.values(), kind])))
        return f"{padded(shown(stage), names)}  {padded(shown(kind), kinds)}"

    def _header(self, event: RunStarted) -> Iterator[str]:
        """Which run of what, then all that the pipeline asks for and this engine leaves out."""
        changed = f" ({counted(event.changed_files, 'file')} changed since)" if event.changed_files else ""
        commit = f"{event.commit}{changed}" if event.commit else ""
        parts = [event.pipeline, event.environment, commit, f"run {short_run(event.run)}"]
        yield " · ".join(shown(part) for part in parts if part)
        yield ""
        if event.not_run:
            left_out = f"Left out on this machine: {'; '.join(map(shown, event.not_run))}"
            lines = wrapped(left_out, max(self.width - _MARGIN, _NARROWEST))
            yield from (f"  {self.paint(line, Colour.FAINT)}" for line in lines)
            yield ""

    def _stage(self, mark: str, colour: Colour, stage: str, *, said: Sequence[str], time: str = "") -> Iterator[str]:
        """The line of a stage; what doesn't fit beside its name goes on below."""
        columns = self.stage_columns(stage, self.kinds.get(stage, ""))
        indent = 4 + display_width(columns) + 2 + _TIME + 3
        first, *others = _beside([shown(part) for part in said if part], max(self.width - indent, _NARROWEST))
        yield f"  {self.paint(mark, colour)} {columns}  {time:>{_TIME}}   {first}".rstrip()
        yield from (" " * indent + line for line in others)

    def _held_up(self, event: StageWaiting | StageRetried) -> Iterator[str]:
        """Why a stage doesn't go on yet; that it is only beginning is not worth a line."""
        if isinstance(event, StageRetried):
            retry = f"retry {event.attempt} of {event.limit} in {duration(event.wait)}"
            yield from self._stage("↻", Colour.WARNING, event.stage, said=[retry, event.why])
        elif event.is_trouble:
            yield from self._stage("…", Colour.WARNING, event.stage, said=["waits", event.why])

    def _output(self, event: StageOutput) -> Iterator[str]:
        output = self.outputs.setdefault(event.stage, _Output())
        output.last.append(event.line)
        output.count += 1
        if self.verbose:
            names = max(map(display_width, map(shown, [*self.kinds, event.stage])))
            prefix = self.paint(f"    {padded(shown(event.stage), names)} │", Colour.FRAME)
            yield f"{prefix} {shown(event.line)}".rstrip()

    def _trial(self, event: TrialEnded) -> Iterator[str]:
        """A trial that is better than all before or failed, or any if all is to be told."""
        is_best = event.value is not None and event.value == event.best
        if not (is_best or event.value is None or self.verbose):
            return
        mark, colour = ("✗", Colour.WARNING) if event.value is None else ("▴" if is_best else "·", Colour.FAINT)
        found = event.why if event.value is None else f"{event.metric} {metric(event.value)}"
        said = [f"trial {event.trial} of {event.trials}: {found}", in_short(event.params)]
        took = "" if event.cached else duration(event.seconds)
        yield from self._stage(mark, colour, event.stage, said=said, time=took)

    def _ended(self, event: StageEnded) -> Iterator[str]:
        self.kinds[event.stage] = event.kind
        if event.part_of and event.outcome is Outcome.CACHED and not self.verbose:
            return  # the stage as a whole says how many there were
        mark, colour = MARKS[event.outcome]
        ran = event.outcome not in (Outcome.CACHED, Outcome.SKIPPED, Outcome.NOT_RUN)
        summary = event.summary
        if not summary and event.outcome is not Outcome.DONE:
            summary = event.outcome.replace("-", " ")
        said = [summary, event.reason]
        yield from self._stage(mark, colour, event.stage, said=said, time=duration(event.seconds) if ran else "")
        yield from self._checks(event.checks)
        output = self.outputs.pop(event.stage, _Output())
        if event.outcome is Outcome.FAILED and not self.verbose:
            yield from self._tail(output)

    def _checks(self, checks: Sequence[Check]) -> Iterator[str]:
        """A row for each check; the parts stand below each other if they all fit."""
        parts = [(shown(check.expectation), shown(check.observed), shown(check.verdict)) for check in checks]
        widths = [max(map(display_width, column)) for column in zip(*parts, strict=True)]
        is_wide = 8 + sum(widths) + 6 > self.width
        for check, (expectation, observed, verdict) in zip(checks, parts, strict=True):
            mark = " " if check.holds else self.paint("✗", Colour.ERROR)
            result = self.paint(verdict, Colour.GOOD if check.holds else Colour.ERROR)
            if is_wide:
                yield f"      {mark} {expectation}"
                yield f"          {observed}   {result}".rstrip()
            else:
                columns = f"{padded(expectation, widths[0])}   {padded(observed, widths[1])}"
                yield f"      {mark} {columns}   {result}".rstrip()

    def _tail(self, output: _Output) -> Iterator[str]:
        """The last lines that a failed stage printed; in them is the cause, more often than not."""
        bar = self.paint("        │", Colour.FRAME)
        left_out = output.count - len(output.last)
        if left_out:
            yield f"{bar} … {counted(left_out, 'line')} before"
        yield from (f"{bar} {shown(line)}".rstrip() for line in output.last)

    def _footer(self, event: RunEnded) -> Iterator[str]:
        yield ""
        if event.serving == event.run:
            where = "" if self.environment == _HERE else f" --env {shown(self.environment)}"
            yield f"Serving release {short_run(event.run)}: mlopsctl serve {shown(event.pipeline)}{where}"
        elif event.serving and event.outcome is not Outcome.DONE:
            yield f"What serves is unchanged: run {short_run(event.serving)}"
        ending = "" if event.outcome is Outcome.DONE else f"{event.outcome.replace('-', ' ').capitalize()} after "
        cached = f", {event.cached} of {counted(event.stages, 'stage')} from cache" if event.cached else ""
        yield self.paint(f"{ending}{duration(event.seconds)}{cached}", Colour.STRONG)


def _beside(parts: Sequence[str], width: int) -> list[str]:
    """The parts in one line if they fit there, else each in lines of its own; at least one line."""
    together = " · ".join(parts)
    if display_width(together) <= width:
        return [together]
    return [line for part in parts for line in wrapped(part, width)]
