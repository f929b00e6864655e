"""A run as plain text, for logs, files and terminals that can't draw a line anew."""

from threading import Lock
from typing import Protocol, TextIO

from mlopsctl.events import Event, StageOutput
from mlopsctl.report.run_lines import RunLines


class RunReporter(Protocol):
    """Shows the events of one run as they come, from whichever thread."""

    def handle(self, event: Event) -> None:
        """Show `event`."""

    def close(self) -> None:
        """Leave the stream as it should stay; safe at any time and more than once."""


class TextReporter:
    """Prints each stage when it ends, in the order in which they end; verbose, their output as well."""

    def __init__(self, stream: TextIO, *, colour: bool, width: int, verbose: bool) -> None:
        self._stream = stream
        self._lines = RunLines(colour=colour, width=width, verbose=verbose)
        self._lock = Lock()

    def handle(self, event: Event) -> None:
        """Show `event`; each line is there at once, also in a log that is being followed."""
        with self._lock:
            for line in self._lines.of(event):
                self._stream.write(line + "\n")
            self._stream.flush()

    def close(self) -> None:
        """Nothing is left to do."""


class QuietReporter:
    """Says nothing; what matters of a run that ends badly is said by its diagnostics."""

    def handle(self, event: Event) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Nothing is left to do."""


class OutputReporter:
    """Prints what one stage prints, and nothing else."""

    def __init__(self, stream: TextIO, stage: str) -> None:
        self._stream, self._stage = stream, stage

    def handle(self, event: Event) -> None:
        """Print the line, if it is one of the stage's."""
        if isinstance(event, StageOutput) and event.stage == self._stage:
            self._stream.write(f"{event.line}\n")
            self._stream.flush()

    def close(self) -> None:
        """Nothing is left to do."""
