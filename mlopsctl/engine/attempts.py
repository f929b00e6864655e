"""Running a stage's command, again and again if its retries say so, until it ends well or for good."""

import json
import shutil
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mlopsctl.diagnostics import DiagnosedError, Diagnostic, Related
from mlopsctl.engine import faults
from mlopsctl.engine.ranks import Job, Rank, RankEnd
from mlopsctl.engine.secrets import secret_values
from mlopsctl.engine.session import Session, base_environment
from mlopsctl.engine.workplace import CodeChangedError
from mlopsctl.events import StageOutput, StageRetried
from mlopsctl.ir.command import SHELL, expanded, script, variable_name, with_variables
from mlopsctl.ir.model import Stage, TrainStage
from mlopsctl.ir.values import shown
from mlopsctl.runtime.checkpoints import Checkpoint
from mlopsctl.runtime.memory import memory_limit
from mlopsctl.runtime.process import OUT_OF_MEMORY, TERMINATED, CannotStart, Ending
from mlopsctl.runtime.step import OutputFile, Place, Step, StepResult, perform
from mlopsctl.source.nodes import Plain
from mlopsctl.store import Artifact

# A shell that is asked to end goes at once, and nobody learns how the program below it did. This one waits for it, and
# ends as it does.
_UNTIL_IT_ENDS = "trap 'exit $?' TERM\n"


class AttemptFailedError(DiagnosedError):
    """The last attempt failed; `why` is the kind of failure, by the words of `retries.on` where one fits.

    `log` is what it printed.
    """

    def __init__(self, *faults: Diagnostic, why: str = "", log: Artifact | None = None) -> None:
        super().__init__(*faults)
        self.why, self.log = why, log


