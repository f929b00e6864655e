"""The end of a run: its record, from what its stages said of themselves and what Argo says of those that couldn't."""

import json
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from mlopsctl.cluster.run_nodes import PART, is_of_cancelling
from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.engine.fan_out import common_end, items
from mlopsctl.engine.notes import read_note
from mlopsctl.engine.provenance import Building, keep_statements
from mlopsctl.engine.releases import read_serving
from mlopsctl.engine.result import as_kept
from mlopsctl.engine.selection import why_skipped
from mlopsctl.events import Outcome
from mlopsctl.ir.contract import Contract
from mlopsctl.ir.fan_out import part, part_name
from mlopsctl.ir.model import MonitorStage, Pipeline, Stage
from mlopsctl.pod import faults
from mlopsctl.pod.parts import Notes
from mlopsctl.pod.patience import patient_store
from mlopsctl.pod.printing import complain, say
from mlopsctl.pod.session import given_values, mounted_contract, told_commit, told_selection
from mlopsctl.pod.settings import Settings
from mlopsctl.runtime.stop import Stop
from mlopsctl.store import RecordExists, RunRecord, RunStage, Store, StoreError, timestamp

RUNS = "runs"
_WELL = (Outcome.DONE, Outcome.CACHED)
_LEFT_OUT = (Outcome.SKIPPED, Outcome.NOT_RUN)
# How Argo says that a workflow ended, where no stage says worse.
_BY_STATUS = {"Succeeded": Outcome.DONE, "Failed": Outcome.FAILED, "Error": Outcome.FAILED}


def run(settings: Settings, stop: Stop) -> int:
    """Keep the record of the run, once, and tell whom it names; the exit code. Raises DiagnosedError, StoreError."""
    contract, store = mounted_contract(settings), patient_store(settings, stop, say)
    failures = _failures(os.environ.get("MLOPS_FAILURES", ""))
    try:
        record = _record(settings, contract, store, failures)
        store.add_record(RUNS, settings.run, record.to_json())
    except RecordExists:
        say(f"run {settings.run} has its record already")
        return 0
    except StoreError as error:
        _tell_of_lost_record(contract.pipeline, settings.run, error)
        raise
    say(f"run {settings.run}: {record.outcome}")
    _tell(store, contract.pipeline, record, failures)
    return 0


def _tell(store: Store, pipeline: Pipeline, record: RunRecord, failures: Mapping[str, str]) -> None:
    if pipeline.notify.on_failure or pipeline.notify.on_success:
        from mlopsctl.pod.notices import tell_of_run  # here, as it loads what speaks HTTP

        is_cancelled = any(is_of_cancelling(why) for why in failures.values())
        tell_of_run(store, pipeline, record, failures, is_cancelled=is_cancelled)


def _tell_of_lost_record(pipeline: Pipeline, run: str, error: StoreError) -> None:
    if pipeline.notify.on_failure:
        from mlopsctl.pod.notices import tell_of_lost_record

        tell_of_lost_record(pipeline, run, error)


def _record(settings: Settings, contract: Contract, store: Store, failures: Mapping[str, str]) -> RunRecord:
    pipeline = contract.pipeline
    graph = [stage for stage in pipeline.ordered() if not isinstance(stage, MonitorStage)]
    ended: dict[str, RunStage] = {}
    for stage in graph:
        ended |= _ended(settings, pipeline, store, stage, failures)
    needed = told_selection(settings, pipeline).needed
    stages = {name: _with_reason(pipeline, name, ended, needed) for name in ended}
    commit = told_commit(settings)
    building = Building(
        run=settings.run, pipeline=pipeline.name, environment=settings.environment, commit=commit.digest
    )
    serving = read_serving(store, pipeline.name, settings.environment).release
    return RunRecord(
        run=settings.run,
        pipeline=pipeline.name,
        environment=settings.environment,
        project=os.environ.get("MLOPS_PROJECT", ""),
        commit=commit.digest,
        changed_files=commit.changed_files,
        started=timestamp(settings.began),
        ended=timestamp(datetime.now(UTC)),
        outcome=_outcome([stages[name] for name in stages if name in needed], os.environ.get("MLOPS_STATUS", "")).value,
        params=given_values(pipeline, settings.given).all(pipeline),
        stages=stages,
        release=serving if serving and serving.run == settings.run else None,
        provenance=keep_statements(store, building, stages),
    )


