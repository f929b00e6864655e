"""Every code that reading and checking can give, for `explain` and for the test that each is explained."""

from collections.abc import Mapping
from types import ModuleType

from mlopsctl.check import meaning, shape_faults
from mlopsctl.check.policy import faults as policies
from mlopsctl.diagnostics import Explanation, explanations
from mlopsctl.ir import values
from mlopsctl.source import faults, files, header, interpolation, project

MODULES: tuple[ModuleType, ...] = (
    faults,
    files,
    header,
    interpolation,
    project,
    values,
    shape_faults,
    policies,
    *meaning.MODULES,
)


def all_explanations() -> Mapping[str, Explanation]:
    """What this room and those below it can say, by code. What is above adds its own modules to `MODULES`."""
    return explanations(MODULES)
