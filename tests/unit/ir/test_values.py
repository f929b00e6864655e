"""What `-p` may say, and which value each stage sees."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlopsctl.ir.values import Values, in_short, read_values, shown, source_text
from mlopsctl.source.nodes import Plain
from tests.unit.ir.documents import HEAD, lowered, stages

PIPELINE = lowered(
    HEAD
    + """\
  params:
    trees: {type: int, default: 10, min: 1, max: 100}
    rate: {type: float, default: 1, min: 0, max: 1}
    loss: {type: string, default: a, in: [a, b]}
    fast: false
    month: 2013-02
    size: {type: int, default: 4, in: [4, 8]}
  stages:
    one: {kind: task, run: "go ${params.trees} ${params.month}", params: {trees: 20}}
    two: {kind: task, run: "go ${params.trees}", params: {depth: 3}}
    three: {kind: task, run: "go", env: {FAST: "${params.fast}"}}
    four: {kind: data, source: "d-${params.month}.csv"}
"""
)
NEEDS = lowered(HEAD + "  params: {month: {type: string}}\n  stages: {a: {kind: task, run: 'go ${params.month}'}}\n")


@pytest.mark.parametrize(
    ("name", "written", "value"),
    [
        ("trees", "5", 5),
        ("trees", "-0", None),
        ("trees", "0", None),
        ("trees", "101", None),
        ("trees", "5.0", None),
        ("trees", "five", None),
        ("trees", "true", None),
        ("trees", "", None),
        ("trees", "9" * 5000, None),
        ("rate", "0.5", 0.5),
        ("rate", "1", 1.0),
        ("rate", "1e-3", 0.001),
        ("rate", "NaN", None),
        ("rate", "Infinity", None),
        ("rate", "1e999", None),
        ("rate", "-0.1", None),
        ("rate", "[" * 100_000, None),
        ("loss", "b", "b"),
        ("loss", "c", None),
        ("fast", "true", True),
        ("fast", "True", None),
        ("fast", "1", None),
        ("month", "2013-03", "2013-03"),
        ("month", "5", "5"),
        ("month", "a=b", "a=b"),
        ("month", "", ""),
        ("size", "8", 8),
        ("size", "5", None),
        ("one.trees", "7", 7),
        ("two.depth", "9", 9),
    ],
    ids=lambda value: str(value)[:12],
)
def test_a_value_is_read_as_its_type_says(name: str, written: str, value: Plain) -> None:
    values, wrong = read_values(PIPELINE, {name: written})
    if value is None:
        assert [found.code for found in wrong] == ["MLO261"]
    else:
        assert wrong == ()
        assert (type(values.given[name]), values.given[name]) == (type(value), value)


@pytest.mark.parametrize("name", ["tres", "one.month", "depth", "five.trees", "", "two.trees"])
def test_a_param_that_is_not_declared_there_is_refused(name: str) -> None:
    assert [found.code for found in read_values(PIPELINE, {name: "1"})[1]] == ["MLO260"]


def test_a_slip_is_told_its_name() -> None:
    assert read_values(PIPELINE, {"tres": "1"})[1][0].helps == ("a parameter with a similar name: `trees`",)


def test_a_param_without_a_default_must_be_given() -> None:
    assert [found.code for found in read_values(NEEDS, {})[1]] == ["MLO262"]
    assert read_values(NEEDS, {"month": "x"})[1] == ()


def seen(**given: Plain) -> dict[str, dict[str, Plain]]:
    values = Values({name.replace("__", "."): value for name, value in given.items()})
    return {name: values.of(stage) for name, stage in PIPELINE.stages.items()}


def test_a_stage_sees_what_it_mentions_or_declares() -> None:
    assert seen() == {
        "one": {"trees": 20, "month": "2013-02"},
        "two": {"trees": 10, "depth": 3},
        "three": {"fast": False},
        "four": {"month": "2013-02"},
    }


def test_a_value_for_all_does_not_reach_what_a_stage_declares_itself() -> None:
    assert (seen(trees=5)["one"]["trees"], seen(trees=5)["two"]["trees"]) == (20, 5)
    assert (seen(one__trees=5)["one"]["trees"], seen(one__trees=5)["two"]["trees"]) == (5, 10)


@pytest.mark.parametrize(
    ("space", "counts"),
    [
        ("trees: {int: [1, 50]}", {"trees": 10, "depth": 3}),
        ("trees: {int: [1, 50]}, depth: {int: [1, 3]}", {"trees": 10, "depth": 3}),
        ("trees: {int: [11, 50]}, depth: {int: [1, 3]}", {}),
        ("trees: {int: [1, 50]}, rate: {float: [0, 1]}", {"depth": 3}),
    ],
)
def test_what_a_search_varies_counts_if_it_can_begin_with_all_of_it(space: str, counts: dict[str, Plain]) -> None:
    pipeline = stages(
        "model: {kind: train, run: 'go ${params.trees}', params: {trees: 10, depth: 3}, outputs: {m: m},"
        f" tune: {{trials: 2, objective: {{metric: auc}}, space: {{{space}}}}}}}"
    )
    assert Values({}).of(pipeline.stages["model"]) == counts


def test_parameters_in_short_lose_digits_that_tell_little() -> None:
    assert in_short({"trees": 310, "rate": 0.0314159, "loss": "log", "deep": True}) == (
        "trees=310 rate=0.0314 loss=log deep=true"
    )


def test_all_values_are_by_the_names_that_p_takes() -> None:
    everything = Values({"one.trees": 1}).all(PIPELINE)
    assert (everything["one.trees"], everything["trees"], everything["two.depth"]) == (1, 10, 3)


def test_the_same_number_is_the_same_value_however_it_is_given() -> None:
    given, _ = read_values(PIPELINE, {"rate": "1"})
    assert shown(given.given["rate"]) == shown(Values({}).all(PIPELINE)["rate"]) == "1.0"


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), (False, "false"), (None, ""), (1, "1"), (2.0, "2.0"), ("a b", "a b")]
)
def test_a_value_is_shown_as_an_argument(value: Plain, text: str) -> None:
    assert shown(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_no_float_loses_anything_on_its_way(value: float) -> None:
    assert float(shown(value)) == value


def test_a_source_has_its_references_resolved() -> None:
    stage = PIPELINE.stages["four"]
    assert stage.kind == "data"
    assert stage.source is not None
    assert source_text(stage.source, Values({"month": "x"}).of(stage), {}) == "d-x.csv"
