import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlopsctl.runtime.data_contract.check import check_data
from mlopsctl.runtime.data_contract.reading import ROWS_AT_ONCE

Check = Callable[..., dict[str, Any]]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    def write_and_check(content: str | bytes, contract: dict[str, Any], name: str = "data.csv") -> dict[str, Any]:
        path = tmp_path / name
        data = content if isinstance(content, bytes) else content.encode()
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return check_data(path, contract)

    return write_and_check


def messages(report: dict[str, Any]) -> list[str]:
    return [problem["message"] for problem in report["problems"]]


def keys(report: dict[str, Any]) -> list[list[str | int]]:
    return [problem["key"] for problem in report["problems"]]


def test_good_data_has_no_problems(check: Check) -> None:
    contract = {
        "rows": {"min": 2, "max": 2},
        "columns": {"delay": {"type": "number", "nullable": True, "max": 9}, "carrier": {"in": ["AA", "9E"]}},
        "unique": [["carrier", "delay"]],
        "closed": True,
    }
    assert check("carrier,delay\nAA,9\n9E,NA\n", contract) == {
        "rows": 2,
        "bytes": 25,
        "columns": ["carrier", "delay"],
        "problems": [],
        "statistics": {
            "delay": {"count": 1, "nulls": 1, "min": 9.0, "max": 9.0},
            "carrier": {"count": 2, "nulls": 0},
        },
    }


COLUMN_CASES = [
    pytest.param({"type": "number", "max": 1500}, "1911\n1500\n1501", ["max"],
                 "`c` is above 1500 in 2 rows, highest 1,911", id="max"),
    pytest.param({"type": "number", "min": -2.5}, "-2.5\n-2.6", ["min"], "`c` is below -2.5 in 1 row, lowest -2.6",
                 id="min"),
    pytest.param({"min": 0}, "x", [], "`c` is not a number in 1 row", id="type implied by a bound"),
    pytest.param({"type": "number"}, "NaN\n1_000\ninf\n1e999\n１２", ["type"], "`c` is not a number in 5 rows",
                 id="numbers that only Python reads"),
    pytest.param({"type": "integer"}, "1\n2.0\n2.5", ["type"], "`c` is not an integer in 1 row", id="integer"),
    pytest.param({"type": "boolean"}, "true\nFALSE\n1", ["type"], "`c` is not `true` or `false` in 1 row", id="bool"),
    pytest.param({"type": "date"}, "2024-02-29\n2023-02-29\n20230101", ["type"],
                 "`c` is not a date such as 2013-02-28 in 2 rows", id="date"),
    pytest.param({"type": "timestamp", "max": "2013-01-01T00:00:00Z"},
                 "2013-01-01T01:00:00+01:00\n2013-01-01 00:00:01", ["max"],
                 "`c` is above 2013-01-01T00:00:00Z in 1 row, highest 2013-01-01T00:00:01+00:00", id="timestamp"),
    pytest.param({"type": "timestamp"}, "2013-01-01T25:00\n2013-01-01T01:00+99:00", ["type"],
                 "`c` is not a time such as 2013-02-28T10:00:00Z in 2 rows", id="no such time"),
    pytest.param({"type": "string", "in": ["AA"]}, "AA\naa", ["in"], "`c` is not in the list in 1 row", id="in"),
    pytest.param({"in": [1, 2]}, "1.0\n3", ["in"], "`c` is not in the list in 1 row", id="in, numbers"),
    pytest.param({"pattern": "^N"}, "N1\nM1", ["pattern"], "`c` does not match `^N` in 1 row", id="pattern"),
    pytest.param({"pattern": "("}, "N1", ["pattern"],
                 "`pattern` of `c` is no regular expression: missing ), unterminated subpattern at position 0",
                 id="broken pattern"),
    pytest.param({"type": "date", "min": "soon"}, "2013-01-01", ["min"],
                 "`min` of `c` is not a date such as 2013-02-28", id="broken bound"),
    pytest.param({"nullable": False}, '""\nNA\nx', ["nullable"], "`c` is not nullable, but null in 2 rows", id="null"),
    pytest.param({"unique": True}, "a\nb\na\nNA\na", ["unique"], "`c` repeats in 2 rows", id="unique"),
]  # fmt: skip


@pytest.mark.parametrize(("column", "cells", "key", "message"), COLUMN_CASES)
def test_column(check: Check, *, column: dict[str, Any], cells: str, key: list[str], message: str) -> None:
    contract = {"columns": {"c": {"nullable": "unique" in column, **column}}}
    report = check(f"c\n{cells}\n", contract)
    assert (messages(report), keys(report)) == ([message], [["columns", "c", *key]])


def test_examples_name_rows_and_values_across_chunks(check: Check) -> None:
    cells = ["1"] * (ROWS_AT_ONCE + 10)
    cells[3], cells[ROWS_AT_ONCE + 5] = "x" * 200, "y"
    report = check("c\n" + "\n".join(cells), {"columns": {"c": {"type": "number"}}})
    [problem] = report["problems"]
    assert report["rows"] == ROWS_AT_ONCE + 10
    assert problem["rows"] == 2
    assert problem["examples"] == [{"row": 4, "value": "x" * 79 + "…"}, {"row": ROWS_AT_ONCE + 6, "value": "y"}]


