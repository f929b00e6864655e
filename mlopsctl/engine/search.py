"""A search over parameters: trials, each the stage run with parameters of its own, of which the best is the result.

Trials come in waves of as many as run at once. What a wave tries follows from the waves before it, so a search that was
interrupted, or is begun again on another machine, tries the same, and finds in the cache what is done already.
"""

import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.engine import faults, search_faults
from mlopsctl.engine.attempts import AttemptFailedError
from mlopsctl.engine.result import StageResult
from mlopsctl.engine.session import Session
from mlopsctl.engine.suggesting import need_optuna, suggested
from mlopsctl.engine.telling import output_of_trial
from mlopsctl.engine.work import Wanted, begin, cached, done, fresh, keep, refuse_if_left_out, wanted
from mlopsctl.events import Event, StageOutput, TrialEnded
from mlopsctl.frozen import frozen
from mlopsctl.ir.model import TrainStage
from mlopsctl.ir.parts import Tune
from mlopsctl.source.nodes import Plain
from mlopsctl.store import Artifact, SearchRecord, StageRecord, StoreError, TrialRecord, timestamp

Params = Mapping[str, Plain]


@frozen(kw_only=True)
class Search:
    """The search of a stage; `want` is the result that it needs as a whole.

    `shared` are the parameters of all trials, `start` those that people chose for what is searched, if they lie in its
    space. `seed` is the key of the stage without the search, so that a longer search begins with the same trials.
    """

    session: Session
    stage: TrainStage
    tune: Tune
    shared: Params
    start: Params
    seed: str
    want: Wanted

    def wave(self, told: Sequence[TrialRecord]) -> list[Params]:
        """The parameters of the trials that run next, side by side, when those told are over; none after the last."""
        count = min(self.tune.parallel, self.tune.trials - len(told))
        if count < 1:
            return []
        need_optuna([self.stage])
        asked: list[Params] = [*suggested(self.tune, self.seed, told, count)]
        if self.start and not told:
            asked[0] = self.start  # what people chose is worth a trial
        return asked

    def found(self, params: Params) -> StageRecord | None:
        """The result of a trial with these parameters, if it is there and whole."""
        record = self.session.results.find(self._wanted(params).key)
        runs_again = self.stage.written_name in self.session.again
        return None if record is None or (runs_again and record.run != self.session.run) else record

    def trial(self, number: int, params: Params) -> TrialRecord:
        """One trial, from the cache or by its command. Raises DiagnosedError where no other one would go better."""
        began = time.monotonic()
        try:
            return self.attempted(number, params)
        except AttemptFailedError as error:
            if self.session.stop.is_set() or not error.why:
                raise  # not for its parameters: nothing that the command did
            return self.failed(number, params, error.diagnostics[0].message, time.monotonic() - began)

    def attempted(self, number: int, params: Params) -> TrialRecord:
        """The same; raises AttemptFailedError as well, if the command did not end well."""
        record = self.found(params)
        if record is None:
            want = self._wanted(params)
            record, outputs = fresh(self.session, want, label=f"{self.stage.folder_name}.{number}")
            keep(self.session, want, record)
            shutil.rmtree(outputs.parent, ignore_errors=True)  # all of it is in the store; the next one needs the room
        return self.measured(number, params, record)

    def failed(self, number: int, params: Params, why: str, seconds: float = 0.0) -> TrialRecord:
        """What is kept of a trial that came to nothing."""
        return TrialRecord(
            number=number,
            params=dict(params),
            value=None,
            seconds=round(seconds, 3),
            key=self._wanted(params).key,
            run=self.session.run,
            why=why,
        )

    def measured(self, number: int, params: Params, record: StageRecord) -> TrialRecord:
        """What a trial came to, by the result of its command."""
        value = record.metrics.get(self.tune.metric)
        found = f"it wrote {', '.join(record.metrics)}" if record.metrics else "it wrote none that can be read"
        return TrialRecord(
            number=number,
            params=dict(params),
            value=value,
            seconds=record.seconds,
            key=record.key,
            run=record.run,
            why="" if value is not None else f"no metric `{self.tune.metric}`: {found}",
        )

    def concluded(self, trials: Sequence[TrialRecord], started: datetime, reason: str) -> StageResult:
        """The result of the stage: that of the best trial. Raises DiagnosedError if all failed."""
        best = best_of(self.tune, trials)
        if best is None:
            span = self.tune.origin.name
            raise DiagnosedError(search_faults.all_trials_failed(span, self.stage.name, len(trials), trials[0].why))
        made = self.session.results.find(best.key)
        if made is None:
            raise StoreError(
                f"the result of trial {best.number} of `{self.stage.name}` is no longer whole", "run again"
            )
        ended = datetime.now(UTC)
        seconds = round((ended - started).total_seconds(), 3)
        record = replace(
            made,
            key=self.want.key,
            parts=dict(self.want.parts),  # type: ignore[arg-type]  # parts are JSON, which has no type of its own
            started=timestamp(started),
            ended=timestamp(ended),
            # What was cached took its time in another run, and would again.
            seconds=max(seconds, round(sum(trial.seconds for trial in trials) / self.tune.parallel, 3)),
            run=self.session.run,
            search=SearchRecord(
                metric=self.tune.metric, direction=self.tune.direction, best=best.number, trials=list(trials)
            ),
        )
        self.session.results.keep(record)
        self.session.results.note(self.stage.name, record)
        return replace(done(self.stage, record, reason), seconds=seconds)

    def _wanted(self, params: Params) -> Wanted:
        return wanted(self.session, replace(self.stage, tune=None), self.want.inputs, {**self.shared, **params})


