"""What a stage does by its kind, and how whatever goes wrong on the way becomes its result."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from mlopsctl.diagnostics import DiagnosedError, Diagnostic
from mlopsctl.engine import faults
from mlopsctl.engine.attempts import AttemptFailedError
from mlopsctl.engine.data import run_data_stage
from mlopsctl.engine.result import StageResult
from mlopsctl.engine.session import Session
from mlopsctl.engine.work import run_command_stage
from mlopsctl.events import Outcome
from mlopsctl.ir.model import DataStage, EvaluateStage, Stage, TaskStage, TrainStage
from mlopsctl.store import Artifact, StoreError

T = TypeVar("T")
FileStage = DataStage | TrainStage | EvaluateStage | TaskStage


def run_stage(session: Session, stage: FileStage, inputs: Mapping[str, Artifact]) -> StageResult:
    """A stage that makes files and measures, from the cache or anew. Raises DiagnosedError, StoreError, OSError."""
    match stage:
        case DataStage():
            return run_data_stage(session, stage, inputs)
        case EvaluateStage():
            from mlopsctl.engine.judging import run_evaluate_stage  # here, as it loads the arithmetic of gates

            return run_evaluate_stage(session, stage, inputs)
        case TrainStage() if stage.tune is not None:
            from mlopsctl.engine.search import run_search  # here, as few stages search

            return run_search(session, stage, inputs)
        case TrainStage() | TaskStage():
            return run_command_stage(session, stage, inputs)


def guarded(session: Session, stage: Stage, perform: Callable[[], T]) -> T | StageResult:
    """What comes of a stage. Whatever goes wrong becomes its result, so that nothing ends without a word."""
    result = _caught(session, stage, perform)
    if stage.item is not None and isinstance(result, StageResult):
        return replace(result, part_of=stage.written_name)
    return result


def _caught(session: Session, stage: Stage, perform: Callable[[], T]) -> T | StageResult:
    try:
        return perform()
    except AttemptFailedError as error:
        return replace(_failed(session, stage, error.diagnostics), why=error.why, log=error.log)
    except DiagnosedError as error:
        return _failed(session, stage, error.diagnostics)
    except StoreError as error:
        return _failed(session, stage, (faults.store_failed(str(error), error.hint, f"stage `{stage.name}`"),))
    except OSError as error:
        message = f"{error.filename or 'a file'}: {error.strerror or error}"
        return _failed(session, stage, (faults.disk_failed(message, f"stage `{stage.name}`"),))
    except Exception as error:  # noqa: BLE001 - a bug of ours, which whoever reads the result raises again
        return StageResult(stage=stage.name, kind=stage.kind, outcome=Outcome.FAILED, bug=error)


def _failed(session: Session, stage: Stage, diagnostics: tuple[Diagnostic, ...]) -> StageResult:
    outcome = Outcome.INTERRUPTED if session.stop.is_set() else Outcome.FAILED
    return StageResult(
        stage=stage.name,
        kind=stage.kind,
        outcome=outcome,
        summary="interrupted" if outcome is Outcome.INTERRUPTED else diagnostics[0].message,
        diagnostics=diagnostics,
    )
