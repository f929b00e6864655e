"""Whether what serves is what git says, answers, stands its load, and is worth what its pipeline asks: live."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from mlopsctl.diagnostics import DiagnosedError, Diagnostic
from mlopsctl.engine.audit import Deed, Did, append
from mlopsctl.engine.predictions import moment_id
from mlopsctl.frozen import frozen
from mlopsctl.ir.model import DeployStage
from mlopsctl.ir.parts import LoadTest, Verification
from mlopsctl.release import verify_faults as faults
from mlopsctl.release.live import Live, ask, first_answer
from mlopsctl.release.sending import Columns, Unclear, batches, complete, form_of, predicted
from mlopsctl.runtime.figures import bound, faithful
from mlopsctl.runtime.performance import measure
from mlopsctl.runtime.stop import Stop
from mlopsctl.store import Store, canonical_json, timestamp

RECORDS = "verifications"


@frozen(kw_only=True)
class Expected:
    """The release that should answer, and what is seen of the one that does.

    `by` says whose word it is. `found` is empty if it is that release, else what is there instead; `seen` is how that
    is known, empty where it can't be.
    """

    run: str
    model: str
    by: str
    found: str
    seen: str


@frozen(kw_only=True)
class Subject:
    """What is verified: a stage of a pipeline as it serves in an environment.

    `request` is that of its load test, if it has one; `data` gives up to so many rows of what `verify` names, with how
    many there are.
    """

    pipeline: str
    environment: str
    stage: DeployStage
    live: Live
    expected: Expected
    request: bytes | None
    data: Callable[[Verification], tuple[int, Columns]]
    stop: Stop


@frozen(kw_only=True)
class Step:
    """One check: what was expected and observed. `holds` is None where nothing was asked for."""

    name: str
    holds: bool | None
    expected: str
    observed: str
    seconds: float


@frozen(kw_only=True)
class Verified:
    """What came of a verification, with the faults of the checks that don't hold; `id` is its record's."""

    id: str
    pipeline: str
    environment: str
    url: str
    run: str
    model: str
    at: str
    steps: tuple[Step, ...]
    faults: tuple[Diagnostic, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing stands against this release."""
        return not self.faults

    def to_json(self) -> dict[str, Any]:
        """As the store keeps it."""
        return {
            "version": 1,
            "id": self.id,
            "pipeline": self.pipeline,
            "environment": self.environment,
            "url": self.url,
            "run": self.run,
            "model": self.model,
            "at": self.at,
            "holds": self.holds,
            "checks": [
                {
                    "check": step.name,
                    "holds": step.holds,
                    "expected": step.expected,
                    "observed": step.observed,
                    "seconds": round(step.seconds, 3),
                }
                for step in self.steps
            ],
            "faults": [{"code": fault.code, "message": fault.message} for fault in self.faults],
        }


_Checked = tuple[str, str, str, Diagnostic | None]  # what was checked, expected and observed, and what is wrong


def verify(subject: Subject) -> Verified:
    """All checks, one after the other; what doesn't answer isn't asked for more. Raises DiagnosedError, StoreError."""
    steps, wrong = list[Step](), list[Diagnostic]()
    for check in (_release, _answers, _load, _worth):
        begun = time.monotonic()
        for name, expected, observed, fault in check(subject):
            holds = fault is None if expected else None
            seconds, begun = time.monotonic() - begun, time.monotonic()
            steps.append(Step(name=name, holds=holds, expected=expected, observed=observed, seconds=seconds))
            wrong += [fault] if fault is not None else []
        if subject.stop.is_set():
            raise KeyboardInterrupt
        if any(fault.code == "MLO425" for fault in wrong):
            break
    now = datetime.now(UTC)
    return Verified(
        id=moment_id(now),
        pipeline=subject.pipeline,
        environment=subject.environment,
        url=subject.live.url,
        run=subject.expected.run,
        model=subject.expected.model,
        at=timestamp(now),
        steps=tuple(steps),
        faults=tuple(wrong),
    )


def keep(store: Store, verified: Verified, who: str) -> None:
    """Keep it as evidence, a blob that a record leads to, and note it in the environment's log. Raises StoreError."""
    document = verified.to_json()
    digest = store.put_bytes(canonical_json(document)).digest
    store.add_record(RECORDS, verified.id, {**document, "evidence": digest})
    why = "; ".join(f"{fault.code} {fault.message}" for fault in verified.faults)
    deed = Deed(
        did=Did.VERIFIED if verified.holds else Did.REFUSED,
        pipeline=verified.pipeline,
        run=verified.run,
        model=verified.model,
        why=why or f"verification {verified.id}",
    )
    append(store, verified.environment, deed, who=who)


def _release(subject: Subject) -> Iterator[_Checked]:
    expected, stage = subject.expected, subject.stage
    wanted = f"run {expected.run}, by {expected.by}"
    if not expected.seen:
        yield "release", "", "not known: it was started elsewhere", None
    elif expected.found:
        fault = faults.other_release(stage.origin.name, stage.name, wanted, expected.found)
        yield "release", wanted, expected.found, fault
    else:
        yield "release", wanted, expected.seen, None


