"""The one place where what goes wrong becomes a message and an exit code."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from mlopsctl.cli import main as entry
from mlopsctl.cli.exit_codes import MEANINGS, ExitCode
from mlopsctl.cli.screen import Screen
from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.store import StoreError

PIPELINE = """\
apiVersion: mlopsctl.dev/v1
kind: Pipeline
metadata: {name: p}
spec:
  stages:
    a: {kind: task, run: "true"}
"""


def mlopsctl(*arguments: str, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mlopsctl", *arguments]
    env = {**os.environ, "NO_COLOR": "1", "TMPDIR": str(folder), **environ}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def failed(error: Exception) -> int:
    """How the command ends that meets this."""
    try:
        raise error
    except Exception as met:  # noqa: BLE001 - as main does
        return entry._failed(Screen(), met)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing"], "No such command"),
        (["run", "--nothing"], "No such option"),
        (["run", "-p", "nothing"], "not of the form NAME=VALUE"),
        (["run", "-p", "=1"], "`=1` is not of the form NAME=VALUE"),
        (["run", "--jobs", "-1"], "'--jobs'"),
        (["explain"], "CODE"),
        (["schema", "nothing"], "no schema of `nothing`"),
        (["help", "nothing"], "no topic `nothing`"),
        (["validate", "-o", "nothing"], "nothing"),
    ],
    ids=" ".join,
)
def test_a_command_line_that_is_wrong_is_said_to_be(tmp_path: Path, arguments: list[str], said: str) -> None:
    (tmp_path / "pipeline.yaml").write_text(PIPELINE)
    done = mlopsctl(*arguments, folder=tmp_path)
    assert (done.returncode, done.stdout) == (ExitCode.USAGE, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert re.search(r"^help: .*mlopsctl.* --help$", done.stderr, re.MULTILINE)


def test_a_bug_is_reported_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert failed(KeyError("that should never happen")) == ExitCode.BUG
    (report,) = tmp_path.iterdir()
    said = capsys.readouterr().err
    assert "error[MLO999]: this is a bug in mlopsctl" in said
    assert str(report) in "".join(said.split("\n  =")).replace("\n          ", "")
    assert "Traceback" not in said
    text = report.read_text()
    assert text.startswith("mlopsctl 0.")
    assert "KeyError: 'that should never happen'" in text
    assert report.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (DiagnosedError(), ""),
        (StoreError("the store is away"), "the store is away"),
        (OSError(28, "No space left on device", "x.csv"), "No space left on device"),
        (PermissionError(13, "Permission denied"), "Permission denied"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_known_way_to_fail_is_no_bug(error: Exception, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert failed(error) == ExitCode.FAILED
    shown = capsys.readouterr().err
    assert said in shown
    assert "bug" not in shown


def test_help_lists_every_exit_code(tmp_path: Path) -> None:
    done = mlopsctl("help", "exit-codes", folder=tmp_path)
    listed = {int(line.split()[0]): line.split(maxsplit=1)[1] for line in done.stdout.splitlines()}
    assert (done.returncode, listed) == (0, {int(code): meaning for code, meaning in MEANINGS.items()})
    assert set(MEANINGS) == set(ExitCode)


def test_errors_of_a_project_fail_and_stand_on_standard_error(tmp_path: Path) -> None:
    (tmp_path / "pipeline.yaml").write_text(PIPELINE.replace("run", "runn"))
    done = mlopsctl("validate", folder=tmp_path)
    assert (done.returncode, done.stdout) == (ExitCode.FAILED, "")
    assert "error[MLO120]" in done.stderr


def test_no_project_is_an_error_with_a_way_on(tmp_path: Path) -> None:
    done = mlopsctl("validate", folder=tmp_path)
    assert done.returncode == ExitCode.FAILED
    assert "MLO003" in done.stderr
    assert "mlopsctl init" in done.stderr


def test_a_folder_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "pipeline.yaml").write_text(PIPELINE)
    done = mlopsctl("-C", "in", "validate", folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "valid: p\n", "")
    assert mlopsctl("-q", "-C", "in", "validate", folder=tmp_path).stdout == ""
    assert mlopsctl("-C", "away", "validate", folder=tmp_path).returncode in (ExitCode.FAILED, ExitCode.USAGE)


def test_a_reader_that_has_enough_is_no_error(tmp_path: Path) -> None:
    command = f"{sys.executable} -m mlopsctl schema | head -c 10; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_names_that_are_no_text_are_shown_all_the_same(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/\xff"
    os.mkdir(folder)  # noqa: PTH102 - pathlib has no bytes
    done = mlopsctl("validate", os.fsdecode(folder), folder=tmp_path, PYTHONIOENCODING="ascii")
    assert done.returncode == ExitCode.FAILED
    assert "MLO003" in done.stderr
