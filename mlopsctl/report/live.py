"""A run on a terminal: what is going on now is drawn anew all the time, what is over stays as text.

It imports rich, which takes longer than most commands do, and is itself imported only for a run on a terminal.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from threading import Lock
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from mlopsctl.events import Event, StageEnded, StageOutput, StageRetried, StageStarted, StageWaiting, TrialEnded
from mlopsctl.report.display import shown
from mlopsctl.report.run_lines import RunLines
from mlopsctl.report.wording import duration, metric

_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_FRAMES_A_SECOND = 8


def frame_at(now: float) -> str:
    """The sign that turns while something goes on."""
    return _FRAMES[int(now * _FRAMES_A_SECOND) % len(_FRAMES)]


@dataclass(slots=True)
class _Running:
    """A stage whose command runs, or waits to be tried again."""

    kind: str
    since: float
    said: str
    trials: str = ""  # how far its search is


class LiveArea:
    """Lines at the end of a terminal that are drawn anew all the time, and what is printed above them for good.

    `rows` gives these lines for a time of `time.monotonic`; rich calls it from a thread of its own.
    """

    def __init__(self, stream: TextIO, *, colour: bool, rows: Callable[[float], Iterable[Text]]) -> None:
        self._rows = rows
        # Its width is left to rich, which asks for it again when the window changes.
        self._console = Console(file=stream, force_terminal=True, no_color=not colour, highlight=False)
        self._live = Live(
            get_renderable=self._view,
            console=self._console,
            refresh_per_second=_FRAMES_A_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def print(self, line: str) -> None:
        """A line that stays."""
        self._console.print(Text.from_ansi(line), soft_wrap=True)

    def close(self) -> None:
        """Take away what was drawn and give the cursor back; safe more than once."""
        self._live.stop()

    def refresh(self) -> None:
        """Draw anew at once; it happens by itself several times a second."""
        self._live.refresh()

    def _view(self) -> Table:
        table = Table.grid(expand=False)
        table.add_column(no_wrap=True, overflow="ellipsis")
        for row in self._rows(time.monotonic()):
            table.add_row(row)
        return table


class LiveReporter:
    """Shows the stages that run with elapsed time and last line of output; leaves what TextReporter would print."""

    def __init__(self, stream: TextIO, *, colour: bool, width: int, verbose: bool) -> None:
        self._lines = RunLines(colour=colour, width=width, verbose=verbose)
        self._running: dict[str, _Running] = {}
        self._lock = Lock()
        self._area = LiveArea(stream, colour=colour, rows=self._rows)

    def handle(self, event: Event) -> None:
        """Show `event`: in the lines that are drawn anew, or above them for good."""
        with self._lock:
            self._remember(event)
            for line in self._lines.of(event):
                self._area.print(line)

    def close(self) -> None:
        """Take away what was drawn and give the cursor back."""
        self._area.close()

    def refresh(self) -> None:
        """Draw anew at once; it happens by itself several times a second."""
        self._area.refresh()

    def _remember(self, event: Event) -> None:
        match event:
            case StageWaiting():
                since = self._running[event.stage].since if event.stage in self._running else time.monotonic()
                self._running[event.stage] = _Running(event.kind, since, event.why)
            case StageStarted():
                self._running[event.stage] = _Running(event.kind, time.monotonic(), event.reason)
            case StageOutput() if event.stage in self._running and event.line.strip():
                self._running[event.stage].said = event.line
            case StageRetried() if event.stage in self._running:
                self._running[event.stage].said = event.why
            case TrialEnded() if event.stage in self._running:
                best = "" if event.best is None else f", best {event.metric} {metric(event.best)}"
                self._running[event.stage].trials = f"{event.trial} of {event.trials} trials{best} · "
            case StageEnded():
                self._running.pop(event.stage, None)
            case _:
                pass

    def _rows(self, now: float) -> Iterator[Text]:
        frame = frame_at(now)
        for stage, running in list(self._running.items()):  # a copy: rich draws from a thread of its own
            columns = self._lines.stage_columns(stage, running.kind)
            yield Text(
                f"  {frame} {columns}  {duration(now - running.since):>7}   {shown(running.trials + running.said)}"
            )
