"""What a pod says of itself, between the lines of the command that it runs: plain text, as logs are."""

import sys
from collections.abc import Iterable

from mlopsctl.diagnostics import Diagnostic
from mlopsctl.engine.result import StageResult
from mlopsctl.engine.telling import end_line, told
from mlopsctl.events import Event, Outcome


def tell(event: Event) -> None:
    """Print what happens, as it happens."""
    line = told(event)
    if line is not None:
        say(line)


def tell_end(result: StageResult) -> None:
    """Print how the stage ended; what went wrong goes to the error stream."""
    words = [result.outcome.value, *([f"{result.seconds:.1f}s"] if result.seconds else []), result.summary]
    if result.outcome is Outcome.CACHED:
        words.append(result.reason)
    say(end_line(result.stage, result.outcome, " · ".join(word for word in words if word)))
    for check in result.checks:
        say(f"  {'✓' if check.holds else '✗'} {check.expectation}: {check.observed}, {check.verdict}")
    complain(result.diagnostics)


def complain(diagnostics: Iterable[Diagnostic]) -> None:
    """Print what is wrong, and what to do about it."""
    for found in diagnostics:
        lines = [f"{found.severity}[{found.code}]: {found.message}"]
        lines += [f"  {note}" for note in found.notes]
        lines += [f"  help: {advice}" for advice in found.helps]
        sys.stderr.write("\n".join((*lines, f"  for more: mlopsctl explain {found.code}", "")))
        sys.stderr.flush()


def say(line: str) -> None:
    """Print a line at once: whoever follows a log waits for it."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