def test_at_most_five_examples(check: Check) -> None:
    [problem] = check("c\n" + "x\n" * 9, {"columns": {"c": {"type": "number"}}})["problems"]
    assert (problem["rows"], len(problem["examples"])) == (9, 5)


def test_keys_repeat_across_chunks(check: Check) -> None:
    rows = [f"{number},a" for number in range(ROWS_AT_ONCE + 1)] + ["7,a", "7,b", "NA,a", "NA,a"]
    [problem] = check("n,t\n" + "\n".join(rows), {"unique": [["n", "t"]]})["problems"]
    assert problem == {
        "key": ["unique", 0],
        "message": "`n`, `t` together repeat in 1 row",
        "rows": 1,
        "examples": [{"row": ROWS_AT_ONCE + 2, "value": "7, a"}],
    }


def test_personal_values_are_never_shown(check: Check) -> None:
    column = {"personal": True, "type": "number", "max": 5, "unique": True}
    report = check("ssn,x\n777,1\n777,1\nseven,1\n777,1,1\n", {"columns": {"ssn": column}, "unique": [["x", "ssn"]]})
    assert len(report["problems"]) == 5
    assert "777" not in json.dumps(report)
    assert "seven" not in json.dumps(report)


def test_missing_and_unexpected_columns(check: Check) -> None:
    report = check("dep_delay,b\n1,2\n", {"columns": {"dep_dealy": {}}, "unique": [["zzz"]], "closed": True})
    assert messages(report) == [
        "there is no column `dep_dealy`; one with a similar name: `dep_delay`",
        "there is no column `zzz`",
        "the contract is closed and doesn't name `dep_delay`, `b`",
    ]
    assert keys(report) == [["columns", "dep_dealy"], ["unique", 0], ["closed"]]


@pytest.mark.parametrize(
    ("content", "expected", "rows"),
    [
        pytest.param("", ["`data.csv` can't be read: it is empty, without a header"], 0, id="empty"),
        pytest.param("a,b\n", [], 0, id="header only"),
        pytest.param("a,b\n1,2\n\n3,4\n", [], 2, id="blank line"),
        pytest.param("\ufeffa,b\r\n1,2\r\n", [], 1, id="byte order mark, Windows line ends"),
        pytest.param("a,b\n1\n1,2,3\n1,2\n", ["the header has 2 fields, another number is in 2 rows"], 3, id="fields"),
        pytest.param(b"a,b\n1,\0\n1,2\n", ["there are bytes that are no UTF-8 text in 1 row"], 2, id="NUL"),
        pytest.param("a,b\né,2\n1,2\n".encode("latin-1"), ["there are bytes that are no UTF-8 text in 1 row"], 2,
                     id="Latin-1"),
        pytest.param("a,b\n1,2\n".encode("utf-16"), ["`data.csv` can't be read: it is UTF-16; save it as UTF-8"], 0,
                     id="UTF-16"),
        pytest.param('a,b\n1,2\n3,"4\n', ["the CSV syntax is broken in 1 row"], 2, id="open quote"),
        pytest.param('a,b\n1,"2"x\n3,4\n', ["the CSV syntax is broken in 1 row"], 2, id="text after quote"),
        pytest.param("a,a\n1,2\n", ["the header of `data.csv` names `a` twice; only the first is checked"], 1,
                     id="same name twice"),
        pytest.param("a,b\n1," + "x" * (17 << 20), ["`data.csv` can't be read: a line is longer than 16 MiB"], 0,
                     id="endless line"),
        pytest.param("a,b\n1," + "x" * (1 << 20), [], 1, id="large field"),
    ],
)  # fmt: skip
def test_malformed_csv(check: Check, content: str | bytes, expected: list[str], rows: int) -> None:
    report = check(content, {"columns": {"a": {}}})
    assert (messages(report), report["rows"]) == (expected, rows)


def test_rows_after_a_bad_one_keep_their_numbers(check: Check) -> None:
    report = check("a,b\n1,2\n1\nx,2\n", {"columns": {"a": {"type": "number"}}})
    assert [problem["examples"] for problem in report["problems"]] == [
        [{"row": 2, "value": "1 field"}],
        [{"row": 3, "value": "x"}],
    ]


@pytest.mark.parametrize("name", ["data.jsonl", "data.ndjson", "data.jsonl.gz"])
def test_json_lines(check: Check, name: str) -> None:
    lines = [
        '{"a": 1, "b": "x"}',
        '{"a": true}',
        "",
        "[1]",
        '{"a": NaN}',
        "{",
        '{"a": {"z": 1}}',
        '{"a": 2, "b": null}',
    ]
    report = check("\n".join(lines), {"columns": {"a": {"type": "number"}, "b": {"nullable": True}}}, name)
    assert report["rows"] == 7
    assert messages(report) == [
        "there is JSON, but no object in 1 row",
        "there is no JSON in 2 rows",
        "`a` is not a number in 2 rows",
    ]
    assert report["statistics"] == {
        "a": {"count": 4, "nulls": 0, "min": 1, "max": 2},
        "b": {"count": 1, "nulls": 3},
    }


