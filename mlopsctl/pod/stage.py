"""One stage of a run: what the stages before it made, the engine around it, and a note of how it ended."""

import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.engine.fan_out import inputs_of, lists_made
from mlopsctl.engine.notes import leave_note
from mlopsctl.engine.result import StageResult
from mlopsctl.engine.session import Session
from mlopsctl.engine.stages import guarded, run_stage
from mlopsctl.events import Outcome, StageWaiting
from mlopsctl.ir.contract import Contract
from mlopsctl.ir.fan_out import part_name
from mlopsctl.ir.model import DeployStage, MonitorStage, Stage
from mlopsctl.pod import faults
from mlopsctl.pod.parts import Notes, this_part, write_lists
from mlopsctl.pod.patience import patient_store
from mlopsctl.pod.printing import say, tell, tell_end
from mlopsctl.pod.session import mounted_contract, session_of, tried_once
from mlopsctl.pod.settings import Settings
from mlopsctl.runtime.process import OUT_OF_MEMORY, TERMINATED
from mlopsctl.runtime.stop import Stop

DONE, FAILED, REFUSED, BUG = 0, 1, 5, 70
_TIMED_OUT = 124
# What Argo tells kinds of failure by; the numbers that timeout(1), a kernel or a kubelet would have the pod end with.
_BY_KIND: Mapping[str, int] = {"timeout": _TIMED_OUT, "oom": OUT_OF_MEMORY, "preempted": TERMINATED}


def run(name: str, settings: Settings, stop: Stop) -> int:
    """Run a stage and say how it ended; the exit code.

    Raises DiagnosedError, StoreError and OSError where it can't begin, or where its end can't be noted.
    """
    contract = mounted_contract(settings)
    session, stage = opened(name, contract, settings, stop)
    return settled(session, guarded(session, stage, lambda: _performed(session, stage, contract, settings)))


def opened(name: str, contract: Contract, settings: Settings, stop: Stop) -> tuple[Session, Stage]:
    """A stage of the pipeline that is mounted, and the session that it runs in. Raises DiagnosedError, StoreError."""
    known = contract.pipeline.stages
    if name not in known:
        raise DiagnosedError(faults.no_such_stage(name, tuple(known), "stage"))
    shown = part_name(name, settings.item) if settings.item else name

    def held_up(why: str) -> None:
        tell(StageWaiting(stage=shown, kind=known[name].kind, why=why, is_trouble=True))

    store = patient_store(settings, stop, held_up)
    session = session_of(settings, contract, known[name], store, stop)
    stage = this_part(contract.pipeline, tried_once(known[name]), settings, store)
    say(f"{contract.pipeline.name} · {settings.environment} · run {settings.run}")
    return session, stage


def settled(session: Session, result: StageResult) -> int:
    """Say how a stage ended, here and to the stages behind it; the exit code. Raises StoreError."""
    result = with_fault(result)
    tell_end(result)
    leave_note(session.store, session.run, result)
    return exit_code(result)


def with_fault(result: StageResult) -> StageResult:
    """The result, with words for what is a bug of ours."""
    if result.bug is None:
        return result
    found = faults.bug("".join(traceback.format_exception(result.bug)))
    return replace(result, summary=found.message, diagnostics=(found,))


def exit_code(result: StageResult) -> int:
    """What the pod ends with: Argo begins it again, or not, by this."""
    match result.outcome:
        case Outcome.REFUSED:
            return REFUSED
        case Outcome.INTERRUPTED:
            return TERMINATED
        case Outcome.FAILED:
            return BUG if result.bug is not None else _BY_KIND.get(result.why, FAILED)
        case _:
            return DONE


def _performed(session: Session, stage: Stage, contract: Contract, settings: Settings) -> StageResult:
    notes = Notes(session.store, session.run, stage.name)
    match stage:
        case DeployStage():
            return _deployed(session, stage, contract, notes)
        case MonitorStage():
            raise DiagnosedError(faults.not_run_in_pods(stage.name, "monitor"))
        case _:
            notes.expect(session.pipeline, stage)
            result = run_stage(session, stage, inputs_of(session, stage, notes.made))
            write_lists(settings, lists_made(session, stage, result))
            return result


def _deployed(session: Session, stage: DeployStage, contract: Contract, notes: Notes) -> StageResult:
    if stage.name not in contract.drafts:
        summary = "a model is put into service by its release, not by a run"
        return StageResult(stage=stage.name, kind=stage.kind, outcome=Outcome.NOT_RUN, summary=summary)
    from mlopsctl.pod.deploy import run_deploy_stage  # here, as other stages say nothing to the cluster

    notes.expect(session.pipeline, stage)
    for other in session.pipeline.stages.values():
        with suppress(DiagnosedError):  # what it doesn't need may have ended in any way
            notes.expect_end_of(session.pipeline, other)
    return run_deploy_stage(session, stage, contract.drafts[stage.name], notes.read)