def _answers(subject: Subject) -> Iterator[_Checked]:
    stage = subject.stage
    found = first_answer(subject.live, subject.request)
    why = found.fault
    if not why and subject.request is not None and not isinstance(found.content, dict | list):
        why = "its answer is no JSON"
    what = "a prediction" if subject.request is not None else "its health"
    span = stage.origin.value("loadTest", "request") if stage.load_test else stage.origin.name
    url = subject.live.url if subject.request is not None else subject.live.base + subject.live.health
    fault = faults.does_not_answer(span, stage.name, url, why) if why else None
    yield "answers", what, why or f"in {found.seconds * 1000:,.0f} ms", fault


def _load(subject: Subject) -> Iterator[_Checked]:
    from urllib.parse import urlsplit

    from mlopsctl.runtime.load_test import LoadTest as Load
    from mlopsctl.runtime.load_test import run_load_test

    test, stage = subject.stage.load_test, subject.stage
    if test is None or subject.request is None:
        yield "load", "", "no `loadTest` asks for any", None
        return
    url = subject.live.url
    hosts = frozenset({urlsplit(url).hostname or ""})
    report = run_load_test(
        Load(
            url=url,
            users=test.users,
            duration=test.duration,
            body=subject.request,
            allow_hosts=hosts,
            host=subject.live.host,
        ),
        stop=subject.stop,
    )
    first = f", first: {report.first_errors[0]}" if report.first_errors else ""
    rate = f"{report.requests_per_second:,.0f} a second of {test.users} users for {test.duration:g} s"
    asked = (f"at most {test.errors:.1%} errors", f"{report.error_rate:.1%} of {report.requests:,} requests, {rate}")
    holds = report.error_rate <= test.errors
    fault = (
        None if holds else faults.too_slow(_at(test, "errors"), stage.name, asked[0], f"{report.error_rate:.1%}{first}")
    )
    yield "load", *asked, fault
    if test.p99 is not None:
        limit = f"p99 at most {test.p99 * 1000:,.0f} ms"
        seen = "no answer" if report.p99 is None else f"{report.p99:,.0f} ms"
        holds = report.p99 is not None and report.p99 <= test.p99 * 1000
        yield "load", limit, seen, None if holds else faults.too_slow(_at(test, "p99"), stage.name, limit, seen)


def _worth(subject: Subject) -> Iterator[_Checked]:
    asked, stage = subject.stage.verify, subject.stage
    if asked is None:
        yield "worth", "", "no `verify` asks for anything", None
        return
    bounds = [f"{asked.metric} ≥ {bound(asked.minimum)}"] if asked.minimum is not None else []
    bounds += [f"{asked.metric} ≤ {bound(asked.maximum)}"] if asked.maximum is not None else []
    expected = " and ".join(bounds)
    try:
        value, observed = _measured(subject, asked)
    except Unclear as error:
        span = asked.origin.node.span
        help = error.help or "see what the endpoint answers to the request of the load test"  # noqa: A001 - its word
        raise DiagnosedError(faults.not_measurable(span, stage.name, str(error), help)) from error
    broken = _broken(asked, value)
    span = asked.origin.value(broken)
    fault = faults.worth_too_little(span, stage.name, expected, observed) if broken else None
    yield "worth", expected, observed, fault


def _measured(subject: Subject, asked: Verification) -> tuple[float | None, str]:
    """The metric of what the endpoint predicts, and both in words. Raises Unclear."""
    if subject.request is None:
        raise Unclear("no `loadTest` says what a request looks like", "give the stage a `loadTest` with a `request`")
    total, columns = subject.data(asked)
    if asked.label not in columns:
        raise Unclear(f"the data has no column `{asked.label}`", f"its columns: {', '.join(columns)}")
    form = form_of(subject.request, asked.columns, list(columns))
    if asked.label in form.columns:
        raise Unclear(f"`{asked.label}` is both sent and held against the answers", "take it out of the request")
    rows = complete(form, columns, asked.label)
    pairs = list[tuple[Any, Any]]()
    for batch in batches(rows):
        pairs += zip(
            (row[asked.label] for row in batch), _predicted(subject, form.request(batch), asked, batch), strict=True
        )
        if subject.stop.is_set():
            raise KeyboardInterrupt
    found = measure(asked.metric, pairs)
    of = f"{found.pairs:,} of {total:,} rows of {asked.data.stage}"
    if found.value is None:
        return None, f"no value: {found.note or 'no row can be measured'}; {of}"
    said = faithful([found.value], lambda read: _broken(asked, read[0]) == _broken(asked, found.value))
    return found.value, f"{said[0]} on {of}"


def _broken(asked: Verification, value: float | None) -> str:
    """The bound that a value doesn't keep; empty if it keeps all."""
    if asked.minimum is not None and (value is None or value < asked.minimum):
        return "min"
    return "max" if asked.maximum is not None and (value is None or value > asked.maximum) else ""


def _predicted(
    subject: Subject, request: bytes, asked: Verification, batch: Sequence[Mapping[str, Any]]
) -> Sequence[Any]:
    answer = ask(subject.live, request)
    if answer.fault:
        raise Unclear(f"it answers {len(batch)} rows of {asked.data.stage} with {answer.fault}")
    return predicted(answer.content, asked.prediction, len(batch))


def _at(test: LoadTest, key: str) -> Any:
    return test.origin.value(key)
