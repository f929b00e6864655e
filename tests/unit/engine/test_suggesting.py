"""What a search tries next: within its space, the same whenever it is asked, and better than chance."""

import random
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlopsctl.engine.suggesting import suggested
from mlopsctl.ir.origin import Origin
from mlopsctl.ir.parts import Dimension, Tune
from mlopsctl.source.nodes import MappingNode, Plain, start_of
from mlopsctl.store import TrialRecord

NOWHERE = start_of("pipeline.yaml")
ORIGIN = Origin(MappingNode({}, NOWHERE), NOWHERE)
SPACE = {
    "trees": Dimension(type="int", least=50, most=500),
    "rate": Dimension(type="float", least=0.001, most=0.3, log=True),
    "loss": Dimension(type="choice", choices=("log", "hinge", 3, 2.5, True, None)),
}


def tune(direction: str = "maximize", **space: Dimension) -> Tune:
    return Tune(40, 1, "auc", "minimize" if direction == "minimize" else "maximize", space or SPACE, ORIGIN)


def told(number: int, params: dict[str, object], value: float | None) -> TrialRecord:
    return TrialRecord(number=number, params=params, value=value, seconds=1.0, key="k", run="r")


def searched(tune: Tune, seed: str, trials: int, at_once: int = 1) -> list[TrialRecord]:
    """A search for 200 trees at a rate of 0.1, in which every seventh trial fails."""
    found: list[TrialRecord] = []
    while len(found) < trials:
        for params in suggested(tune, seed, found, min(at_once, trials - len(found))):
            distance = abs(float(str(params["trees"])) - 200) / 100 + abs(float(str(params["rate"])) - 0.1)
            value = distance if tune.direction == "minimize" else -distance
            found.append(told(len(found) + 1, params, None if len(found) % 7 == 3 else value))
    return found


def worth(trials: list[TrialRecord]) -> float:
    """How near the last trials come; the lower the better."""
    return mean(abs(trial.value) for trial in trials[-15:] if trial.value is not None)


@pytest.mark.parametrize("at_once", [1, 4])
def test_the_same_search_tries_the_same(at_once: int) -> None:
    assert searched(tune(), "seed", 20, at_once) == searched(tune(), "seed", 20, at_once)


def test_another_search_tries_something_else() -> None:
    one, other = (suggested(tune(), seed, [], 5) for seed in ("one", "other"))
    assert not any(params in other for params in one)


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_a_search_learns(direction: str) -> None:
    by_chance = searched(tune(direction), "seed", 10)
    assert worth(searched(tune(direction), "seed", 60)) < worth(by_chance) / 1.5


@given(
    st.lists(st.tuples(st.integers(50, 500), st.floats(0.001, 0.3), st.none() | st.floats(-1e9, 1e9)), max_size=12),
    st.integers(1, 5),
)
@settings(max_examples=30, deadline=None)
def test_whatever_is_told_the_next_ones_lie_in_the_space(
    found: list[tuple[int, float, float | None]], count: int
) -> None:
    known = [
        told(number, {"trees": trees, "rate": rate, "loss": random.Random(number).choice(SPACE["loss"].choices)}, value)
        for number, (trees, rate, value) in enumerate(found, 1)
    ]
    asked = suggested(tune(), "seed", known, count)
    assert len(asked) == count
    for params in asked:
        assert list(params) == list(SPACE)
        assert all(SPACE[name].allows(value) for name, value in params.items()), params


@pytest.mark.parametrize(
    ("dimension", "value", "allowed"),
    [
        (SPACE["trees"], 50, True),
        (SPACE["trees"], 500, True),
        (SPACE["trees"], 501, False),
        (SPACE["trees"], 60.0, False),
        (SPACE["trees"], True, False),
        (SPACE["trees"], None, False),
        (SPACE["rate"], 0.3, True),
        (SPACE["rate"], 0.31, False),
        (SPACE["rate"], "0.1", False),
        (SPACE["loss"], "log", True),
        (SPACE["loss"], "other", False),
        (SPACE["loss"], True, True),
        (SPACE["loss"], 3, True),
        (SPACE["loss"], 1, False),
    ],
)
def test_what_lies_in_a_space(dimension: Dimension, value: Plain, *, allowed: bool) -> None:
    assert dimension.allows(value) is allowed
