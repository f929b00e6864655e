"""What a part of a fan-out is: the stage with a value, under a name that files, people and Argo can have."""

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlopsctl.ir.fan_out import MOST, UnusableListError, entry_name, is_paired, items_of, part, written_items
from mlopsctl.ir.fingerprint import Surroundings, command_parts, key_of
from mlopsctl.ir.model import Pipeline, Stage
from mlopsctl.ir.values import Values, read_values, shown
from tests.unit.ir.documents import stages

AROUND = Surroundings(code="c", requirements="r", python="3.11", run={})


def key(pipeline: Pipeline, stage: Stage) -> str:
    values, _ = read_values(pipeline, {})
    return key_of(command_parts(stage, params=values.of(stage), inputs={}, around=AROUND))


def parts(text: str) -> tuple[Pipeline, list[Stage]]:
    pipeline = stages(text)
    (stage,) = pipeline.stages.values()
    return pipeline, [part(stage, item) for item in written_items(stage)]


@pytest.mark.parametrize("value", ["AA", '"1"', "1", "1.0", "true", '"true"', "a/b c"])
def test_the_key_of_a_part_is_that_of_the_stage_with_that_parameter(value: str) -> None:
    rest = "run: go, outputs: {m: m}, params: {trees: 3%s}"
    pipeline, (one,) = parts(f"model: {{kind: train, each: {{carrier: [{value}]}}, {rest % ''}}}")
    plain = stages(f"model: {{kind: train, {rest % f', carrier: {value}'}}}")
    assert key(pipeline, one) == key(plain, plain.stages["model"])


def test_parts_differ_by_their_value_alone() -> None:
    pipeline, found = parts("model: {kind: train, each: {carrier: [AA, UA]}, run: go, outputs: {m: m}}")
    assert [one.name for one in found] == ["model[AA]", "model[UA]"]
    assert [one.written_name for one in found] == ["model", "model"]
    assert len({key(pipeline, one) for one in found}) == 2
    _, again = parts("model: {kind: train, each: {carrier: [DL, UA, AA]}, run: go, outputs: {m: m}}")
    assert {key(pipeline, one) for one in found} < {key(pipeline, one) for one in again}


def test_what_is_fanned_out_over_takes_the_place_of_a_parameter() -> None:
    pipeline = stages("model: {kind: task, each: {trees: [5]}, run: 'go ${params.trees}', params: {trees: 1, a: 2}}")
    stage = pipeline.stages["model"]
    (item,) = written_items(stage)
    given = Values({"model.trees": 7, "model.a": 3})
    assert given.of(part(stage, item)) == {"trees": 5, "a": 3}
    assert given.of(stage) == {"a": 3}


@given(st.lists(st.one_of(st.text(min_size=1, max_size=8), st.integers(), st.booleans(), st.floats(allow_nan=False))))
def test_names_are_as_many_as_values_and_nothing_is_a_sign_to_anybody(values: list[object]) -> None:
    for value in values:
        try:
            (item,) = items_of("x", [value])
        except UnusableListError:
            assert value in (float("inf"), float("-inf")) or not str(value)
            continue
        assert not set(item.name) & set("\0/[](){}:'\"\\ \n%*?$`&;|<>#!~") - {"%"}
        assert not item.name.startswith(".")
        assert unquote(item.name, errors="surrogatepass") == shown(item.value)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"a": 1}, "it is no list"),
        ("AA", "it is no list"),
        (None, "it is no list"),
        ([["AA"]], "texts, numbers or booleans"),
        ([None], "texts, numbers or booleans"),
        ([float("nan")], "texts, numbers or booleans"),
        ([""], "a text in it is empty"),
        (["1", 1], "`1` is in it twice"),
        (["x" * 151], "too long for a file name"),
        (list(range(MOST + 1)), "1,001 values"),
    ],
    ids=str,
)
def test_what_is_no_list_to_fan_out_over(values: object, why: str) -> None:
    with pytest.raises(UnusableListError, match=re.escape(why)):
        items_of("x", values)


@pytest.mark.parametrize(
    ("output", "entry"),
    [
        ("model.joblib", "AA.joblib"),
        ("flights-v1.2.csv", "AA.csv"),
        ("table.csv.gz", "AA.csv.gz"),
        ("model", "AA"),
        (".hidden", "AA"),
    ],
)
def test_an_entry_is_called_after_its_item_with_the_ending_of_the_file(output: str, entry: str) -> None:
    assert entry_name("AA", output) == entry


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("{c: [AA, UA]}", "{c: [UA, AA]}", True),
        ("{c: [AA]}", "{c: [UA, AA]}", True),
        ("{c: [AA, DL]}", "{c: [UA, AA]}", False),
        ("{d: [AA]}", "{c: [AA]}", False),
        ("{c: p.list}", "{c: p.list}", True),
        ("{c: p.list}", "{c: p.other}", False),
        ("{c: p.list}", "{c: [AA]}", False),
    ],
)
def test_stages_over_the_same_list_go_together(one: str, other: str, *, expected: bool) -> None:
    text = f"a: {{kind: task, run: go, each: {one}}}\nb: {{kind: task, run: go, each: {other}}}"
    found = stages(text).stages
    assert is_paired(found["a"], found["b"]) is expected
