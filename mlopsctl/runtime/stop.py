"""How whoever started a run asks its commands to end: a person at the keyboard, a limit, a stage that failed."""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType, TracebackType
from typing import Self


class Stop:
    """A request to stop that any number of running commands wait for at once; once made it stays.

    Unlike a threading.Event it has a descriptor to wait on beside others, and a signal sets it wherever it comes.
    """

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)

    def set(self) -> None:
        """Ask every command that was given this to end."""
        with suppress(BlockingIOError):  # a full pipe says it already
            os.write(self._write, b"!")

    def is_set(self) -> bool:
        """Whether `set` was called, or a signal came that sets it."""
        return bool(select.select([self._read], [], [], 0)[0])

    def wait(self) -> None:
        """Return once it is set."""
        select.select([self._read], [], [])

    def fileno(self) -> int:
        """The descriptor that is readable once it is set."""
        return self._read

    @contextmanager
    def set_by_signals(self) -> Iterator[None]:
        """Ctrl-C and SIGTERM set it while the block goes on; a second Ctrl-C no longer waits, and interrupts.

        The signal itself writes to the descriptor, as a handler in Python is run when the main thread is at Python code
        again: if the signal comes just before that thread begins to wait, it would be waited for as long as for others.
        """
        asked = False

        def ask(number: int, _: FrameType | None) -> None:
            nonlocal asked
            if asked and number == signal.SIGINT:
                raise KeyboardInterrupt
            asked = True

        woken = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        before = {which: signal.signal(which, ask) for which in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for which, handler in before.items():
                signal.signal(which, handler)
            signal.set_wakeup_fd(woken)

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
