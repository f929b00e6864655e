"""Every code that mlopsctl can give, for `explain` and for outputs that carry explanations."""

from mlopsctl.diagnostics import Explanation, Finding, diagnostic, explanations, similar


def all_explanations() -> dict[str, Explanation]:
    """The explanations of all rooms, by code."""
    from mlopsctl import compiler
    from mlopsctl.check import catalogue as checks
    from mlopsctl.cli import catalogue, inspecting, main, starting
    from mlopsctl.local import faults, refusals

    above = (compiler, faults, refusals, catalogue, inspecting, starting, main)
    return dict(sorted({**checks.all_explanations(), **explanations(above)}.items()))


@diagnostic("MLO017")
def no_such_code(code: str, known: dict[str, Explanation]) -> Finding:
    """`explain` is asked for a code that doesn't exist.

    Fix: copy the code from the message, such as MLO204.
    """
    near = similar(code.upper(), known)
    return Finding(
        message=f"there is no code `{code}`",
        helps=(f"a code that is close: `{near}`" if near else f"codes go from {min(known)} to {max(known)}",),
    )
