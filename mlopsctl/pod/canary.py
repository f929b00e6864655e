"""A canary: a growing share of the requests for a version that has passed, for as long as it keeps what was promised.

What is measured is what its own pod sees: the load test's request, or else its health, asked once a second inside the
cluster while the version answers its share of everybody's requests. What those get isn't seen.
"""

from collections.abc import Iterator

from mlopsctl.diagnostics import Diagnostic
from mlopsctl.engine import refusals
from mlopsctl.events import Check
from mlopsctl.ir.model import DeployStage
from mlopsctl.ir.parts import Rollout
from mlopsctl.pod.asking import Watched

ALL = 100  # percent


def steps_of(stage: DeployStage) -> tuple[int, ...]:
    """The shares in percent that a candidate gets one after the other before it gets all; none without a canary."""
    return tuple(max(round(share * ALL), 1) for share in stage.rollout.canary) if stage.rollout else ()


def judged(stage: DeployStage, rollout: Rollout, seen: Watched) -> Iterator[tuple[Check, Diagnostic | None]]:
    """What was promised of a rollout, and whether it was kept."""
    for number, wanted in enumerate(rollout.checks):
        for key, bound in wanted.items():
            check = _errors(bound, seen) if key == "errors" else _p99(bound, seen)
            span = rollout.origin.value("checks", number, key)
            fault = refusals.rollout_fails(span, stage.name, check.expectation, check.observed)
            yield check, None if check.holds else fault


def _errors(bound: float, seen: Watched) -> Check:
    rate = seen.errors / seen.answers
    observed = f"{rate:.1%} of {seen.answers}" + (f", first: {seen.first}" if seen.first else "")
    return _check(f"errors ≤ {bound:.1%}", observed, holds=rate <= bound)


def _p99(bound: float, seen: Watched) -> Check:
    observed = "no answer" if seen.p99 is None else f"{seen.p99:,.0f} ms"
    return _check(f"p99 ≤ {bound * 1000:,.0f} ms", observed, holds=seen.p99 is not None and seen.p99 <= bound * 1000)


def _check(expectation: str, observed: str, *, holds: bool) -> Check:
    return Check(expectation=expectation, observed=observed, verdict="holds" if holds else "fails", holds=holds)
