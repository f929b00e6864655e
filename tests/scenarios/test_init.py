"""A new project's first minutes: it runs as it is, and does what its README says."""

import json
import re
import signal
import subprocess
import urllib.request
from pathlib import Path

import pytest
import yaml

from tests.scenarios.project import MLOPSCTL, Project


@pytest.fixture
def started(project: Project) -> Project:
    """The folder after `init`, as it comes."""
    project.mlopsctl("init", "--name", "stopping")
    return project


def metric(project: Project) -> float:
    stages = {stage["stage"]: stage for stage in project.latest()["stages"]}
    value = stages["quality"]["metrics"]["mae"]
    assert isinstance(value, float)
    return value


def test_it_is_valid_and_runs_and_is_cached(started: Project) -> None:
    valid = started.mlopsctl("validate")
    assert (valid.out, valid.err) == ("valid: stopping\n", "")
    assert started.run().err == ""
    assert set(started.outcomes().values()) == {"done"}
    started.run()
    assert set(started.outcomes().values()) == {"cached"}


def test_what_the_readme_promises(started: Project) -> None:
    started.run()
    linear = metric(started)
    started.run("-p", "power=2")
    assert linear - metric(started) == pytest.approx(1.1, abs=0.05)
    assert "What serves is unchanged" in started.run("-p", "power=8", code=5).out

    data = started.folder / "pipelines/stopping/stops.csv"
    data.write_text(data.read_text().replace("4,2\n", "4,-5\n"))
    assert "MLO413" in started.run(code=5).err
    assert started.outcomes()["model"] == "skipped"

    pipeline = started.folder / "pipelines/stopping/pipeline.yaml"
    pipeline.write_text(pipeline.read_text().replace("inputs: {model: model,", "inputs: {model: modle,"))
    assert re.search(r"pipeline\.yaml:\d+:\d+", started.mlopsctl("validate", code=1).err)


def test_it_serves_distances(started: Project) -> None:
    started.run()
    body = (started.folder / "pipelines/stopping/request.json").read_bytes()
    with started.start("serve", "--output", "json") as server:
        assert server.stdout is not None
        try:
            address = json.loads(server.stdout.readline())["predict_url"]
            with urllib.request.urlopen(urllib.request.Request(address, body), timeout=10) as answer:
                slow, fast = json.load(answer)["outputs"][0]["data"]
        finally:
            server.send_signal(signal.SIGINT)
    assert (slow, fast) == pytest.approx((19.1, 58.8), abs=0.1)


CI_FILES = {"github": ".github/workflows/mlops.yaml", "gitlab": ".gitlab-ci.yml"}


def commands(file: Path) -> list[str]:
    """What a CI file runs."""
    content = yaml.safe_load(file.read_text())
    job = (content.get("jobs") or content)["pipelines"]
    return job.get("script") or [step["run"] for step in job["steps"] if "run" in step]


@pytest.mark.parametrize(("ci", "path"), CI_FILES.items(), ids=CI_FILES)
def test_ci_runs_commands_that_succeed(ci: str, path: str, project: Project) -> None:
    project.mlopsctl("init", "--ci", ci)
    version = project.mlopsctl("--version").out.split()[1]
    install, *checks = commands(project.folder / path)
    assert install == f"pip install mlopsctl=={version}"
    assert [check.split()[:2] for check in checks] == [["mlopsctl", "validate"], ["mlopsctl", "run"]]
    for check in checks:
        path_to_it = f"{MLOPSCTL.parent}:{project.environ['PATH']}"
        subprocess.run(check, shell=True, check=True, cwd=project.folder, env=project.environ | {"PATH": path_to_it})
