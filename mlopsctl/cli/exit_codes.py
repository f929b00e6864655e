"""What the number means that a command ends with."""

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of every command; `help exit-codes` prints them."""

    DONE = 0
    FAILED = 1
    CHANGES = 2
    CONFLICT = 3
    LOCKED = 4
    REFUSED = 5
    UNHEALTHY = 6
    USAGE = 64
    BUG = 70
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.DONE: "done",
    ExitCode.FAILED: "the command's own negative finding, or a failure",
    ExitCode.CHANGES: "there are changes; only `plan --detailed-exitcode`",
    ExitCode.CONFLICT: "a stale plan, or a conflict with another change",
    ExitCode.LOCKED: "locked by someone else",
    ExitCode.REFUSED: "a gate, a data contract, a policy or an approval refused",
    ExitCode.UNHEALTHY: "applied, but not healthy in time",
    ExitCode.USAGE: "the command line was used wrongly",
    ExitCode.BUG: "a bug in mlopsctl; the message says where the report is",
    ExitCode.INTERRUPTED: "interrupted",
}
