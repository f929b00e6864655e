"""An apply on a terminal: what is waited for is drawn anew all the time, what is done stays as text."""

import time
from collections.abc import Iterator
from threading import Lock
from typing import TextIO

from rich.text import Text

from mlopsctl.manifest import Key
from mlopsctl.plan.progress import ApplyEnded, ApplyEvent, ObjectReady, WaitingFor
from mlopsctl.report.apply_lines import ApplyLines
from mlopsctl.report.live import LiveArea, frame_at
from mlopsctl.report.wording import duration

_MOST = 10  # objects that are waited for; of more, only how many there are is said


class LiveApplyReporter:
    """Shows what is waited for, how long and why; leaves what ApplyTextReporter prints, but for these waits."""

    def __init__(self, stream: TextIO, *, colour: bool, width: int) -> None:
        self._lines = ApplyLines(colour=colour, width=width)
        self._waiting: dict[Key, tuple[float, str]] = {}
        self._lock = Lock()
        self._area = LiveArea(stream, colour=colour, rows=self._rows)

    def handle(self, event: ApplyEvent) -> None:
        """Show `event`: in the lines that are drawn anew, or above them for good."""
        with self._lock:
            if isinstance(event, WaitingFor):
                since, _ = self._waiting.get(event.key, (time.monotonic(), ""))
                self._waiting[event.key] = since, event.why
                self._lines.expect(event.key)
                return
            if isinstance(event, ObjectReady):
                self._waiting.pop(event.key, None)
            elif isinstance(event, ApplyEnded):
                self._waiting.clear()
            for line in self._lines.of(event):
                self._area.print(line)

    def close(self) -> None:
        """Take away what was drawn and give the cursor back; safe more than once."""
        self._area.close()

    def refresh(self) -> None:
        """Draw anew at once; it happens by itself several times a second."""
        self._area.refresh()

    def _rows(self, now: float) -> Iterator[Text]:
        waiting = list(self._waiting.items())  # a copy: rich draws from a thread of its own
        for key, (since, why) in waiting[:_MOST]:
            yield Text(f"  {frame_at(now)} waiting   {duration(now - since):>7}  {self._lines.named(key, why)}")
        if len(waiting) > _MOST:
            yield Text(f"    and for {len(waiting) - _MOST:,} more")
