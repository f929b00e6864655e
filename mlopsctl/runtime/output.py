"""What a command prints, on its way to the log and to whoever watches, in bounded memory.

A training script may print a gigabyte, with line breaks or without. Nothing here touches single bytes in Python, so
that being watched doesn't slow the command down, and nothing here grows with what is printed.
"""

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

LINES_PER_SECOND = 1000
LINE_BYTES = 8 * 1024
TAIL_BYTES = 4 * 1024 * 1024
RECENT_BYTES = 64 * 1024
LAST_LINES = 20


class BoundedLog:
    """A log file that keeps the first and the last part of what is written; a line between says what is left out.

    Bytes are kept as they came. The first part is in the file at once; the last part, at most `TAIL_BYTES` and
    half of `limit`, is held in memory and written at the end.
    """

    def __init__(self, path: Path, limit: int) -> None:
        self._tail_limit = min(TAIL_BYTES, limit // 2)
        self._head_room = limit - self._tail_limit
        self._tail = bytearray()
        self._left_out = 0
        self._file = path.open("wb")
        self.size = 0

    @property
    def truncated(self) -> bool:
        """Whether something had to be left out."""
        return self._left_out > 0

    def write(self, chunk: bytes) -> None:
        """Take the next bytes. Raises OSError if the disk doesn't."""
        head = chunk[: self._head_room]
        if head:
            self._head_room -= len(head)
            self._append(head)
        if len(head) < len(chunk):
            self._hold(chunk[len(head) :])

    def close(self) -> None:
        """Write the last part and close the file."""
        with self._file:
            self._trim()
            if self.truncated:
                self._append(f"\n[{self._left_out:,} bytes left out]\n".encode())
            self._append(self._tail)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _append(self, chunk: bytes | bytearray) -> None:
        self._file.write(chunk)
        self._file.flush()
        self.size += len(chunk)

    def _hold(self, chunk: bytes) -> None:
        self._tail += chunk
        if len(self._tail) > 2 * self._tail_limit:  # not at each chunk: trimming moves all that stays
            self._trim()

    def _trim(self) -> None:
        excess = max(0, len(self._tail) - self._tail_limit)
        del self._tail[:excess]
        self._left_out += excess


class LineFeed:
    """Bytes in, lines out, to people: decoded, without line breaks, not too long and not too many.

    The first `LINES_PER_SECOND` lines of each second are passed on; the others of that second are counted, and one line
    says so when the second is over. Of a line longer than `LINE_BYTES` the beginning is passed on. Of a
    line that a progress bar wrote over with carriage returns, what would stand on a terminal in the end.
    """

    def __init__(self, on_line: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._on_line = on_line
        self._clock = clock
        self._window = float("-inf")
        self._room = 0
        self._skipped = 0
        self._partial = b""
        self._recent = b""

    def write(self, chunk: bytes) -> None:
        """Take the next bytes and pass on the lines that they complete."""
        self._recent = (self._recent + chunk)[-RECENT_BYTES:]
        self.renew()
        *lines, rest = chunk.split(b"\n", self._room)
        for line in lines:
            self._pass(self._partial + line)
            self._partial = b""
        self._room -= len(lines)
        if not self._room:
            rest = self._skip(rest)
        self._keep(rest)

    def seconds_to_renew(self) -> float | None:
        """When `renew` has something to say, if nothing else is printed till then; None if it won't."""
        return max(0.0, self._window + 1 - self._clock()) if self._skipped else None

    def renew(self) -> None:
        """Begin a new second if the last one is over, and say what was skipped in it."""
        now = self._clock()
        if now - self._window >= 1:
            self._window = now
            self._room = LINES_PER_SECOND
            self._say_skipped()

    def close(self) -> None:
        """Pass on the last line, if no line break ended it, and what was skipped."""
        self._say_skipped()
        if self._partial:
            self._pass(self._partial)
            self._partial = b""

    def last_lines(self) -> tuple[str, ...]:
        """The last lines of all, skipped or not, at most `LAST_LINES`."""
        return tuple(_readable(line) for line in self._recent.removesuffix(b"\n").split(b"\n")[-LAST_LINES:] if line)

    def _skip(self, rest: bytes) -> bytes:
        ended = rest.rfind(b"\n") + 1
        if not ended:
            return rest
        self._skipped += rest.count(b"\n", 0, ended)
        self._partial = b""
        return rest[ended:]

    def _keep(self, rest: bytes) -> None:
        overwritten = rest.rfind(b"\r", 0, -1)
        if overwritten >= 0:
            self._partial = rest[overwritten + 1 :][: LINE_BYTES + 1]
        else:
            self._partial += rest[: LINE_BYTES + 1 - len(self._partial)]

    def _pass(self, line: bytes) -> None:
        self._on_line(_readable(line))

    def _say_skipped(self) -> None:
        if self._skipped:
            self._on_line(f"[{self._skipped:,} lines not shown]")
            self._skipped = 0


def _readable(line: bytes) -> str:
    shown = line.rstrip(b"\r").rpartition(b"\r")[2]
    text = shown[:LINE_BYTES].decode(errors="replace")
    return f"{text} [cut]" if len(shown) > LINE_BYTES else text
