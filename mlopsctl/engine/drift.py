"""A check of a monitor: what was asked of a model against its training data, what it predicted against the truth.

What a check found is a record of the kind `drift.ENVIRONMENT.PIPELINE.MONITOR`; where the next one begins is a pointer.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.engine import drift_faults
from mlopsctl.engine.drift_columns import DRIFTED, UNDECIDED, compared, outcome_of
from mlopsctl.engine.drift_state import MonitorState, State
from mlopsctl.engine.drift_window import Window, read_window
from mlopsctl.engine.performance import FAILS, Judged, judge, not_judged
from mlopsctl.engine.predictions import Watched, moment_id, read_batches, read_requests
from mlopsctl.engine.reference import Reader, Reference, read_reference
from mlopsctl.engine.releases import read_serving
from mlopsctl.engine.truth import TruthMissing, read_truth
from mlopsctl.frozen import frozen
from mlopsctl.ir.model import MonitorStage, Pipeline
from mlopsctl.store import DriftCheck, PointerMoved, Store, timestamp


@frozen(kw_only=True)
class Checked:
    """A check, and what it takes to keep it: the pointer's version that it began from, and the state after it.

    `unanswered` is the state until what is due is done, so that the next check finds the same again if it never is;
    where nothing is due, it is the state after the check. `concludes` says whether anything was concluded, of drift or
    of performance. `trouble` is why predictions couldn't be held against the truth; what was found of drift counts all
    the same.
    """

    record: DriftCheck
    version: str | None
    state: State
    unanswered: State
    concludes: bool
    trouble: DiagnosedError | None = None


@frozen(kw_only=True)
class _Looked:
    """What was seen of drift: the requests, and the columns if there were enough of them to compare."""

    window: Window
    reference: Reference | None = None
    columns: list[dict[str, Any]]
    outcome: str = UNDECIDED


@frozen
class _Check:
    """One check: of which monitor of which pipeline, when, and its id."""

    reader: Reader
    pipeline: Pipeline
    monitor: MonitorStage
    now: datetime
    id: str


def check(reader: Reader, pipeline: Pipeline, monitor: MonitorStage, now: datetime) -> Checked:
    """Look at what was predicted, and at what became of it. Raises DiagnosedError, StoreError."""
    now = now.astimezone(UTC)
    asked = _Check(reader, pipeline, monitor, now, moment_id(now))
    pointer = state_of(pipeline, monitor).read(reader.store)
    state = State.of(pointer, now)
    looked = _looked(asked, datetime.fromisoformat(state.since))
    run = looked.window.run or _answers(asked).run
    before = state.of_model(run)
    judged, trouble = _judged(asked, run, before)
    after = _after(asked, before, looked, judged)
    action, why = _action(monitor, after, _counts(looked, judged, after), now)
    performance = judged.to_json(breaches=after.failures) if judged else None
    unanswered = replace(before, last=after.last, had_truth=after.had_truth) if action else after
    record = replace(_record(asked, state.since, looked, after), performance=performance, action=action, why=why)
    return Checked(
        record=record,
        version=pointer.version if pointer else None,
        state=after,
        unanswered=unanswered,
        concludes=looked.outcome != UNDECIDED or (judged is not None and judged.concludes),
        trouble=trouble,
    )


def keep(store: Store, pipeline: Pipeline, monitor: MonitorStage, checked: Checked, *, will_act: bool) -> Checked:
    """Keep the check's record, and let the next one begin where it ends, if it concluded anything.

    `will_act` says that `acted` is called once what is due is done; until then, the next one begins where this one did.
    Raises StoreError, and DiagnosedError if another check ended meanwhile.
    """
    state = state_of(pipeline, monitor)
    store.add_record(state.records, checked.record.check, checked.record.to_json())
    try:
        after = checked.unanswered if will_act else checked.state
        pointer = state.move(store, after, expect=checked.version)
    except PointerMoved as error:
        if not checked.concludes:
            return checked  # and the other one is the last
        raise DiagnosedError(drift_faults.checked_meanwhile(monitor.origin.name, monitor.name)) from error
    return replace(checked, version=pointer.version)


def acted(store: Store, pipeline: Pipeline, monitor: MonitorStage, checked: Checked, did: str) -> None:
    """Note what the monitor did about what the check found; its cooldown begins. Raises StoreError."""
    state = replace(checked.state, acted=checked.record.until, did=did)
    state_of(pipeline, monitor).move(store, state, expect=checked.version)


def state_of(pipeline: Pipeline, monitor: MonitorStage) -> MonitorState:
    """Where the monitor's checks are kept."""
    return MonitorState(pipeline.environment, pipeline.name, monitor.name)


