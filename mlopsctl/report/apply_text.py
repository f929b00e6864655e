"""An apply as plain text, and which way it is shown by what the stream can show."""

from threading import Lock
from typing import Protocol, TextIO

from mlopsctl.plan.progress import ApplyEvent
from mlopsctl.report.apply_lines import ApplyLines
from mlopsctl.report.terminal import Terminal


class ApplyReporter(Protocol):
    """Shows the events of one apply as they come, from whichever thread."""

    def handle(self, event: ApplyEvent) -> None:
        """Show `event`."""

    def close(self) -> None:
        """Leave the stream as it should stay; safe at any time and more than once."""


class ApplyTextReporter:
    """Prints a line for each event as it comes, for logs and files."""

    def __init__(self, stream: TextIO, *, colour: bool, width: int) -> None:
        self._stream = stream
        self._lines = ApplyLines(colour=colour, width=width)
        self._lock = Lock()

    def handle(self, event: ApplyEvent) -> None:
        """Show `event`; each line is there at once, also in a log that is being followed."""
        with self._lock:
            for line in self._lines.of(event):
                self._stream.write(line + "\n")
            self._stream.flush()

    def close(self) -> None:
        """Nothing is left to do."""


class QuietApplyReporter:
    """Says nothing while it goes on."""

    def handle(self, event: ApplyEvent) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Nothing is left to do."""


def apply_reporter(stream: TextIO, terminal: Terminal, *, quiet: bool) -> ApplyReporter:
    """A reporter that prints to `stream`; the caller closes it, whatever happens."""
    if quiet:
        return QuietApplyReporter()
    if not terminal.interactive:
        return ApplyTextReporter(stream, colour=terminal.colour, width=terminal.width)
    from mlopsctl.report.live_apply import LiveApplyReporter  # brings rich, which only a terminal is worth

    return LiveApplyReporter(stream, colour=terminal.colour, width=terminal.width)
