"""User commands end with the program that started them, even when that program is killed without a chance to clean up.

Linux has PR_SET_PDEATHSIG for this, but it needs code between fork and exec, fires when the starting thread ends, and
reaches only the first process of a group. A small shell that reads from a pipe does it on every Unix: the kernel closes
the pipe's other end whatever kills us, and the shell then kills the whole group.
"""

import os
import subprocess
from contextlib import suppress
from types import TracebackType
from typing import Self

_SCRIPT = 'read -r group && { read -r over; kill -9 "-$group"; }'


class Guard:
    """Kills the process group that it is told to watch, should this process die before the guard is dismissed.

    A group's number is known when its command has begun: who kills us in that instant leaves the command to itself.
    """

    def __init__(self) -> None:
        read, self._lifeline = os.pipe()
        try:
            self._shell = subprocess.Popen(
                ["/bin/sh", "-c", _SCRIPT],
                stdin=read,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # an interrupt from the keyboard is not for the guard
            )
        except OSError:
            os.close(self._lifeline)
            raise
        finally:
            os.close(read)

    def watch(self, group: int) -> None:
        """Name the process group that must not outlive us."""
        with suppress(BrokenPipeError):  # a guard that someone killed is no reason to fail the command
            os.write(self._lifeline, f"{group}\n".encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # In this order: once the pipe is closed, a guard that still lives kills a group whose number may be another's.
        self._shell.kill()
        self._shell.wait()
        os.close(self._lifeline)
