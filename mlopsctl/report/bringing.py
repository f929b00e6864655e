"""How far it is with bringing a release to another store: a line that grows, on a terminal; elsewhere nothing."""

from types import TracebackType
from typing import Self, TextIO

from mlopsctl.report.terminal import Terminal
from mlopsctl.report.wording import size

_BACK = "\r\x1b[2K"


class Bringing:
    """The line, to be entered; it is gone when what it told of has ended. `whole` is in bytes."""

    def __init__(self, stream: TextIO, terminal: Terminal, whole: int, *, quiet: bool) -> None:
        self._stream, self._whole = stream, whole
        self._is_shown = terminal.interactive and not quiet

    def __enter__(self) -> Self:
        self.tell(0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_shown:
            self._stream.write(_BACK)

    def tell(self, done: int) -> None:
        """So many bytes are there."""
        if self._is_shown:
            self._stream.write(f"{_BACK}Checking and copying: {size(done)} of {size(self._whole)}")
            self._stream.flush()
