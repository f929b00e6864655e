"""The check of a monitor by the clock, and what it does about drift."""

import os
from datetime import UTC, datetime

from mlopsctl.cluster.inside import is_inside
from mlopsctl.diagnostics import DiagnosedError, Diagnostic
from mlopsctl.engine.drift import Checked, acted, check, keep
from mlopsctl.engine.reference import Reader
from mlopsctl.ir.contract import Contract
from mlopsctl.ir.model import MonitorStage, Pipeline
from mlopsctl.pod import faults
from mlopsctl.pod.patience import patient_store
from mlopsctl.pod.printing import complain, say
from mlopsctl.pod.session import mounted_contract, pod_python
from mlopsctl.pod.settings import Settings
from mlopsctl.runtime.stop import Stop
from mlopsctl.store import DriftCheck, Store

REFUSED = 5
_SIGNS = {"holds": "✓", "fails": "✗", "undecided": "–"}


def run(name: str, settings: Settings, stop: Stop) -> int:
    """Check, keep the check, and act; the exit code, which is 5 if somebody has to look at what was found.

    Raises DiagnosedError, StoreError and OSError where it can't be checked or acted.
    """
    contract, store = mounted_contract(settings), patient_store(settings, stop, say)
    monitors = {stage.name: stage for stage in contract.pipeline.of_kind(MonitorStage)}
    if name not in monitors:
        raise DiagnosedError(faults.no_such_stage(name, tuple(monitors), "monitor"))
    monitor = monitors[name]
    reader = _reader(settings, contract, store, stop)
    seen = check(reader, contract.pipeline, monitor, datetime.now(UTC))
    found = keep(store, contract.pipeline, monitor, seen, will_act=True)
    _tell(found.record)
    code = _acted(store, contract, monitor, found, stop) if found.record.action else 0
    if found.trouble is not None:
        raise found.trouble
    return code


def _acted(store: Store, contract: Contract, monitor: MonitorStage, found: Checked, stop: Stop) -> int:
    pipeline, check = contract.pipeline, found.record
    try:
        did = _done(store, contract, monitor, check, stop)
    except DiagnosedError as error:
        _notify(pipeline, check, error.diagnostics[0])
        raise
    is_to_be_seen = check.action != "retrain"
    if is_to_be_seen:
        fault = faults.monitor_found(check, did)
        complain([fault])
        _notify(pipeline, check, fault)
    acted(store, pipeline, monitor, found, did or "told of it")
    return REFUSED if is_to_be_seen else 0


def _done(store: Store, contract: Contract, monitor: MonitorStage, check: DriftCheck, stop: Stop) -> str:
    """Do it, and what was done; nothing where the monitor is there to tell. Raises DiagnosedError, StoreError."""
    # It is given an account where automation may do that; to retrain it may everywhere.
    if check.action == "alert" or (check.action != "retrain" and not is_inside(os.environ)):
        return ""
    from mlopsctl.pod.answering import Answer, given  # here, as few checks have to act

    did = given(Answer(contract=contract, monitor=monitor, check=check, why=faults.found_by(check)), store, stop)
    say(did)
    return did


def _notify(pipeline: Pipeline, check: DriftCheck, fault: Diagnostic) -> None:
    if pipeline.notify.on_failure:
        from mlopsctl.pod.notices import tell_of_check  # here, as it loads what speaks HTTP

        tell_of_check(pipeline, check, fault)


def _reader(settings: Settings, contract: Contract, store: Store, stop: Stop) -> Reader:
    code = contract.pipeline.code
    python = pod_python(settings, store, stop, requirements=contract.requirements, version=code.python)
    return Reader(store=store, python=lambda: python.get(say).python, stop=stop, pinned=contract.data)


def _tell(check: DriftCheck) -> None:
    """Print what was found, as logs have it."""
    say(f"{check.pipeline} · {check.environment} · {check.monitor} · run {check.run or 'none'}")
    outcomes = []
    if check.reference is not None:
        told = f"{check.rows} rows in {check.requests} requests since {check.since}"
        say(f"{told}, at least {check.min_samples} rows wanted")
        outcomes.append(check.outcome)
    for column in check.columns:
        value = column["note"] if column["distance"] is None else f"{column['distance']:.4f} of {check.threshold:g}"
        say(f"  {'✗' if column['drifted'] else '✓'} {column['column']}: {value}")
    if judged := check.performance:
        value = "no value" if judged["value"] is None else f"{judged['value']:.4f}"
        told = f"{judged['metric']}: {value} of {judged['known']} of {judged['predictions']} predictions"
        say(f"  {_SIGNS[judged['outcome']]} {told}{': ' if judged['note'] else ''}{judged['note']}")
        outcomes.append(f"performance {judged['outcome']}")
    say(" · ".join(word for word in (*outcomes, check.why, check.action) if word))
