"""How the trials of a search in a cluster go: each ended one is told once, by the note that its pod left."""

from collections.abc import Callable, Iterable

from mlopsctl.cluster.run_nodes import StageNodes
from mlopsctl.engine.notes import read_trial
from mlopsctl.engine.search import trial_ended
from mlopsctl.events import Event
from mlopsctl.ir.model import Stage, TrainStage
from mlopsctl.ir.parts import Tune
from mlopsctl.store import Store, TrialRecord


class Trials:
    """Tells the trials of the searches of one run."""

    def __init__(self, store: Store, run: str, emit: Callable[[Event], None]) -> None:
        self._store, self._run, self._emit = store, run, emit
        self._told: dict[str, dict[int, TrialRecord]] = {}
        self._asked: set[str] = set()

    def look(self, stage: Stage, nodes: StageNodes) -> None:
        """Tell the trials that have ended since the last look: first those that were known before, which have no pods.

        Nothing is told of a pod that ended without a word; the end of the stage counts it. Raises StoreError.
        """
        trials = [pod for pod in nodes.pods if pod.trial]
        if not (isinstance(stage, TrainStage) and stage.tune and trials):
            return
        if stage.name not in self._told:
            self._told[stage.name] = {}
            self._tell(stage.name, stage.tune, range(1, min(pod.trial for pod in trials)))
        ended = [pod for pod in trials if pod.is_over and pod.id not in self._asked]
        self._asked.update(pod.id for pod in ended)
        self._tell(stage.name, stage.tune, sorted({pod.trial for pod in ended}))

    def _tell(self, stage: str, tune: Tune, numbers: Iterable[int]) -> None:
        told = self._told[stage]
        for number in numbers:
            trial = None if number in told else read_trial(self._store, self._run, stage, number)
            if trial is not None:
                told[number] = trial
                self._emit(trial_ended(stage, tune, self._run, list(told.values())))
