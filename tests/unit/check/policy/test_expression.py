from collections.abc import Mapping

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mlopsctl.check.policy.expression import Mistake, NoAnswerError, Rule, mentions, read
from mlopsctl.source.nodes import Json

SEEN: Mapping[str, Json] = {
    "stage": {"name": "serve", "replicas": {"min": 1}, "loadTest": None, "each": list(range(1000)), "share": 0.5},
    "pipeline": {"name": "churn", "labels": {"tier": "internal"}},
    "environment": {"name": "prod"},
    "release": None,
}


def rule(text: str) -> Rule:
    found = read(text)
    assert isinstance(found, Rule), found
    return found


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("stage.replicas.min >= 2", False),
        ("stage.replicas.min == 1.0", True),
        ("stage.share < 1", True),
        ("stage.loadTest == null", True),
        ("release == null", True),
        ("'tier' in pipeline.labels && pipeline.labels.tier != ''", True),
        ("has(pipeline.labels.cost)", False),
        ("stage.name.matches('^s')", True),
        ("stage.each.all(each, each < 1000)", True),
    ],
)
def test_holds(text: str, *, holds: bool) -> None:
    assert rule(text).holds(SEEN) is holds


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("stage.loadTest.p99 < 1.0", "of what is not there"),
        ("stage.name.size() > stage.replicas", "of another type"),
        ("pipeline.labels.cost == 'x'", "there is no `cost` in it"),
        ("stage.name", "neither true nor false"),
        ("stage.each.all(a, stage.each.all(b, a + b >= 0))", "more than 10,000 steps"),
        ("stage.replicas.min / 0 == 1", "divide by zero"),
    ],
)
def test_has_no_answer(text: str, why: str) -> None:
    with pytest.raises(NoAnswerError, match=why):
        rule(text).holds(SEEN)


@pytest.mark.parametrize("text", ["(" * 1900 + "1" + ")" * 1900, "-" * 4000, "[" * 4000, "1+" * 1900 + "1 == 2"])
def test_no_depth_of_a_rule_ends_the_program(text: str) -> None:
    assert not isinstance(read(text), Rule)


@given(st.text(max_size=200) | st.text(alphabet="stage.rplcmin()[]{}!&|=<>'\"? :1+", max_size=200))
@example("stage.`name`")
@example("'\\")
@example("\U0001f600 == stage")
def test_a_mistake_stands_in_the_text(text: str) -> None:
    found = read(text)
    for mistake in () if isinstance(found, Rule) else found:
        assert isinstance(mistake, Mistake)
        assert 0 <= mistake.start <= mistake.end <= len(text)
        assert mistake.what
    for mention in mentions(text):
        assert mention.path == tuple(text[start:end] for start, end in mention.places)


def test_mentions_are_fields_and_no_text_or_method_or_variable() -> None:
    text = (
        "size(stage.inputs) > 0 && 'stage.x' != stage.name.trim() && pipeline.stages.all(s, s.stage == my.pipeline.y)"
    )
    assert [".".join(each.path) for each in mentions(text)] == ["stage.inputs", "stage.name", "pipeline.stages"]
