"""Which way a run is shown, by what the stream can show and what was asked for."""

from typing import TextIO

from mlopsctl.report.run_text import QuietReporter, RunReporter, TextReporter
from mlopsctl.report.terminal import Terminal


def run_reporter(stream: TextIO, terminal: Terminal, *, verbose: bool, quiet: bool) -> RunReporter:
    """A reporter that prints to `stream`; the caller closes it, whatever happens."""
    if quiet:
        return QuietReporter()
    if not terminal.interactive:
        return TextReporter(stream, colour=terminal.colour, width=terminal.width, verbose=verbose)
    from mlopsctl.report.live import LiveReporter  # brings rich, which only a terminal is worth

    return LiveReporter(stream, colour=terminal.colour, width=terminal.width, verbose=verbose)
