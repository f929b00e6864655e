"""A candidate under load, and what that is worth: the same on this machine and in a cluster."""

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mlopsctl.diagnostics import Diagnostic
from mlopsctl.engine import refusals
from mlopsctl.engine.result import StageResult
from mlopsctl.events import Check, Outcome
from mlopsctl.ir.model import DeployStage
from mlopsctl.ir.parts import LoadTest
from mlopsctl.runtime.stop import Stop

if TYPE_CHECKING:
    from mlopsctl.engine.scanning import Verdict
    from mlopsctl.runtime.load_test import LoadReport


def under_load(stage: DeployStage, url: str, request: bytes | None, stop: Stop) -> "LoadReport | None":
    """What came back of the stage's load test on a server of ours at `url`; None if it has none."""
    from mlopsctl.runtime.load_test import LoadTest as Load  # here, as what passed before isn't tested again
    from mlopsctl.runtime.load_test import run_load_test

    test = stage.load_test
    if test is None or request is None:
        return None
    host = frozenset({urlsplit(url).hostname or ""})
    load = Load(url=url, users=test.users, duration=test.duration, body=request, allow_hosts=host)
    return run_load_test(load, stop=stop)


def tried(stage: DeployStage, report: "LoadReport | None", reason: str, seconds: float) -> StageResult:
    """The result of a deployment whose candidate was ready, by what came back of its load test."""
    judged = tuple(_judged(stage, stage.load_test, report)) if stage.load_test and report else ()
    failed = tuple(fault for _, fault in judged if fault is not None)
    return StageResult(
        stage=stage.name,
        kind=stage.kind,
        outcome=Outcome.REFUSED if failed else Outcome.DONE,
        summary=_summary(report, stage.load_test),
        reason=reason,
        seconds=seconds,
        checks=tuple(check for check, _ in judged),
        diagnostics=failed,
    )


def refused(stage: DeployStage, scan: "Verdict", reason: str) -> StageResult:
    """The result of a deployment whose candidate may not even be loaded."""
    summary = "the model may not be loaded"
    result = StageResult(stage=stage.name, kind=stage.kind, outcome=Outcome.REFUSED, summary=summary, reason=reason)
    return with_scan(result, scan)


def with_scan(result: StageResult, scan: "Verdict") -> StageResult:
    """A result, with what was found when its model was looked into."""
    faults = (*scan.refused, *scan.warned, *result.diagnostics)
    return replace(result, checks=(*scan.checks, *result.checks), diagnostics=faults)


def _judged(stage: DeployStage, test: LoadTest, report: "LoadReport") -> list[tuple[Check, Diagnostic | None]]:
    """The load test's bounds, each with its fault if it isn't kept. Without a bound on errors, none is allowed."""
    allowed = test.errors or 0.0
    sample = f", first: {report.first_errors[0]}" if report.first_errors else ""
    words = (f"errors ≤ {allowed:.1%}", f"{report.error_rate:.1%}{sample}")
    judged = [_bound(stage, "errors", words, holds=report.error_rate <= allowed)]
    if test.p99 is not None:
        most, p99 = test.p99 * 1000, report.p99
        words = (f"p99 ≤ {most:,.0f} ms", "no answer" if p99 is None else _latency(p99))
        judged.append(_bound(stage, "p99", words, holds=p99 is not None and p99 <= most))
    return judged


def _bound(stage: DeployStage, key: str, words: tuple[str, str], *, holds: bool) -> tuple[Check, Diagnostic | None]:
    expectation, observed = words
    check = Check(expectation=expectation, observed=observed, verdict="holds" if holds else "fails", holds=holds)
    span = stage.origin.value("loadTest", key)
    return check, None if holds else refusals.load_test_fails(span, stage.name, expectation, observed)


def _summary(report: "LoadReport | None", test: LoadTest | None) -> str:
    if report is None or test is None:
        return "ready"
    latency = "no answer" if report.p99 is None else f"p99 {_latency(report.p99)}"
    errors = f"{report.error_rate:.1%} errors" if report.errors else "no errors"
    return f"{latency} at {test.users} users, {errors}"


def _latency(milliseconds: float) -> str:
    return f"{milliseconds:,.0f} ms" if milliseconds >= 1 else "under 1 ms"
