"""What the number means that a command ends with."""

from collections.abc import Iterable
from enum import IntEnum

from mlopsctl.diagnostics import Diagnostic, Severity


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


_BY_DIAGNOSTIC = {
    "MLO419": ExitCode.REFUSED,
    "MLO420": ExitCode.REFUSED,
    "MLO421": ExitCode.REFUSED,
    "MLO764": ExitCode.REFUSED,
    "MLO425": ExitCode.REFUSED,
    "MLO426": ExitCode.REFUSED,
    "MLO427": ExitCode.REFUSED,
    "MLO428": ExitCode.REFUSED,
    "MLO751": ExitCode.CONFLICT,
    "MLO756": ExitCode.CONFLICT,
    "MLO752": ExitCode.CONFLICT,
    **dict.fromkeys(("MLO770", "MLO773", "MLO774", "MLO775", "MLO776", "MLO777", "MLO778"), ExitCode.REFUSED),
    **dict.fromkeys(("MLO779", "MLO780", "MLO784"), ExitCode.CONFLICT),
    "MLO829": ExitCode.REFUSED,
    "MLO840": ExitCode.CONFLICT,
    "MLO854": ExitCode.CONFLICT,
    "MLO855": ExitCode.CONFLICT,
    "MLO856": ExitCode.LOCKED,
    "MLO857": ExitCode.CONFLICT,
    "MLO865": ExitCode.REFUSED,
    "MLO866": ExitCode.REFUSED,
    "MLO867": ExitCode.CONFLICT,
    "MLO868": ExitCode.CONFLICT,
    "MLO869": ExitCode.CONFLICT,
    "MLO870": ExitCode.UNHEALTHY,
    "MLO871": ExitCode.UNHEALTHY,
    "MLO873": ExitCode.REFUSED,
    "MLO894": ExitCode.CONFLICT,
}

MEANINGS = {
    ExitCode.DONE: "done",
    ExitCode.FAILED: "the command's own negative finding, or a failure",
    ExitCode.CHANGES: "there are changes; only `plan --detailed-exitcode`",
    ExitCode.CONFLICT: "a stale plan, a conflict with what others have, or another cluster than the one that is meant",
    ExitCode.LOCKED: "locked by someone else",
    ExitCode.REFUSED: "gate, contract, load test, policy, approval, promotion, verification refused; too much deleted",
    ExitCode.UNHEALTHY: "applied, but not healthy in time",
    ExitCode.USAGE: "the command line was used wrongly",
    ExitCode.BUG: "a bug in mlopsctl; the message says where the report is",
    ExitCode.INTERRUPTED: "interrupted",
}


def exit_code_of(diagnostics: Iterable[Diagnostic]) -> ExitCode:
    """What a command ends with that says these: what the first of them means that means something of its own."""
    errors = [found for found in diagnostics if found.severity is Severity.ERROR]
    meant = (_BY_DIAGNOSTIC[found.code] for found in errors if found.code in _BY_DIAGNOSTIC)
    return next(meant, ExitCode.FAILED) if errors else ExitCode.DONE


def exit_code_of_run(outcome: str) -> ExitCode:
    """What a command ends with that has seen a run to its end, wherever it ran."""
    codes = {"refused": ExitCode.REFUSED, "failed": ExitCode.FAILED, "interrupted": ExitCode.INTERRUPTED}
    return codes.get(outcome, ExitCode.DONE)
