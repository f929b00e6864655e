"""Secrets come from the environment or an ignored file, as they are."""

from pathlib import Path

import pytest

from mlopsctl.engine.secrets import read_env_file, secret_values

FILE = """\
\ufeff# one
MLOPS_SECRET_A=a=b c
  export MLOPS_SECRET_B_C = 'x y'\x20
nothing

MLOPS_SECRET_D="q"\r
MLOPS_SECRET_E=
"""


def test_the_lines_of_a_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(FILE, newline="")
    assert read_env_file(tmp_path / ".env") == {
        "MLOPS_SECRET_A": "a=b c",
        "MLOPS_SECRET_B_C": "x y",
        "MLOPS_SECRET_D": "q",
        "MLOPS_SECRET_E": "",
    }


@pytest.mark.parametrize(
    ("written", "value"), [("'", "'"), ("''", ""), ("'a\"", "'a\""), ("a\x85b\u2028c", "a\x85b\u2028c")]
)
def test_values_that_look_odd_are_left_alone(tmp_path: Path, written: str, value: str) -> None:
    (tmp_path / ".env").write_text(f"A={written}", encoding="utf-8")
    assert read_env_file(tmp_path / ".env") == {"A": value}


@pytest.mark.parametrize("content", [None, b"\xff\xfe"], ids=["missing", "no text"])
def test_no_file_is_no_secret(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / ".env").write_bytes(content)
    assert secret_values(tmp_path, ("a",), {}) == {"a": None}


def test_the_environment_comes_first(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MLOPS_SECRET_A=file\nMLOPS_SECRET_B_C=file\n")
    environ = {"MLOPS_SECRET_A": "environment", "A": "no"}
    assert secret_values(tmp_path, ("a", "b-c", "d"), environ) == {"a": "environment", "b-c": "file", "d": None}


def test_a_file_that_nobody_asks_for_is_not_read(tmp_path: Path) -> None:
    assert secret_values(tmp_path / "missing", (), {}) == {}