@dataclass(slots=True, kw_only=True)
class Attempts:
    """The attempts of one stage, or of one rank of it. After `run`, `started`, `count` and `log` are for the record."""

    session: Session
    stage: Stage
    label: str  # of its folders; differs from the stage's name where it is run a second time for comparison
    params: Mapping[str, Plain]
    inputs: Mapping[str, Artifact]
    checkpoint: Checkpoint | None = None
    rank: Rank | None = None
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    count: int = 0
    log: Artifact | None = None
    where: str = ""  # which rank of several failed

    def run(self) -> tuple[StepResult, Place]:
        """The result of the last attempt, with its folders. Raises AttemptFailedError if it is not a good one."""
        retries = self.stage.retries
        while True:
            self.count += 1
            result, place = self._attempt()
            if result.succeeded:
                return result, place
            why = _class_of(result.ending)
            if self.count > retries.limit or why not in retries.on or self.session.stop.is_set():
                raise AttemptFailedError(self._fault(result), why=why, log=self.log)
            wait = retries.backoff * 2 ** (self.count - 1)
            self.session.emit(
                StageRetried(stage=self.stage.name, attempt=self.count, limit=retries.limit, wait=wait, why=why)
            )
            shutil.rmtree(place.folder, ignore_errors=True)
            self.session.pause(wait)

    def run_rank(self) -> RankEnd:
        """How this rank ends, tried once. Raises DiagnosedError, StoreError and OSError if it can't begin."""
        assert self.rank is not None, "a stage as a whole is run by `run`"
        result, _ = self._alone()
        return RankEnd(rank=self.rank.number, result=result, at=time.time(), log=self.log)

    @property
    def job(self) -> Job:
        """What each rank runs, wherever that is."""
        return Job(label=self.label, params=self.params, inputs=self.inputs, checkpoint=self.checkpoint)

    def step(self) -> Step:
        """The command with everything that it needs to know."""
        stage, session = self.stage, self.session
        values = {variable_name("params", name): shown(value) for name, value in self.params.items()}
        known = {variable_name(*name.split(".")): value for name, value in session.known().items()}
        environment = base_environment(session.environ, session.python.get(self._say))
        environment |= self.rank.variables() if self.rank else {}
        environment |= {"MLOPS_PARAMS": json.dumps(dict(self.params))} | values | known | self._secrets()
        environment |= {name: expanded(with_variables(text), environment) for name, text in stage.env.items()}
        return Step(
            argv=(*SHELL, self._script(), stage.name),
            env=environment,
            inputs={variable_name("inputs", name): artifact for name, artifact in self.inputs.items()},
            outputs={
                variable_name("outputs", name): OutputFile(name, output.path, output.optional)
                for name, output in stage.outputs.items()
            },
            timeout=stage.timeout,
            grace=self.session.grace,
            checkpoint=self.checkpoint,
            keeps=self.rank is None or self.rank.is_first,
        )

    def _script(self) -> str:
        written = script(self.stage.run) if self.stage.run else ""
        return f"{_UNTIL_IT_ENDS}{written}" if self.checkpoint else written

    def _attempt(self) -> tuple[StepResult, Place]:
        if isinstance(self.stage, TrainStage) and self.stage.distributed is not None:
            from mlopsctl.engine.gang import together  # here, as few stages are

            found = together(self, self.stage.distributed.nodes)
            self.log, self.where = found.log, found.where
            return found.result, found.place
        return self._alone()

    def _alone(self) -> tuple[StepResult, Place]:
        step = self.step()
        try:
            place = self.session.workspace.place(self.label, self.count, self.stage.code_include)
            self.session.keep_code(self.stage, place)
            result = perform(step, place, self.session.store, on_line=self._say, stop=self.session.stop)
        except CodeChangedError as error:
            raise DiagnosedError(faults.code_changed(None, str(error))) from error
        except CannotStart as error:
            span = self.stage.origin.value("run")
            raise DiagnosedError(faults.cannot_start(span, self.stage.name, error.message, error.hint)) from error
        if place.log.stat().st_size:
            self.log = self.session.store.put_artifact(place.log)
        return result, place

    def _say(self, line: str) -> None:
        self.session.emit(StageOutput(stage=self.stage.name, line=line))

    def _secrets(self) -> dict[str, str]:
        """The secrets that the stage mentions, by variable. Raises DiagnosedError for one that isn't set here."""
        references = {
            reference.parts[1]: reference.span
            for text in self.stage.texts()
            for reference in text.references()
            if reference.parts[0] == "secrets"
        }
        values = secret_values(self.session.root, tuple(references), self.session.environ)
        missing = [
            faults.secret_missing(references[name], name, variable_name("secrets", name), self.stage.name)
            for name, value in values.items()
            if value is None
        ]
        if missing:
            raise DiagnosedError(*missing)
        return {variable_name("secrets", name): value for name, value in values.items() if value is not None}

    def _fault(self, result: StepResult) -> Diagnostic:
        stage, ending = self.stage, result.ending
        run = stage.origin.value("run")
        if ending.reason == "timeout":
            return faults.timed_out(stage.origin.value("timeout"), stage.name, stage.origin.text("timeout") or "")
        if ending.reason == "stopped":
            return faults.interrupted(run, stage.name)
        if ending.exit_code != 0 and ending.lacked_memory:
            return faults.out_of_memory(run, stage.name, _how(ending), memory_limit(), self._tail(ending))
        if ending.exit_code != 0:
            return faults.command_failed(run, stage.name, _how(ending), self._tail(ending))
        if result.harmed:
            return faults.input_harmed(run, stage.name, result.harmed[0])
        output = result.missing[0]
        declared = stage.outputs[output.name].span
        return faults.output_missing(declared, stage.name, output.name, output.path, Related(run, "the command"))

    def _tail(self, ending: Ending) -> tuple[str, ...]:
        return (*((self.where,) if self.where else ()), *ending.last_lines[-5:])


def _class_of(ending: Ending) -> str:
    """The kind of failure: a word of `retries.on`, or another for what no retry would mend."""
    if ending.reason != "exited":
        return ending.reason
    if ending.lacked_memory or ending.signal == signal.SIGKILL or ending.exit_code == OUT_OF_MEMORY:
        return "oom"
    if ending.signal == signal.SIGTERM or ending.exit_code == TERMINATED:
        return "preempted"
    return "error"


def _how(ending: Ending) -> str:
    if ending.signal is None:
        return f"exit code {ending.exit_code}"
    return f"signal {signal.Signals(ending.signal).name}"
