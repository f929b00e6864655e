"""What a short command doesn't import. Seconds differ from machine to machine, the names of modules don't."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

EXAMPLE: Final = Path(__file__).parents[2] / "examples" / "penguins"  # which needs no file that isn't in git
PIPELINE: Final = """\
apiVersion: mlopsctl.dev/v1
kind: Pipeline
metadata: {name: numbers}
spec:
  stages:
    numbers: {kind: data, run: "seq 10 > ${outputs.data}"}
    lines: {kind: task, inputs: {numbers: numbers}, run: "wc -l ${inputs.numbers}"}
"""
# The command as its users start it, and then the names of the modules that it needed.
TELLING: Final = """
import atexit, json, sys
from pathlib import Path
atexit.register(lambda report: Path(report).write_text(json.dumps(list(sys.modules))), sys.argv.pop(1))
from mlopsctl.cli.main import main
main()
"""
NEVER_NEEDED: Final = {
    "asyncio",
    "concurrent.futures",
    "email",
    "http.client",
    "importlib.metadata",
    "jinja2",
    "jsonschema",
    "kubernetes",
    "obstore",
    "optuna",
    "pydantic",
    "requests",
    "rich",
    "ssl",
    "urllib.request",
    "urllib3",
    "uv",
    "xml",
}


@pytest.fixture
def modules_of(tmp_path: Path) -> "Modules":
    return Modules(tmp_path / "modules.json", tmp_path / "cache")


class Modules:
    """Runs a command and gives the names of the modules that it imported."""

    def __init__(self, report: Path, cache: Path) -> None:
        self._report = report
        self._env = {"PATH": os.environ["PATH"], "HOME": str(cache), "MLOPS_CACHE": str(cache)}

    def __call__(self, folder: Path, *arguments: str) -> set[str]:
        command: Sequence[str | Path] = [sys.executable, "-c", TELLING, self._report, *arguments]
        subprocess.run(command, cwd=folder, env=self._env, check=True, capture_output=True)
        return set(json.loads(self._report.read_text(encoding="utf-8")))


def test_a_validate_loads_what_it_needs(modules_of: Modules) -> None:
    loaded = modules_of(EXAMPLE, "validate")
    assert loaded & NEVER_NEEDED == set()
    assert not {name for name in loaded if name.startswith(("mlopsctl.runtime.", "mlopsctl.store."))}


def test_only_the_doctor_of_a_cluster_loads_a_client_of_clusters(modules_of: Modules, tmp_path: Path) -> None:
    loaded = modules_of(tmp_path, "doctor")
    assert not {name for name in loaded if name.split(".")[0] in ("kubernetes", "urllib3")}
    assert not {name for name in loaded if name.startswith("mlopsctl.cluster")}


def test_a_run_without_a_change_loads_what_it_needs(modules_of: Modules, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
    modules_of(project, "run")
    loaded = modules_of(project, "run")
    assert loaded & NEVER_NEEDED == set()
    assert not loaded & {
        "mlopsctl.engine.endpoint",
        "mlopsctl.local.deployment",
        "mlopsctl.render.ci",
        "mlopsctl.report.ndjson",
        "mlopsctl.runtime.gate",
        "mlopsctl.runtime.load_test",
        "tempfile",
    }


def test_the_version_needs_no_project(modules_of: Modules, tmp_path: Path) -> None:
    loaded = modules_of(tmp_path, "--version")
    assert loaded & NEVER_NEEDED == set()
    assert "mlopsctl.compiler" not in loaded
