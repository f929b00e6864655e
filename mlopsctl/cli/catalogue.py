"""Every code that mlopsctl can give, for `explain` and for outputs that carry explanations."""

from mlopsctl.diagnostics import Explanation, Finding, diagnostic, explanations, similar


def all_explanations() -> dict[str, Explanation]:
    """The explanations of all rooms, by code."""
    import sys

    from mlopsctl.check import catalogue
    from mlopsctl.local import faults, refusals

    here = (sys.modules[__name__], sys.modules["mlopsctl.cli.main"], faults, refusals)
    return dict(sorted({**catalogue.all_explanations(), **explanations(here)}.items()))


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