def _record(asked: _Check, since: str, looked: _Looked, after: State) -> DriftCheck:
    """What was found of drift, with nothing due yet."""
    monitor, window = asked.monitor, looked.window
    return DriftCheck(
        check=asked.id,
        pipeline=asked.pipeline.name,
        environment=asked.pipeline.environment,
        monitor=monitor.name,
        watches=monitor.watches.name,
        since=since,
        until=timestamp(asked.now),
        run=window.run,
        model=window.model,
        reference=_described(monitor, looked.reference),
        method=monitor.method,
        threshold=monitor.threshold,
        min_samples=monitor.min_samples,
        requests=window.requests,
        rows=window.rows,
        lost=window.lost,
        columns=looked.columns,
        outcome=looked.outcome,
        breaches=after.breaches,
        breaches_needed=monitor.breaches,
        action="",
        why="",
        acted=after.acted,
        did=after.did,
    )


def _looked(asked: _Check, since: datetime) -> _Looked:
    """What there is of drift; without a reference, whose predictions there are."""
    reader, pipeline, monitor = asked.reader, asked.pipeline, asked.monitor
    if monitor.reference is None:
        return _Looked(window=_answers(asked), columns=[])
    release = read_serving(reader.store, pipeline.name, pipeline.environment).release
    window = read_window(reader.store, _watched(asked), release, since, asked.now)
    if window.rows < monitor.min_samples:
        return _Looked(window=window, columns=[])
    reference = read_reference(reader, pipeline, monitor, window.run)
    columns = list(compared(monitor, reference, window))
    return _Looked(window=window, reference=reference, columns=columns, outcome=outcome_of(columns))


def _judged(asked: _Check, run: str, before: State) -> tuple[Judged | None, DiagnosedError | None]:
    """What predictions of the run's model were worth, and what went wrong with that."""
    performance = asked.monitor.performance
    if performance is None:
        return None, None
    if not run:
        return not_judged(performance, "nothing was predicted yet"), None
    since = asked.now - timedelta(seconds=performance.within)
    try:
        truth = read_truth(asked.reader, asked.pipeline, asked.monitor, asked.now, asked.id)
        requests = read_requests(asked.reader.store, _watched(asked), run, since, asked.now)
        return judge(asked.monitor, requests, truth, before.seen), None
    except DiagnosedError as error:
        if isinstance(error, TruthMissing) and not before.had_truth:  # outcomes come late, the first ones too
            return not_judged(performance, f"there is no truth yet: {error.why}"), None
        return not_judged(performance, error.diagnostics[0].message), error


def _answers(asked: _Check) -> Window:
    """The model that serves, or where no pointer says so, the one that answered last; none of its requests."""
    store, performance = asked.reader.store, asked.monitor.performance
    release = read_serving(store, asked.pipeline.name, asked.pipeline.environment).release
    if release is not None:
        return Window(run=release.run, model=release.model.digest, columns={})
    since = asked.now - timedelta(seconds=performance.within if performance else 0)
    last = next(read_batches(store, _watched(asked), since, asked.now), None)
    return Window(run=last.run, model=last.model, columns={}) if last else Window(columns={})


def _watched(asked: _Check) -> Watched:
    return Watched(asked.pipeline.environment, asked.pipeline.name, asked.monitor.watches.name)


def _after(asked: _Check, before: State, looked: _Looked, judged: Judged | None) -> State:
    """The state after a check. What concludes nothing changes no count."""
    after = replace(before, last=asked.id, had_truth=before.had_truth or bool(judged and judged.seen))
    if looked.outcome != UNDECIDED:
        breaches = before.breaches + 1 if looked.outcome == DRIFTED else 0
        after = replace(after, since=timestamp(asked.now), breaches=breaches)
    if judged is not None and judged.concludes:
        failures = before.failures + 1 if judged.outcome == FAILS else 0
        after = replace(after, failures=failures, seen=judged.seen)
    return after


def _counts(looked: _Looked, judged: Judged | None, after: State) -> list[int]:
    """How many checks in a row found each of the things that this one found."""
    found = [after.breaches] if looked.outcome == DRIFTED else []
    return [*found, after.failures] if judged is not None and judged.outcome == FAILS else found


def _action(monitor: MonitorStage, after: State, counts: list[int], now: datetime) -> tuple[str, str]:
    """What is to be done, or nothing, and why."""
    if not counts:
        return "", ""
    if max(counts) < monitor.breaches:
        return "", f"{max(counts)} of {monitor.breaches} checks in a row"
    if after.acted and monitor.cooldown:
        over = datetime.fromisoformat(after.acted) + timedelta(seconds=monitor.cooldown)
        if now < over:
            return "", f"nothing more is done until {timestamp(over)}"
    return monitor.action, ""


def _described(monitor: MonitorStage, reference: Reference | None) -> dict[str, Any] | None:
    if monitor.reference is None:
        return None
    stage = monitor.reference.stage
    if reference is None:
        return {"stage": stage, "digest": "", "rows": 0}
    return {"stage": stage, "digest": reference.artifact.digest, "rows": reference.rows}
