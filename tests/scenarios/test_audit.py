"""`audit`: what came to serve and who let it, and a log that somebody changed by hand."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from syrupy.assertion import SnapshotAssertion

from tests.scenarios.project import Project, normalised

SCHEMAS = Path(__file__).parents[2] / "schemas" / "output" / "v1"
SPEC = """
    params: {trees: 200}
    stages:
      flights: {kind: data, run: "seq 3 > ${outputs.data}"}
      model:
        kind: train
        inputs: {flights: flights}
        outputs: {model: model.txt}
        run: "echo ${params.trees} > ${outputs.model}; cat ${inputs.flights} >> ${outputs.model}"
      quality:
        kind: evaluate
        inputs: {model: model}
        run: "printf '{\\"auc\\": 0.9}' > ${outputs.metrics}; true ${inputs.model}"
        gates: [{metric: auc, min: 0.8}]
      serve:
        kind: deploy
        model: model
        requires: [quality]
        server: {run: "python -m http.server --bind 127.0.0.1 ${port}; true ${inputs.model}", health: /}
    """
ANN = {"GITHUB_ACTOR": "ann"}


@pytest.fixture
def project(project: Project) -> Project:
    project.pipeline(SPEC)
    return project


def audit(project: Project, *arguments: str, code: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(project.mlopsctl("audit", *arguments, "-o", "json", code=code).out)
    schema = "audit-verify" if "verify" in arguments else "audit"
    Draft202012Validator(json.loads((SCHEMAS / f"{schema}.json").read_text("utf-8"))).validate(found)
    return found


def test_what_came_to_serve_is_in_the_log_and_a_change_of_it_is_found(
    project: Project, snapshot: SnapshotAssertion
) -> None:
    assert project.mlopsctl("audit").out == "local · nothing has been noted yet\n"
    project.run(environ=ANN)
    project.run("-p", "trees=300", environ=ANN)
    project.run("-p", "trees=300", environ=ANN)  # which changes nothing of what serves

    assert told(project.mlopsctl("audit").out, project) == snapshot
    assert told(project.mlopsctl("audit", "verify").out, project) == snapshot
    found = audit(project, "list", "-n", "1")
    assert [each["run"] for each in found["entries"]] == [run_that_serves(project)]
    head = found["head"]["digest"]
    assert audit(project, "verify", "--expect", head)["whole"] is True

    (first,) = (project.folder / ".mlops/store/records/audit.local").glob("0000000001-*.json")
    first.write_text(first.read_text().replace("ann@", "bob@"))
    said = project.mlopsctl("audit", "verify", code=1)
    assert said.out == ""
    assert told(said.err, project) == snapshot
    assert audit(project, "verify", code=1)["whole"] is False


def told(text: str, project: Project) -> str:
    return re.sub(r"sha256:[0-9a-f]+", "sha256:…", normalised(text, project))


def run_that_serves(project: Project) -> str:
    status = json.loads(project.mlopsctl("status", "-o", "json").out)
    run: str = status["environments"][0]["pipelines"][0]["serving"]["run"]
    return run


def test_what_served_at_a_time_and_how_good_it_was(project: Project, snapshot: SnapshotAssertion) -> None:
    before = now()
    project.run(environ=ANN)
    between = now()
    project.run("-p", "trees=300", environ=ANN)

    first, second = (status_at(project, at) for at in (between, now()))
    assert (first["run"], second["run"]) == tuple(each["run"] for each in audit(project)["entries"][::-1])
    assert first["metrics"] == {"auc": 0.9}
    assert status_at(project, before)["run"] == ""
    assert told(project.mlopsctl("status", "--at", now()).out, project) == snapshot
    assert "is no time" in project.mlopsctl("status", "--at", "yesterday", code=64).err


def now() -> str:
    return datetime.now(UTC).isoformat()


def status_at(project: Project, at: str) -> dict[str, Any]:
    found = json.loads(project.mlopsctl("status", "--at", at, "-o", "json").out)
    Draft202012Validator(json.loads((SCHEMAS / "status-at.json").read_text("utf-8"))).validate(found)
    (one,) = found["pipelines"]
    return dict(one)
