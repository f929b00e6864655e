"""Every code that mlopsctl can give, for `explain` and for outputs that carry explanations."""

from mlopsctl.diagnostics import Explanation, explanations


def all_explanations() -> dict[str, Explanation]:
    """The explanations of all rooms, by code."""
    from mlopsctl import compiler
    from mlopsctl.check import catalogue as checks
    from mlopsctl.cli import checking, inspecting, main
    from mlopsctl.cluster import faults as cluster_faults
    from mlopsctl.local import faults, refusals
    from mlopsctl.render import placing

    above = (compiler, cluster_faults, faults, refusals, placing, checking, inspecting, main)
    return dict(sorted({**checks.all_explanations(), **explanations(above)}.items()))
