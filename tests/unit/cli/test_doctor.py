"""`doctor` where no cluster is: on this machine, in a project or not, and used wrongly."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cluster.kubeconfigs import kubeconfig
from tests.unit.cluster.servers import nobody

HEAD = "apiVersion: mlopsctl.dev/v1\n"
PIPELINE = f"{HEAD}kind: Pipeline\nmetadata: {{name: p}}\nspec: {{stages: {{a: {{kind: task, run: go}}}}}}\n"
STAGING = "{cluster: {context: dev, namespace: flights}, store: 's3://artifacts/staging'}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder, with a kubeconfig beside it that leads nowhere."""
    kubeconfig(tmp_path / "kubeconfig", server=nobody())
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


def project(folder: Path, environment: str, *, pipeline: str = PIPELINE) -> None:
    (folder / "mlops.yaml").write_text(
        f"{HEAD}kind: Project\nmetadata: {{name: x}}\nspec: {{pipelines: [p.yaml], environments: [e.yaml]}}\n"
    )
    (folder / "p.yaml").write_text(pipeline)
    (folder / "e.yaml").write_text(f"{HEAD}kind: Environment\nmetadata: {{name: staging}}\nspec: {environment}\n")


def doctor(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    own = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "MLOPS_CACHE": str(folder.parent / "cache"),
        "KUBECONFIG": str(folder.parent / "kubeconfig"),
        **environ,
    }
    command = [sys.executable, "-m", "mlopsctl", "doctor", *arguments]
    return subprocess.run(command, cwd=folder, env=own, capture_output=True, text=True, check=False)


def states(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    document: dict[str, Any] = json.loads(done.stdout)
    return {one["subject"]: one["state"] for one in document["observations"]}


def test_this_machine_in_a_project(folder: Path) -> None:
    project(folder, "{}")
    done = doctor(folder, "-o", "json")
    assert (done.returncode, done.stderr) == (0, "")
    assert states(done) == {"git": "warning", "uv": "fine", "cache": "fine", "store": "fine"}


def test_this_machine_outside_of_a_project(folder: Path) -> None:
    done = doctor(folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("this machine\n")
    assert "store" not in done.stdout


def test_a_store_of_ones_choice(folder: Path) -> None:
    (folder / "file").write_text("")
    done = doctor(folder, "--store", "file/store", "-o", "json")
    assert done.returncode == 1
    assert states(done)["store"] == "missing"


def test_an_address_of_no_store(folder: Path) -> None:
    done = doctor(folder, "--store", "ftp://example.com", "-o", "json")
    assert done.returncode == 1
    assert states(done)["store"] == "missing"


def test_a_mistake_in_a_pipeline_is_not_asked_about(folder: Path) -> None:
    project(folder, "{}", pipeline=PIPELINE.replace("run:", "rnu:"))
    assert doctor(folder, "--env", "staging").returncode == 0


def test_a_mistake_in_the_environment_is_shown(folder: Path) -> None:
    project(folder, "{cluster: {context: dev, namespace: Flights}, store: 's3://b/x'}")
    done = doctor(folder, "--env", "staging")
    assert (done.returncode, done.stdout) == (1, "")
    assert "e.yaml:4:43" in done.stderr


def test_no_such_environment(folder: Path) -> None:
    project(folder, "{}")
    done = doctor(folder, "--env", "stagin")
    assert done.returncode == 1
    assert "a similar name: `staging`" in done.stderr


def test_no_project_and_an_environment(folder: Path) -> None:
    done = doctor(folder, "--env", "staging")
    assert done.returncode == 1
    assert "MLO003" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--env", "staging", "--context", "dev"], "give one of them"),
        (["--namespace", "flights"], "--namespace is for --context"),
        (["--output", "yaml"], "'yaml' is not one of"),
    ],
)
def test_used_wrongly(arguments: list[str], said: str, folder: Path) -> None:
    done = doctor(folder, *arguments)
    assert done.returncode == 64
    assert said in done.stderr


def test_a_cluster_that_is_gone_hides_no_fault_of_the_store(folder: Path) -> None:
    project(folder, STAGING)
    done = doctor(folder, "--env", "staging", "-o", "json", AWS_ENDPOINT_URL=nobody(), AWS_REGION="x")
    assert (done.returncode, done.stderr) == (1, "")
    assert states(done) == {"API server": "missing", "store": "missing"}
    assert json.loads(done.stdout)["target"] == {
        "context": "dev",
        "server": json.loads((folder.parent / "kubeconfig").read_text())["clusters"][0]["cluster"]["server"],
        "namespace": "flights",
    }


def test_no_kubeconfig(folder: Path) -> None:
    done = doctor(folder, "--context", "dev", KUBECONFIG=str(folder / "none"))
    assert done.returncode == 1
    assert f"✗ API server there is no kubeconfig at `{folder / 'none'}`" in " ".join(done.stdout.split())
