"""A run or an apply as NDJSON, one event a line, for programs.

schemas/output/v1/run-event.json and apply-event.json describe them.
"""

import json
import re
from dataclasses import asdict
from threading import Lock
from typing import TextIO

from mlopsctl.events import Event
from mlopsctl.plan.progress import ApplyEvent

VERSION = 1


class NdjsonReporter:
    """Writes each event as one line of JSON as soon as it comes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = Lock()

    def handle(self, event: Event | ApplyEvent) -> None:
        """Write `event`."""
        with self._lock:
            self._stream.write(event_line(event))
            self._stream.flush()

    def close(self) -> None:
        """Nothing is left to do."""


def event_line(event: Event | ApplyEvent) -> str:
    """`event` as JSON in ASCII with a line break at its end; its `type` is `stage-ended` for StageEnded."""
    kind = re.sub(r"(?<!^)(?=[A-Z])", "-", type(event).__name__).lower()
    return json.dumps({"type": kind, "version": VERSION, **asdict(event)}) + "\n"