def test_small_negative_integers_are_different_keys(check: Check) -> None:
    assert check('{"a": -1}\n{"a": -2}\n', {"unique": [["a"]]}, "data.jsonl")["problems"] == []


@pytest.mark.parametrize("name", ["data.tsv", "data.tsv.gz"])
def test_tab_separated(check: Check, name: str) -> None:
    assert messages(check("a\tb\n1,5\t2\n", {"columns": {"a": {"type": "number"}}}, name)) == [
        "`a` is not a number in 1 row"
    ]


def test_damaged_gzip(tmp_path: Path) -> None:
    path = tmp_path / "data.csv.gz"
    path.write_bytes(gzip.compress(b"a\n" + b"1\n" * 99999)[:100])
    [message] = messages(check_data(path, {"rows": {"min": 5}}))
    assert message.startswith("`data.csv.gz` can't be read")


def test_folder_is_one_set(tmp_path: Path) -> None:
    (tmp_path / "part").mkdir()
    (tmp_path / "_SUCCESS").write_text("")
    (tmp_path / ".hidden.csv").write_text("x")
    (tmp_path / "a.csv").write_text("id,extra\n1,1\n2,1\n")
    (tmp_path / "part" / "b.csv.gz").write_bytes(gzip.compress(b"id\n1\nx\n"))
    report = check_data(tmp_path, {"columns": {"id": {"type": "number", "unique": True}, "extra": {}}})
    assert report["rows"] == 4
    assert [(found["message"], found["examples"]) for found in report["problems"]] == [
        ("`id` is not a number in 1 row", [{"file": "part/b.csv.gz", "row": 2, "value": "x"}]),
        ("`extra` is not nullable, but null in 2 rows", []),
        ("`id` repeats in 1 row", [{"file": "part/b.csv.gz", "row": 1, "value": "1"}]),
    ]


def test_folder_of_other_files_counts_files(tmp_path: Path) -> None:
    for name in ("a.txt", "b.md"):
        (tmp_path / name).write_text("You are")
    report = check_data(tmp_path, {"rows": {"min": 3}, "columns": {"a": {}}})
    assert (report["rows"], messages(report)) == (
        2,
        [
            "columns can be checked in CSV, TSV, JSON lines or parquet, not in `.md`, `.txt`",
            "there are 2 files, fewer than 3",
        ],
    )


@pytest.mark.parametrize("kind", ["missing", "empty folder"])
def test_no_data(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "data"
    if kind == "empty folder":
        path.mkdir()
    reason = "the folder has no files" if kind == "empty folder" else "No such file or directory"
    assert messages(check_data(path, {"columns": {"a": {}}})) == [f"`data` can't be read: {reason}"]


CONTRACT = {
    "rows": {"min": 1},
    "columns": {
        "a": {"type": "number", "min": 0},
        "b": {"type": "timestamp", "max": "2013-01-01"},
        "c": {"type": "integer", "unique": True},
        "d": {"type": "date", "pattern": "^2"},
        "e": {"type": "boolean", "in": [True]},
    },
    "unique": [["a", "b"]],
    "closed": True,
}


texts = st.sampled_from(
    ["a,b,c,d,e", "\n", ",", '"', "\t", "1", "-0", "1e5", "2013-01-01", "T10:00Z", "true", "\0", "é"]
)


@pytest.mark.parametrize("name", ["any.csv", "any.tsv", "any.jsonl", "any.csv.gz", "any.parquet"])
@given(content=st.binary() | st.lists(texts).map(lambda parts: ("a,b,c,d,e\n" + "".join(parts)).encode()))
def test_any_bytes_give_a_report(tmp_path_factory: pytest.TempPathFactory, name: str, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(content)
    json.dumps(check_data(path, CONTRACT), allow_nan=False).encode()


json_cells = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers(), max_size=1)


@given(records=st.lists(st.dictionaries(st.sampled_from("abcdef"), json_cells)))
def test_any_json_gives_a_report(tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, Any]]) -> None:
    path = tmp_path_factory.getbasetemp() / "records.jsonl"
    path.write_text("\n".join(map(json.dumps, records)))
    report = check_data(path, CONTRACT)
    json.dumps(report, allow_nan=False).encode()
    assert report["rows"] == len(records)


@given(numbers=st.lists(st.none() | st.integers(-9, 9)), low=st.integers(-9, 9))
def test_counts_are_those_of_the_plain_definition(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[int | None], low: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "counts.csv"
    path.write_text("".join(["n,x\n", *(f"{'' if number is None else number},x\n" for number in numbers)]))
    report = check_data(path, {"columns": {"n": {"type": "integer", "min": low, "unique": True, "nullable": False}}})
    present = [number for number in numbers if number is not None]
    expected = {
        "min": sum(number < low for number in present),
        "nullable": len(numbers) - len(present),
        "unique": len(present) - len(set(present)),
    }
    found = {problem["key"][-1]: problem["rows"] for problem in report["problems"]}
    assert found == {key: rows for key, rows in expected.items() if rows}
