"""A small project whose stages run as pods would run them: a process each, with a store and a contract between them."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlopsctl.compiler import compile_project
from mlopsctl.diagnostics import has_errors
from mlopsctl.engine.bundle import put_pipeline
from mlopsctl.ir.contract import write_contract
from mlopsctl.ir.pins import Pins
from mlopsctl.source import project
from mlopsctl.store import Store, open_store

PATIENCE = 30.0
RUN = "01JD3WQ7ZK8M4N6P2R5S7T9V1X"
HEAD = "apiVersion: mlopsctl.dev/v1\nkind: Pipeline\nmetadata: {name: demo}\nspec:\n"


@dataclass(frozen=True)
class Ended:
    """How a pod ended and what it printed."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Pods:
    """`folder` holds the project, the store and what each pod writes to."""

    folder: Path

    @property
    def project(self) -> Path:
        return self.folder / "project"

    @property
    def store(self) -> Store:
        return open_store(self.folder / "store")

    def write(self, path: str, text: str) -> Path:
        file = self.project / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text), encoding="utf-8")
        return file

    def applied(self, spec: str, *, image: str = "") -> None:
        """What `apply` does: the contract where it is mounted, the code in the store."""
        self.write("pipeline.yaml", HEAD + textwrap.indent(textwrap.dedent(spec), "  "))
        compilation = compile_project(project.load(project.find_root(self.project)))
        assert not has_errors(compilation.diagnostics), compilation.diagnostics
        (pipeline,) = compilation.pipelines.values()
        pins = Pins(compilation.sources.paths)
        code = pins.code(pipeline)
        data = pins.data(pipeline)
        put_pipeline(self.store, pipeline, code, data)
        contract = self.folder / "contract"
        contract.mkdir(exist_ok=True)
        for name, text in write_contract(pipeline, code, pins.requirements(pipeline), data, image=image).items():
            (contract / name).write_text(text, encoding="utf-8")

    def environ(self, changes: Mapping[str, str | None]) -> dict[str, str]:
        """The variables of a container; None takes one away."""
        own = {
            **{name: value for name, value in os.environ.items() if not name.startswith("MLOPS_")},
            "MLOPS_CACHE": str(self.folder / "cache"),
            "MLOPS_STORE": str(self.folder / "store"),
            "MLOPS_ENVIRONMENT": "local",
            "MLOPS_RUN": RUN,
            "MLOPS_BEGAN": "2026-11-21T10:00:00Z",
            "MLOPS_GIVEN": "[]",
            "MLOPS_CONTRACT": str(self.folder / "contract"),
            "MLOPS_WORK": str(self.folder / f"work-{os.urandom(4).hex()}"),
        }
        return {name: value for name, value in {**own, **changes}.items() if value is not None}

    def start(self, *arguments: str, **changes: str | None) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "mlopsctl.pod", *arguments],
            env=self.environ(changes),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, code: int = 0, **changes: str | None) -> Ended:
        """What a pod printed, if it ended with the exit code expected."""
        return ended(self.start(*arguments, **changes), code)

    def stage(self, name: str, *, code: int = 0, **changes: str | None) -> Ended:
        return self.run("stage", name, code=code, **changes)

    def damage(self, content: bytes) -> None:
        """Write over the blob of this content."""
        blobs = (path for path in (self.folder / "store" / "blobs").rglob("*") if path.is_file())
        (found,) = (blob for blob in blobs if blob.read_bytes() == content)
        found.chmod(0o644)
        found.write_bytes(b"x" * len(content))


def ended(process: "subprocess.Popen[str]", code: int) -> Ended:
    """What a pod printed; it must end by itself, with that code and without a traceback."""
    try:
        out, err = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    assert "Traceback" not in out + err, out + err
    assert process.returncode == code, f"exit code {process.returncode}\n{out}\n{err}"
    return Ended(process.returncode, out, err)
