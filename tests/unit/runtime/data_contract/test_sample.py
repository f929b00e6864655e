import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mlopsctl.runtime.data_contract.reading import Unreadable
from mlopsctl.runtime.data_contract.sample import Wanted, sample_of, sample_report

Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return written


def test_a_small_data_set_is_its_own_sample(write: Write) -> None:
    path = write("flights.csv", "carrier,delay,note\nUA,1,x\nAA,,y\n")
    found = sample_of(path, Wanted(["carrier", "delay", "nothing"], most=10))
    assert found == {"rows": 2, "columns": {"carrier": ["UA", "AA"], "delay": ["1", ""]}}


def test_without_names_all_columns_are_taken(write: Write) -> None:
    path = write("flights.jsonl", '{"a": 1, "b": null}\n{"a": 2.5, "b": [1], "c": true}\n')
    assert sample_of(path, Wanted(None, most=10)) == {
        "rows": 2,
        "columns": {"a": [1, 2.5], "b": [None, "[1]"], "c": [None, True]},
    }


def test_a_folder_is_read_as_a_whole(write: Write) -> None:
    write("parts/one.csv", "a\n1\n")
    folder = write("parts/two.csv", "a,b\n2,3\n").parent
    assert sample_of(folder, Wanted(None, most=10)) == {"rows": 2, "columns": {"a": ["1", "2"], "b": [None, "3"]}}


def test_the_rows_of_a_large_one_are_drawn_evenly_and_the_same_each_time(write: Write) -> None:
    path = write("many.csv", "n\n" + "\n".join(map(str, range(20_000))) + "\n")
    found = sample_of(path, Wanted(None, most=1000))
    drawn = list(map(int, found["columns"]["n"]))
    assert found["rows"] == 20_000
    assert len(set(drawn)) == 1000
    assert found == sample_of(path, Wanted(None, most=1000))
    # Were all as likely, a half has 500, give or take four times the 13 that chance does.
    assert all(abs(sum(low <= number < low + 10_000 for number in drawn) - 500) < 52 for low in (0, 10_000))


def test_what_holds_no_rows_is_said(write: Write) -> None:
    path = write("model.bin", "x")
    with pytest.raises(Unreadable, match=r"not from \.bin"):
        sample_of(path, Wanted(None, most=10))
    assert sample_report(path, Wanted(None, most=10)) == {
        "unreadable": "rows can be read from CSV, TSV, JSON lines or parquet, not from .bin"
    }
    assert "No such file" in sample_report(path.with_name("none.csv"), Wanted(None, most=10))["unreadable"]


def test_parquet_gives_cells_that_json_has(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas", reason="writes the parquet of this test: make setup")
    path = tmp_path / "flights.parquet"
    moments = pandas.to_datetime(["2026-11-21", None])
    pandas.DataFrame({"n": [1.5, float("nan")], "s": ["a", None], "t": moments}).to_parquet(path)
    found = sample_of(path, Wanted(None, most=10))["columns"]
    assert found == {"n": [1.5, None], "s": ["a", None], "t": ["2026-11-21T00:00:00", None]}
    json.dumps(found, allow_nan=False)
