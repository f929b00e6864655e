import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlopsctl.runtime.metrics import MetricsUnreadable, SliceMetrics, read_metrics


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "metrics.json"


def test_values_naive_and_slices_are_apart(path: Path) -> None:
    document = {"auc": 0.87, "top": {"1": 1, "5": 2.5}, "naive": {"auc": 0.5}}
    document["slices"] = {"carrier": {"AA": {"auc": 0.88, "n": 2100, "naive": {"auc": 0.4}}}}
    path.write_text(json.dumps(document))

    metrics = read_metrics(path)

    assert metrics.values == {"auc": 0.87, "top.1": 1.0, "top.5": 2.5}
    assert metrics.naive == {"auc": 0.5}
    assert metrics.slices == {"carrier": {"AA": SliceMetrics(2100, {"auc": 0.88, "naive.auc": 0.4})}}
    assert metrics.document == document


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "`metrics.json` is empty", id="empty"),
        pytest.param(" \n", "`metrics.json` is empty", id="blank"),
        pytest.param(
            '{"auc":\n 0.8 x}',
            "`metrics.json` is not JSON, at 2:6: Expecting ',' delimiter",
            id="not JSON",
        ),
        pytest.param("[1]", "`metrics.json` is not a JSON object", id="list"),
        pytest.param('{"a": {"b": "x"}}', '`a.b` in the metrics is not a number: "x"', id="text"),
        pytest.param('{"a": null}', "`a` in the metrics is not a number: null", id="null"),
        pytest.param('{"a": [1]}', "`a` in the metrics is not a number: [1]", id="list of numbers"),
        pytest.param('{"a": true}', "`a` in the metrics is not a number: true", id="bool"),
        pytest.param('{"a": NaN}', "the metrics hold NaN, which is neither JSON nor comparable", id="NaN"),
        pytest.param('{"a": -Infinity}', "the metrics hold -Infinity, which is neither JSON nor comparable", id="inf"),
        pytest.param('{"a": 1e999}', "`a` in the metrics is too large to compare", id="overflowing float"),
        pytest.param('{"a": 1' + "0" * 400 + "}", "`a` in the metrics is too large to compare", id="overflowing int"),
        pytest.param('{"a": 1' + "0" * 9000 + "}", "`metrics.json` holds a number that is too long", id="long int"),
        pytest.param('{"a":' * 9000 + "1" + "}" * 9000, "`metrics.json` is nested too deeply", id="deep"),
        pytest.param('{"a.b": 1, "a": {"b": 2}}', "the metrics name `a.b` twice", id="same dotted name"),
        pytest.param('{"naive": 0.5}', "`naive` in the metrics is not an object", id="naive number"),
        pytest.param('{"naive": {"auc": "x"}}', '`naive.auc` in the metrics is not a number: "x"', id="naive text"),
        pytest.param('{"slices": {"c": 1}}', "`slices.c` in the metrics is not an object", id="slices number"),
        pytest.param('{"slices": {"c": {"A": {"auc": 1}}}}', "`slices.c.A` has no row count `n`", id="no n"),
        pytest.param('{"slices": {"c": {"A": {"n": -1}}}}', "`slices.c.A.n` is not a row count", id="negative n"),
        pytest.param('{"slices": {"c": {"A": {"n": 1.5}}}}', "`slices.c.A.n` is not a row count", id="broken n"),
        pytest.param('{"slices": {"c": {"A": {"n": true}}}}', "`slices.c.A.n` in the metrics is not a number: true",
                     id="bool n"),
    ],
)  # fmt: skip
def test_doubtful_metrics_are_refused(path: Path, text: str, message: str) -> None:
    path.write_text(text)
    with pytest.raises(MetricsUnreadable) as caught:
        read_metrics(path)
    assert caught.value.message == message
    assert caught.value.hint


def test_missing_file_names_what_to_write(path: Path) -> None:
    with pytest.raises(MetricsUnreadable, match=r"wrote no `metrics\.json`"):
        read_metrics(path)


def test_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MetricsUnreadable, match="can't be read"):
        read_metrics(tmp_path)


def test_other_encodings_are_refused(path: Path) -> None:
    path.write_bytes('{"é": 1}'.encode("latin-1"))
    with pytest.raises(MetricsUnreadable, match="not UTF-8 text, at byte 2"):
        read_metrics(path)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "n", "naive", "slices"]), inner),
)


@given(content=st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_file_is_either_finite_metrics_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_bytes(content)
    try:
        metrics = read_metrics(path)
    except MetricsUnreadable:
        return
    assert all(abs(value) < float("inf") for value in metrics.values.values())
