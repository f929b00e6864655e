"""As much of a terminal as it takes to know what stays on the screen."""

import os
import pty
import re
import tty
from threading import Thread

_SEQUENCE = re.compile(r"\x1b\[(\??[0-9;]*)([A-Za-z])")


class Screen:
    """Follows what is written to it; scrolls without end, wraps nothing."""

    def __init__(self) -> None:
        self.rows: list[list[str]] = [[]]
        self.row = 0
        self.column = 0
        self.is_cursor_shown = True

    def write(self, text: str) -> None:
        position = 0
        while position < len(text):
            sequence = _SEQUENCE.match(text, position)
            if sequence:
                self._obey(sequence[1], sequence[2])
                position = sequence.end()
            else:
                self._put(text[position])
                position += 1

    def text(self) -> str:
        return "\n".join("".join(row).rstrip() for row in self.rows)

    def _put(self, character: str) -> None:
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self.row, self.column = self.row + 1, 0
            self.rows.extend([] for _ in range(self.row + 1 - len(self.rows)))
        else:
            row = self.rows[self.row]
            row.extend(" " * (self.column + 1 - len(row)))
            row[self.column] = character
            self.column += 1

    def _obey(self, argument: str, command: str) -> None:
        if command == "A":
            self.row -= int(argument or 1)
        elif command == "K":
            self.rows[self.row].clear()
        elif argument == "?25":
            self.is_cursor_shown = command == "h"
        elif command != "m":
            raise AssertionError(f"this screen does not know {argument}{command}")


class Watched:
    """A pseudo-terminal whose screen is known; `close` it before reading."""

    def __init__(self) -> None:
        self.screen = Screen()
        self.written = ""
        self._ours, theirs = pty.openpty()
        tty.setraw(theirs)
        self.stream = os.fdopen(theirs, "w", encoding="utf-8")
        self._reader = Thread(target=self._read)
        self._reader.start()

    def close(self) -> None:
        self.stream.close()
        self._reader.join(timeout=10)
        os.close(self._ours)
        self.screen.write(self.written.replace("\n", "\r\n"))

    def _read(self) -> None:
        received = b""
        try:
            while piece := os.read(self._ours, 65536):
                received += piece
        except OSError:  # how Linux says that the other end is closed
            pass
        self.written = received.decode()