def search_of(session: Session, stage: TrainStage, inputs: Mapping[str, Artifact]) -> Search:
    """The search of a stage that has one, on these inputs."""
    assert stage.tune is not None, "only such stages are asked about"
    want, space = wanted(session, stage, inputs), stage.tune.space
    shared = {name: value for name, value in want.params.items() if name not in space}
    return Search(
        session=session,
        stage=stage,
        tune=stage.tune,
        shared=shared,
        start={name: want.params[name] for name in space if name in want.params},
        seed=wanted(session, replace(stage, tune=None), inputs, shared).key,
        want=want,
    )


def run_search(session: Session, stage: TrainStage, inputs: Mapping[str, Artifact]) -> StageResult:
    """A training that searches, from the cache or by its trials. Raises DiagnosedError, StoreError, OSError."""
    search = search_of(session, stage, inputs)
    found = cached(session, stage, search.want.key)
    if found is not None:
        return found
    refuse_if_left_out(session, stage)
    reason, started = begin(session, stage, search.want.parts), datetime.now(UTC)
    trials: list[TrialRecord] = []
    while asked := search.wave(trials):
        for trial in _at_once(search, len(trials), asked):
            trials.append(trial)
            session.emit(trial_ended(stage.name, search.tune, session.run, trials))
        if session.stop.is_set():
            raise DiagnosedError(faults.interrupted(stage.origin.value("run"), stage.name))
    return search.concluded(trials, started, reason)


def _at_once(search: Search, before: int, asked: Sequence[Params]) -> Iterator[TrialRecord]:
    """The trials of a wave in their order, as many at once as this machine may."""
    from concurrent.futures import ThreadPoolExecutor  # which takes as long to import as a short command

    with ThreadPoolExecutor(min(len(asked), search.session.jobs), f"trial of {search.stage.name}") as pool:
        numbers = range(before + 1, before + 1 + len(asked))
        yield from pool.map(lambda number, params: _numbered(search, number).trial(number, params), numbers, asked)


def _numbered(search: Search, number: int) -> Search:
    """The search, for one trial: what its command prints is told with the trial's number."""
    session = search.session

    def emit(event: Event) -> None:
        session.emit(output_of_trial(event, number) if isinstance(event, StageOutput) else event)

    return replace(search, session=replace(session, emit=emit))


def trial_ended(stage: str, tune: Tune, run: str, trials: Sequence[TrialRecord]) -> TrialEnded:
    """How the last of these trials ended, told beside those before it. `run` is the run that asks for them."""
    trial, best = trials[-1], best_of(tune, trials)
    return TrialEnded(
        stage=stage,
        trial=trial.number,
        trials=tune.trials,
        params=trial.params,
        metric=tune.metric,
        value=trial.value,
        seconds=trial.seconds,
        cached=trial.run != run,
        best=best.value if best else None,
        why=trial.why,
    )


def best_of(tune: Tune, trials: Iterable[TrialRecord]) -> TrialRecord | None:
    """The trial with the best value, the first of equals; None if all failed."""
    sign = 1 if tune.direction == "minimize" else -1
    valued = [(sign * trial.value, trial.number, trial) for trial in trials if trial.value is not None]
    return min(valued)[-1] if valued else None
