"""What copies of requests showed is held against what the rollout promises."""

import pytest

from mlopsctl.engine.shadowing import Tally
from mlopsctl.ir.model import DeployStage
from mlopsctl.ir.parts import Rollout
from mlopsctl.pod.asking import Watched
from mlopsctl.pod.canary import judged
from mlopsctl.pod.shadow import described, seen_in
from tests.unit.ir.documents import HEAD, lowered

STAGES = """\
  stages:
    m: {kind: train, run: x, outputs: {model: m}}
    s:
      kind: deploy
      model: m
      server: {format: sklearn}
      rollout: {shadow: {of: 12.5%, for: 1h}, checks: [{errors: 1%}, {p99: 50ms}]}
"""


@pytest.fixture
def stage() -> DeployStage:
    found = lowered(HEAD + STAGES).stages["s"]
    assert isinstance(found, DeployStage)
    return found


@pytest.fixture
def rollout(stage: DeployStage) -> Rollout:
    assert stage.rollout is not None
    return stage.rollout


def test_the_checks_are_those_of_a_canary(stage: DeployStage, rollout: Rollout) -> None:
    good = Tally(copies=200, errors=2, first="503", milliseconds={"50": 197, "900": 1})
    assert seen_in(good) == Watched(200, 2, 50.0, "503")
    found = list(judged(stage, rollout, seen_in(good)))
    assert [(check.expectation, check.observed, check.holds) for check, _ in found] == [
        ("errors ≤ 1.0%", "1.0% of 200, first: 503", True),
        ("p99 ≤ 50 ms", "50 ms", True),
    ]
    bad = Tally(copies=100, errors=2, first="503", milliseconds={"50": 96, "51": 2})
    assert [fault.code for _, fault in judged(stage, rollout, seen_in(bad)) if fault is not None] == ["MLO418"] * 2


@pytest.mark.parametrize(
    ("tally", "observed"),
    [
        (Tally(), "there were none"),
        (Tally(left_out=7), "there were none, 7 left out"),
        (
            Tally(copies=1200, errors=200, left_out=1, compared=1000, differing=25, served_in={"4": 1200}),
            "1,200 answered or failed, 1 left out, 2.5% of 1,000 answers differ, p99 of what serves 4 ms",
        ),
    ],
)
def test_what_is_worth_knowing_stands_beside_them(rollout: Rollout, tally: Tally, observed: str) -> None:
    check = described(rollout, tally)
    assert (check.expectation, check.observed) == ("copies of 12.5% of the requests for 3600 s", observed)
    assert check.holds


def test_it_takes_as_long_as_its_stage_has_to_wait(stage: DeployStage, rollout: Rollout) -> None:
    assert rollout.seconds == 3600
    assert stage.copies
