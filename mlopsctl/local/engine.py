"""A run on this machine: every stage once, as soon as what it needs is done, as many at once as there are cores."""

import queue
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import assert_never

from mlopsctl.diagnostics import DiagnosedError, Diagnostic
from mlopsctl.events import Outcome, StageEnded
from mlopsctl.ir.model import DataStage, DeployStage, EvaluateStage, MonitorStage, Stage, TaskStage, TrainStage
from mlopsctl.local import faults
from mlopsctl.local.data import run_data_stage
from mlopsctl.local.result import StageResult
from mlopsctl.local.session import Session
from mlopsctl.local.work import run_command_stage
from mlopsctl.store import Artifact, StoreError

Results = dict[str, StageResult]


@dataclass(slots=True)
class Engine:
    """Runs the stages of one session. `results` fills up in the order in which stages end."""

    session: Session
    jobs: int
    results: Results = field(default_factory=dict)

    def run(self) -> Results:
        """The results of all stages, in the order in which the pipeline is read.

        Stages already running when one fails are let end; nothing new is begun.
        """
        ordered = self.session.pipeline.ordered()
        waiting = {stage.name: stage for stage in ordered if stage.name in self.session.needed}
        ended: queue.SimpleQueue[StageResult] = queue.SimpleQueue()
        running = 0
        while waiting or running:
            for stage in self._ready(waiting)[: self.jobs - running]:
                del waiting[stage.name]
                running += 1
                self._begin(stage, ended)
            if not running:
                break
            self._note(ended.get())
            running -= 1
        for stage in ordered:
            if stage.name not in self.results:
                self._note(self._skipped(stage))
        return {stage.name: self.results[stage.name] for stage in ordered}

    def _begin(self, stage: Stage, ended: "queue.SimpleQueue[StageResult]") -> None:
        work = partial(self._perform_into, stage, ended)
        threading.Thread(target=work, name=f"stage {stage.name}", daemon=True).start()

    def _perform_into(self, stage: Stage, ended: "queue.SimpleQueue[StageResult]") -> None:
        ended.put(self._perform(stage))

    def _ready(self, waiting: Mapping[str, Stage]) -> list[Stage]:
        if self.session.stop.is_set() or any(_stops_the_run(result) for result in self.results.values()):
            return []
        return [stage for stage in waiting.values() if self._is_open(stage)]

    def _is_open(self, stage: Stage) -> bool:
        before = [self.results.get(name) for name in self.session.pipeline.needs(stage)]
        return all(result is not None and result.opens_the_way for result in before)

    def _note(self, result: StageResult) -> None:
        self.results[result.stage] = result
        self.session.emit(
            StageEnded(
                stage=result.stage,
                kind=result.kind,
                outcome=result.outcome,
                seconds=result.seconds,
                summary=result.summary,
                reason=result.reason,
                checks=result.checks,
            )
        )

    def _perform(self, stage: Stage) -> StageResult:
        """The stage's result. Whatever goes wrong becomes one, so that a thread never ends without a word."""
        try:
            return self._dispatch(stage)
        except DiagnosedError as error:
            return self._failed(stage, error.diagnostics)
        except StoreError as error:
            hint = getattr(error, "hint", "")
            return self._failed(stage, (faults.store_failed(str(error), hint, f"stage `{stage.name}`"),))
        except OSError as error:
            message = f"{error.filename or 'a file'}: {error.strerror or error}"
            return self._failed(stage, (faults.disk_failed(message, f"stage `{stage.name}`"),))
        except Exception as error:  # noqa: BLE001 - a bug of ours, which the main thread raises again
            return StageResult(stage=stage.name, kind=stage.kind, outcome=Outcome.FAILED, bug=error)

    def _failed(self, stage: Stage, diagnostics: tuple[Diagnostic, ...]) -> StageResult:
        outcome = Outcome.INTERRUPTED if self.session.stop.is_set() else Outcome.FAILED
        return StageResult(
            stage=stage.name,
            kind=stage.kind,
            outcome=outcome,
            summary="interrupted" if outcome is Outcome.INTERRUPTED else diagnostics[0].message,
            diagnostics=diagnostics,
        )

    def _dispatch(self, stage: Stage) -> StageResult:
        if stage.each:
            return StageResult(
                stage=stage.name,
                kind=stage.kind,
                outcome=Outcome.NOT_RUN,
                summary="`each` is not run on this machine yet",
            )
        match stage:
            case DataStage():
                return run_data_stage(self.session, stage, self._inputs(stage))
            case EvaluateStage():
                from mlopsctl.local.judging import run_evaluate_stage  # here, as it loads the arithmetic of gates

                return run_evaluate_stage(self.session, stage, self._inputs(stage))
            case TrainStage() | TaskStage():
                return run_command_stage(self.session, stage, self._inputs(stage))
            case DeployStage():
                from mlopsctl.local.deployment import run_deploy_stage  # here, as it loads what speaks HTTP

                model = self.results[stage.model.stage].artifact(stage.model.output)
                assert model is not None, "a stage that is done has the outputs that it declares"
                return run_deploy_stage(self.session, stage, model, dict(self.results))
            case MonitorStage():
                summary = "drift is not checked on this machine yet"
                return StageResult(stage=stage.name, kind=stage.kind, outcome=Outcome.NOT_RUN, summary=summary)
            case _:
                assert_never(stage)

    def _inputs(self, stage: Stage) -> dict[str, Artifact]:
        found = {name: self.results[up.stage].artifact(up.output) for name, up in stage.inputs.items()}
        return {name: artifact for name, artifact in found.items() if artifact is not None}

    def _skipped(self, stage: Stage) -> StageResult:
        if stage.name not in self.session.needed:
            reason = "not asked for"
        elif self.session.stop.is_set():
            reason = "interrupted before it began"
        else:
            blocking = [name for name in self.session.pipeline.needs(stage) if not self._opened(name)]
            failed = [name for name, result in self.results.items() if _stops_the_run(result)]
            reason = f"needs {', '.join(blocking)}" if blocking else f"{', '.join(failed)} did not pass"
        return StageResult(stage=stage.name, kind=stage.kind, outcome=Outcome.SKIPPED, reason=reason)

    def _opened(self, name: str) -> bool:
        return name in self.results and self.results[name].opens_the_way


def _stops_the_run(result: StageResult) -> bool:
    return result.outcome in (Outcome.FAILED, Outcome.REFUSED, Outcome.INTERRUPTED)
