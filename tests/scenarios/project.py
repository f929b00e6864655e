"""A small project in a folder, and mlopsctl on it as its users have it: a process, its output, files, signals."""

import json
import os
import platform
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

MLOPSCTL: Final = Path(sys.executable).with_name("mlopsctl")
PATIENCE: Final = 120.0  # of a machine that does much else; who hangs is told after that
HEAD: Final = "apiVersion: mlopsctl.dev/v1\nkind: Pipeline\nmetadata: {name: demo}\nspec:\n"
BUG: Final = 70


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True, slots=True)
class Project:
    """`folder` is the project's; `outside` is where commands leave traces that no cache can hide."""

    folder: Path
    outside: Path
    environ: dict[str, str] = field(repr=False)

    def write(self, path: str, text: str) -> Path:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text), encoding="utf-8")
        return file

    def pipeline(self, spec: str) -> Path:
        return self.write("pipeline.yaml", HEAD + textwrap.indent(textwrap.dedent(spec), "  "))

    def start(self, *arguments: str, cwd: Path | None = None, **options: Any) -> subprocess.Popen[bytes]:
        """mlopsctl in a session of its own, so that a signal to it is for it alone."""
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": self.environ} | options
        return subprocess.Popen([MLOPSCTL, *arguments], cwd=cwd or self.folder, start_new_session=True, **options)

    def mlopsctl(
        self, *arguments: str, code: int = 0, cwd: Path | None = None, environ: Mapping[str, str] | None = None
    ) -> Ended:
        """What the command printed, if it ended with the exit code expected."""
        return ended(self.start(*arguments, cwd=cwd, env=self.environ | dict(environ or {})), code)

    def run(self, *arguments: str, code: int = 0, environ: Mapping[str, str] | None = None) -> Ended:
        return self.mlopsctl("run", *arguments, code=code, environ=environ)

    def ran(self) -> list[str]:
        """The stages whose commands ran since this was last asked, by the line that each adds to a file outside."""
        trace = self.outside / "ran"
        lines = trace.read_text().splitlines() if trace.exists() else []
        trace.unlink(missing_ok=True)
        return lines

    def latest(self) -> dict[str, Any]:
        """The record of the newest run."""
        document: dict[str, Any] = json.loads(self.mlopsctl("runs", "show", "latest", "-o", "json").out)
        return document

    def outcomes(self) -> dict[str, str]:
        return {stage["stage"]: stage["outcome"] for stage in self.latest()["stages"]}

    def work_folders(self) -> list[str]:
        return sorted(path.name for path in (self.folder / ".mlops" / "work").iterdir())

    def blobs(self) -> list[Path]:
        return sorted(path for path in (self.folder / ".mlops/store/blobs").rglob("*") if path.is_file())

    def blob_with(self, content: bytes) -> Path:
        (found,) = (blob for blob in self.blobs() if blob.read_bytes() == content)
        return found


def ended(process: "subprocess.Popen[bytes]", code: int, *, patience: float = PATIENCE) -> Ended:
    """What a command that was started printed; it must end by itself, with that code and without a traceback."""
    try:
        out, err = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    result = Ended(process.returncode, (out or b"").decode(), (err or b"").decode())
    assert "Traceback" not in result.out + result.err, result
    assert result.code != BUG, result.err
    assert result.code == code, f"exit code {result.code}\n{result.out}\n{result.err}"
    return result


def until(what: Callable[[], object], *, seconds: float = 60.0) -> None:
    """Return as soon as it is true."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def pid_in(file: Path) -> int:
    """The number that a command writes to a file, once it is there."""
    until(lambda: file.exists() and file.read_text().endswith("\n"))
    return int(file.read_text())


def is_alive(pid: int) -> bool:
    """Whether the process runs; a zombie doesn't."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def expect_gone(pid: int) -> None:
    """That the process has ended or ends now: one that was killed may be seen for a moment."""
    until(lambda: not is_alive(pid), seconds=30)


def normalised(text: str, project: Project) -> str:
    """The text with everything in it that differs from run to run and from machine to machine named or blanked."""
    text = text.replace(str(project.folder), "PROJECT")
    runs = dict.fromkeys(found[:12] for found in re.findall(r"\b01[0-9A-HJKMNP-TV-Z]{10,24}\b", text))
    for number, run in enumerate(runs, 1):
        text = re.sub(rf"\b{run}[0-9A-Z]*", f"RUN-{number}", text)
    text = re.sub(r" {2,}<?\d+\.\ds\b", lambda found: "#.#s".rjust(len(found[0])), text)
    text = re.sub(r"<?\d+\.\ds\b", "#.#s", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "DATE TIME", text)
    text = text.replace(f"@{platform.node()}", "@HOST")
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text)
