"""What a pod prints of a stage as plain lines, and the events that whoever follows its log reads in them again.

Between its beginning and its end, each line of the log is one that the command printed, but for what the pod waits for.
"""

import re
from dataclasses import replace

from mlopsctl.events import Event, Outcome, StageOutput, StageRetried, StageStarted, StageWaiting

_BEGINS = "▸"
_WAITS = "…"
_SIGNS = {Outcome.DONE: "✓", Outcome.CACHED: "✓", Outcome.NOT_RUN: "–", Outcome.SKIPPED: "–"}
_WENT_WRONG = "✗"
_FAULT = "error[MLO"  # on the error stream, of which lines may come before those that were printed first
_OF_ARGO = re.compile(r'time="[^"]+" level=\w+ msg=.* argo=true\b')  # what stands around our program in its container


def told(event: Event) -> str | None:
    """The line for an event, unless it is told in another way."""
    match event:
        case StageOutput():
            return event.line
        case StageStarted():
            return f"{_BEGINS} {event.stage}: {event.reason}" if event.reason else f"{_BEGINS} {event.stage}"
        case StageWaiting():
            return f"{_WAITS} {event.stage}: {event.why}"
        case StageRetried():
            return f"attempt {event.attempt} failed ({event.why})"
        case _:
            return None


def end_line(stage: str, outcome: Outcome, said: str) -> str:
    """The line that a stage ends with."""
    return f"{_SIGNS.get(outcome, _WENT_WRONG)} {stage}: {said}"


def trial_line(trial: int, trials: int, params: str) -> str:
    """The line that a trial of a search begins with."""
    return f"{_trial(trial, trials)}: {params}"


def trial_end_line(trial: int, trials: int, outcome: Outcome, said: str) -> str:
    """The line that a trial of a search ends with."""
    return end_line(_trial(trial, trials), outcome, said)


def output_of_trial(output: StageOutput, trial: int) -> StageOutput:
    """A line that a trial printed, among those of others."""
    return replace(output, line=f"{trial} │ {output.line}")


def _trial(trial: int, trials: int) -> str:
    return f"trial {trial} of {trials}"


class Hearing:
    """Reads the lines of one pod's log in their order."""

    def __init__(self, stage: str, kind: str, attempt: int) -> None:
        self._stage, self._kind, self._attempt = stage, kind, attempt
        self._opening, self._ends = f"{_BEGINS} {stage}", _ends_of(stage)
        self._has_begun = self._has_ended = False

    def heard(self, line: str) -> Event | None:
        """The event that a line tells of, if any."""
        waits = f"{_WAITS} {self._stage}: "
        if line.startswith(waits):
            why = line.removeprefix(waits)
            return StageWaiting(stage=self._stage, kind=self._kind, why=why, is_trouble=True)
        if not self._has_begun:
            opening, _, said = line.partition(": ")
            self._has_begun = opening == self._opening
            return self._beginning(said) if self._has_begun else None
        self._has_ended = self._has_ended or line.startswith((*self._ends, _FAULT))
        is_printed = not self._has_ended and not _OF_ARGO.match(line)
        return self._output(StageOutput(stage=self._stage, line=line)) if is_printed else None

    def _beginning(self, reason: str) -> Event | None:
        return StageStarted(stage=self._stage, kind=self._kind, attempt=self._attempt, reason=reason)

    def _output(self, output: StageOutput) -> StageOutput:
        return output


class TrialHearing(Hearing):
    """Reads those of a trial's pod. The stage itself has begun before."""

    def __init__(self, stage: str, trial: int, trials: int) -> None:
        super().__init__(stage, "", 1)
        self._number, self._opening = trial, _trial(trial, trials)
        self._ends = (*_ends_of(self._opening), *self._ends)

    def _beginning(self, reason: str) -> None:
        """Nothing, as the stage has begun before."""

    def _output(self, output: StageOutput) -> StageOutput:
        return output_of_trial(output, self._number)


def _ends_of(name: str) -> tuple[str, ...]:
    return tuple(f"{sign} {name}: " for sign in {*_SIGNS.values(), _WENT_WRONG})
