"""What is kept of a search over parameters: its trials, and which of them is the best."""

from collections.abc import Mapping
from typing import Any, Self

from mlopsctl.frozen import frozen


@frozen(kw_only=True)
class TrialRecord:
    """One trial; `number` counts from 1.

    `value` is what it measured, None if it failed, and then `why` says how. `key` finds its result, which `run` made in
    `seconds`.
    """

    number: int
    params: dict[str, Any]
    value: float | None
    seconds: float
    key: str
    run: str
    why: str = ""


@frozen(kw_only=True)
class SearchRecord:
    """A search that is over; `best` is the number of the trial whose result became the stage's."""

    metric: str
    direction: str
    best: int
    trials: list[TrialRecord]

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """The search of a JSON object. Raises TypeError or KeyError for what is none."""
        return cls(**{**document, "trials": [TrialRecord(**trial) for trial in document["trials"]]})

    @property
    def best_trial(self) -> TrialRecord:
        """The trial that `best` names."""
        return self.trials[self.best - 1]
