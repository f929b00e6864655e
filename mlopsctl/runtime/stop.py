"""How whoever started a run asks its commands to end: a person at the keyboard, a limit, a stage that failed."""

import os
from contextlib import suppress
from types import TracebackType
from typing import Self


class Stop:
    """A request to stop that any number of running commands wait for at once; once made it stays.

    Unlike a threading.Event it has a descriptor to wait on beside others, and setting it from a signal handler is safe.
    """

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        self._set = False

    def set(self) -> None:
        """Ask every command that was given this to end."""
        self._set = True
        with suppress(BlockingIOError):  # a full pipe says it already
            os.write(self._write, b"!")

    def is_set(self) -> bool:
        """Whether `set` was called."""
        return self._set

    def fileno(self) -> int:
        """The descriptor that is readable from the first `set` on."""
        return self._read

    def close(self) -> None:
        """Free the descriptors; no command may be waiting."""
        os.close(self._read)
        os.close(self._write)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