def _ended(
    settings: Settings, pipeline: Pipeline, store: Store, stage: Stage, failures: Mapping[str, str]
) -> dict[str, RunStage]:
    """How a stage ended, by its name; before it, if it fanned out, its parts."""
    whole = {stage.name: _end_of(store, settings.run, stage, failures)}
    if not stage.each:
        return whole
    try:
        found = items(pipeline, store, stage, Notes(store, settings.run, stage.name).made)
    except DiagnosedError:
        return whole  # there is no list, as the stage that makes it didn't end well
    parts = {item.name: _end_of(store, settings.run, part(stage, item), failures) for item in found}
    ends = {name: Outcome(ended.outcome) for name, ended in parts.items()}
    if ends and set(ends.values()) == {Outcome.SKIPPED}:
        return whole
    common = as_kept(common_end(stage, ends, seconds=sum(ended.seconds for ended in parts.values())))
    return {**{part_name(stage.name, name): ended for name, ended in parts.items()}, stage.name: common}


def _end_of(store: Store, run: str, stage: Stage, failures: Mapping[str, str]) -> RunStage:
    """How a stage ended, by its own word; by Argo's if its pod was killed before it had one, or told to end."""
    note = read_note(store, run, stage.name)
    why = failures.get(stage.name, "")
    if note is not None and note.stage.outcome == Outcome.INTERRUPTED and why and not is_of_cancelling(why):
        return replace(note.stage, outcome=Outcome.FAILED.value, summary=f"its pod was taken away: {why}")
    if note is not None:
        return note.stage
    outcome = Outcome.SKIPPED if stage.name not in failures else Outcome.FAILED
    if is_of_cancelling(why):
        outcome, why = Outcome.INTERRUPTED, "cancelled"
    return RunStage(
        kind=stage.kind,
        key=None,
        outcome=outcome.value,
        reason="",
        seconds=0.0,
        summary=why,
        part_of=stage.written_name if stage.item else "",
    )


def _with_reason(pipeline: Pipeline, name: str, ended: Mapping[str, RunStage], needed: Collection[str]) -> RunStage:
    """How a stage ended; one that was skipped with the reason."""
    found = ended[name]
    if found.outcome != Outcome.SKIPPED or found.part_of:
        return found
    if name not in needed:
        return replace(found, reason="not asked for")
    whole = {other: each for other, each in ended.items() if not each.part_of}
    opened = [other for other, each in whole.items() if each.outcome in _WELL]
    stopped = [other for other, each in whole.items() if each.outcome not in (*_WELL, *_LEFT_OUT)]
    return replace(found, reason=why_skipped(pipeline, pipeline.stages[name], opened=opened, stopped=stopped))


def _outcome(stages: Iterable[RunStage], status: str) -> Outcome:
    """The gravest outcome of a stage, unless Argo knows of something worse."""
    outcomes = {stage.outcome for stage in stages}
    for grave in (Outcome.FAILED, Outcome.INTERRUPTED, Outcome.REFUSED):
        if grave in outcomes:
            return grave
    if Outcome.SKIPPED in outcomes:
        return Outcome.FAILED
    ended = _BY_STATUS.get(status, Outcome.DONE)
    if ended is Outcome.DONE and outcomes <= {Outcome.CACHED, Outcome.NOT_RUN}:
        return Outcome.CACHED
    return ended


def _failures(written: str) -> dict[str, str]:
    """What Argo says of stages that failed, by name."""
    if not written.startswith(("[", '"')):
        return {}
    try:
        found = json.loads(written)
        found = json.loads(found) if isinstance(found, str) else found
        return {_stage_of(str(each["displayName"])): str(each.get("message", "")) for each in found or []}
    except (ValueError, TypeError, KeyError, AttributeError):
        complain([faults.setting_wrong("MLOPS_FAILURES", f"is no list of failures: {written[:200]}")])
        return {}


def _stage_of(node: str) -> str:
    """The stage or the part of one that Argo runs as a node: `model(0)`, an attempt, or `model(3:AA)(0)`, of a part."""
    found = PART.match(node)
    return part_name(found["stage"], found["item"]) if found else node.partition("(")[0]
