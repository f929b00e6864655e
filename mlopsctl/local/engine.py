"""A run on this machine: every stage once, as soon as what it needs is done, as many at once as there are cores."""

import queue
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import assert_never

from mlopsctl.engine import fan_out as fan_outs
from mlopsctl.engine.result import StageResult
from mlopsctl.engine.selection import why_skipped
from mlopsctl.engine.session import Session
from mlopsctl.engine.stages import guarded, run_stage
from mlopsctl.events import Outcome, StageEnded
from mlopsctl.ir.fan_out import part
from mlopsctl.ir.model import DataStage, DeployStage, EvaluateStage, MonitorStage, Stage, TaskStage, TrainStage
from mlopsctl.store import Artifact

Results = dict[str, StageResult]


@dataclass(slots=True)
class Engine:
    """Runs the stages of one session. `results` fills up in the order in which stages end."""

    session: Session
    jobs: int
    results: Results = field(default_factory=dict)
    parts: dict[str, tuple[Stage, ...]] = field(default_factory=dict)  # of the stages that have fanned out

    def run(self) -> Results:
        """The results of all stages, in the order in which the pipeline is read; each behind those of its parts.

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
                self._note(self._end_of_parts(stage) if stage.name in self.parts else self._skipped(stage))
        return {name: self.results[name] for stage in ordered for name in (*self._begun(stage), stage.name)}

    def _begin(self, stage: Stage, ended: "queue.SimpleQueue[StageResult]") -> None:
        work = partial(self._perform_into, stage, ended)
        threading.Thread(target=work, name=f"stage {stage.name}", daemon=True).start()

    def _perform_into(self, stage: Stage, ended: "queue.SimpleQueue[StageResult]") -> None:
        ended.put(self._perform(stage))

    def _ready(self, waiting: dict[str, Stage]) -> list[Stage]:
        """The stages that may begin; those among them that fan out are replaced by their parts.

        Once something failed nothing begins. Once something was refused, only its fellow parts do: each is judged.
        """
        while not self._has_failed():
            refused = {result.part_of for result in self.results.values() if result.outcome is Outcome.REFUSED}
            if refused:
                return [stage for stage in waiting.values() if stage.item and stage.written_name in refused]
            open_stages = [stage for stage in waiting.values() if self._is_open(stage)]
            fan = next((stage for stage in open_stages if stage.each), None)
            if fan is None:
                return open_stages
            del waiting[fan.name]
            waiting |= {part.name: part for part in self._fanned_out(fan)}
        return []

    def _has_failed(self) -> bool:
        return self.session.stop.is_set() or any(_stops_all(result) for result in self.results.values())

    def _fanned_out(self, stage: Stage) -> tuple[Stage, ...]:
        """The parts of a stage. If there are none, that is how the stage ends."""

        def fan_out() -> StageResult:
            found = fan_outs.items(self.session.pipeline, self.session.store, stage, self._made)
            self.parts[stage.name] = tuple(part(stage, item) for item in found)
            return fan_outs.common_end(stage, {}, seconds=0.0)

        result = guarded(self.session, stage, fan_out)
        parts = self.parts.get(stage.name, ())
        if not parts:
            self._note(result)
        return parts

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
                part_of=result.part_of,
            )
        )
        stage = self.session.pipeline.stages[result.part_of] if result.part_of else None
        if stage is not None and len(self._begun(stage)) == len(self.parts[stage.name]):
            self._note(self._end_of_parts(stage))

    def _begun(self, stage: Stage) -> list[str]:
        """The names of a stage's parts that have a result."""
        return [part.name for part in self.parts.get(stage.name, ()) if part.name in self.results]

    def _end_of_parts(self, stage: Stage) -> StageResult:
        ended = {part.item.name: self.results.get(part.name) for part in self.parts[stage.name] if part.item}
        return fan_outs.common_end(
            stage,
            {item: result.outcome if result else Outcome.SKIPPED for item, result in ended.items()},
            seconds=sum(result.seconds for result in ended.values() if result),
        )

    def _perform(self, stage: Stage) -> StageResult:
        return guarded(self.session, stage, lambda: self._dispatch(stage))

    def _dispatch(self, stage: Stage) -> StageResult:
        match stage:
            case DataStage() | EvaluateStage() | TrainStage() | TaskStage():
                result = run_stage(self.session, stage, fan_outs.inputs_of(self.session, stage, self._made))
                fan_outs.lists_made(self.session, stage, result)  # which fails here rather than where it is read
                return result
            case DeployStage():
                from mlopsctl.local.deployment import run_deploy_stage  # here, as it loads what speaks HTTP
                from mlopsctl.release.rejection import refusal

                model = self.results[stage.model.stage].artifact(self.session.pipeline.output_of(stage.model))
                assert model is not None, "a stage that is done has the outputs that it declares"
                refused = refusal(self.session, stage, model)
                return refused or run_deploy_stage(self.session, stage, model, dict(self.results))
            case MonitorStage():
                summary = "checked by `mlopsctl drift`"
                return StageResult(stage=stage.name, kind=stage.kind, outcome=Outcome.NOT_RUN, summary=summary)
            case _:
                assert_never(stage)

    def _made(self, name: str) -> Mapping[str, Artifact]:
        record = self.results[name].record
        return record.outputs if record else {}

    def _skipped(self, stage: Stage) -> StageResult:
        if stage.name not in self.session.needed:
            reason = "not asked for"
        elif self.session.stop.is_set():
            reason = "interrupted before it began"
        else:
            whole = [result for result in self.results.values() if not result.part_of]
            opened = [result.stage for result in whole if result.opens_the_way]
            stopped = [result.stage for result in whole if _stops_the_run(result)]
            reason = why_skipped(self.session.pipeline, stage, opened=opened, stopped=stopped)
        return StageResult(stage=stage.name, kind=stage.kind, outcome=Outcome.SKIPPED, reason=reason)


def _stops_all(result: StageResult) -> bool:
    return result.outcome in (Outcome.FAILED, Outcome.INTERRUPTED)


def _stops_the_run(result: StageResult) -> bool:
    return _stops_all(result) or result.outcome is Outcome.REFUSED
