"""What a search tries next: Optuna is asked, with all that is known so far.

The answer depends on a seed and on the trials before, and on nothing else: no study is kept anywhere, and
whoever asks again, on this machine or in a pod, is told the same.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.engine import search_faults
from mlopsctl.ir.model import TrainStage
from mlopsctl.ir.parts import Dimension, Tune
from mlopsctl.source.nodes import Plain
from mlopsctl.store import TrialRecord

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

_SEED_DIGITS = 8  # hexadecimal, which is as much as the sampler takes


def need_optuna(stages: Sequence[TrainStage]) -> None:
    """Raises DiagnosedError if a stage searches and there is nothing here to search with."""
    for stage in stages:
        if stage.tune is not None and find_spec("optuna") is None:
            raise DiagnosedError(search_faults.optuna_missing(stage.origin.key("tune"), stage.name))


def suggested(tune: Tune, seed: str, told: Sequence[TrialRecord], count: int) -> list[dict[str, Plain]]:
    """The parameters of the `count` trials that follow those told, which run side by side."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = {name: _distribution(dimension) for name, dimension in tune.space.items()}
    study = optuna.create_study(direction=tune.direction)
    study.add_trials(list(_known(told, space)))
    asked = []
    for number in range(len(told) + 1, len(told) + 1 + count):
        # The default one, and of those that run at once each keeps away from the others.
        study.sampler = optuna.samplers.TPESampler(seed=_number(seed, number), constant_liar=True)
        asked.append(dict(study.ask(space).params))
    return asked


def _known(told: Sequence[TrialRecord], space: "Mapping[str, BaseDistribution]") -> "Iterator[FrozenTrial]":
    from optuna.trial import TrialState, create_trial

    for trial in told:
        state = TrialState.FAIL if trial.value is None else TrialState.COMPLETE
        yield create_trial(params=trial.params, distributions=dict(space), value=trial.value, state=state)


def _distribution(dimension: Dimension) -> "BaseDistribution":
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    match dimension.type:
        case "int":
            return IntDistribution(int(dimension.least), int(dimension.most), log=dimension.log)
        case "float":
            return FloatDistribution(dimension.least, dimension.most, log=dimension.log)
        case "choice":
            return CategoricalDistribution(dimension.choices)


def _number(seed: str, trial: int) -> int:
    return int(hashlib.sha256(f"{seed}/{trial}".encode()).hexdigest()[:_SEED_DIGITS], 16)
