import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mlopsctl.runtime.data_contract import command


def python(name: str) -> Path:
    found = shutil.which(name)
    if found is None or subprocess.run([found, "-c", ""], check=False, capture_output=True).returncode:
        pytest.skip(f"there is no {name} on the PATH: uv python install --default {name.removeprefix('python')}")
    return Path(found)


def run(interpreter: Path, folder: Path, data: Path) -> dict[str, Any]:
    spec, report = folder / "spec.json", folder / "report.json"
    spec.write_text(json.dumps({"path": str(data), "contract": {"columns": {"a": {"type": "timestamp"}}}}))
    ended = subprocess.run(command(interpreter, spec, report), cwd=folder, check=False, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    return json.loads(report.read_text())


@pytest.mark.parametrize("name", ["python3.9", "python3.10", "python3.12", "python3.13", sys.executable])
def test_runs_under_the_python_of_the_pipeline(tmp_path: Path, name: str) -> None:
    data = tmp_path / "data.csv"
    data.write_bytes(b"a,b\n2013-01-01T10:00:00.5Z,\0\n2013-01-01T10:00:00.123456789Z,1\nx,1\n")
    report = run(python(name), tmp_path, data)
    assert [problem["message"] for problem in report["problems"]] == [
        "there are bytes that are no UTF-8 text in 1 row",
        "`a` is not a time such as 2013-02-28T10:00:00Z in 1 row",
    ]


def test_modules_of_the_working_directory_do_not_get_in_the_way(tmp_path: Path) -> None:
    for name in ("csv", "json", "check", "cells", "data_contract"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported from the working directory')")
    data = tmp_path / "data.csv"
    data.write_text("a\n2013-01-01\n")
    assert run(Path(sys.executable), tmp_path, data)["problems"] == []


def test_parquet_without_a_package_names_one(tmp_path: Path) -> None:
    data = tmp_path / "data.parquet"
    data.write_bytes(b"PAR1")
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
    report = run(bare / "bin" / "python", tmp_path, data)
    assert "add `pyarrow`" in report["problems"][0]["message"]


def test_report_is_all_or_nothing(tmp_path: Path) -> None:
    spec, report = tmp_path / "spec.json", tmp_path / "missing" / "report.json"
    spec.write_text(json.dumps({"path": "x.csv", "contract": {}}))
    ended = subprocess.run(command(Path(sys.executable), spec, report), check=False, capture_output=True)
    assert ended.returncode != 0
    assert [file.name for file in tmp_path.iterdir()] == ["spec.json"]
