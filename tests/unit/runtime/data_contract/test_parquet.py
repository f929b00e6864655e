from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from mlopsctl.runtime.data_contract.check import check_data
from mlopsctl.runtime.data_contract.parquet import _fastparquet, _polars, _pyarrow
from mlopsctl.runtime.data_contract.problems import Problems
from mlopsctl.runtime.data_contract.reading import Reader

READERS = [
    pytest.param("pyarrow", _pyarrow, id="pyarrow"),
    pytest.param("polars", _polars, id="polars"),
    pytest.param("fastparquet", _fastparquet, id="fastparquet"),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    pandas = pytest.importorskip("pandas", reason="writes the parquet of this test: make setup")
    pytest.importorskip("pyarrow", reason="writes the parquet of this test: make setup")
    written = tmp_path / "data.parquet"
    columns = {
        "n": [1.5, float("nan"), 9.0],
        "t": ["x", None, "y"],
        "day": [date(2013, 1, 1)] * 3,
        "at": [pandas.Timestamp("2013-01-01T10:00:00.123456789Z")] * 3,
    }
    pandas.DataFrame(columns).to_parquet(written, engine="pyarrow", index=False)
    return written


@pytest.mark.parametrize(("package", "read"), READERS)
def test_every_package_reads_the_same(path: Path, package: str, read: Any) -> None:
    pytest.importorskip(
        package, reason=f"{package} reads parquet too, but is not installed: .venv/bin/uv pip install {package}"
    )
    reader = Reader(path, "data.parquet", ["t", "n", "zzz"], Problems())
    chunks = list(read(reader))
    assert reader.row == 3
    assert list(chunks[0].names) == ["n", "t", "day", "at"]
    assert chunks[-1].columns == {"t": ["x", None, "y"], "n": [1.5, None, 9.0]}


def test_types(path: Path) -> None:
    columns = {
        "n": {"type": "number", "nullable": True, "max": 5},
        "t": {"type": "string", "nullable": True},
        "day": {"type": "date", "min": "2013-01-01"},
        "at": {"type": "timestamp", "max": "2013-01-02"},
    }
    report: Any = check_data(path, {"columns": columns, "unique": [["t"], ["day"]]})
    assert [problem["message"] for problem in report["problems"]] == [
        "`n` is above 5 in 1 row, highest 9",
        "`day` repeats in 2 rows",
    ]
    assert report["statistics"]["at"]["max"] == datetime.fromisoformat("2013-01-01T10:00:00.123456Z").isoformat()


def test_damaged(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    path.write_bytes(b"PAR1" + bytes(50))
    report: Any = check_data(path, {"rows": {"min": 1}})
    [problem] = report["problems"]
    assert problem["message"].startswith("`data.parquet` can't be read: ")
