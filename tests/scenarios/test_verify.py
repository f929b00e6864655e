"""`verify` on this machine: the model that serves is started, asked, put under load and measured."""

import json
import re
import signal
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.scenarios.project import Project

SCHEMA = Path(__file__).parents[2] / "schemas" / "output" / "v1" / "verification.json"
ASKED = "      verify: {data: holdout, label: distance_ft, metric: mae, max: 15}\n"


@pytest.fixture
def served(project: Project) -> Project:
    """A project whose model has passed and serves."""
    project.mlopsctl("init", "--name", "demo")
    asks(project, ASKED)
    project.mlopsctl("run")
    return project


def asks(project: Project, asked: str) -> None:
    """Let the stage that serves ask for this."""
    file = project.folder / "pipelines" / "demo" / "pipeline.yaml"
    kept = file.read_text().partition("      verify:")[0]
    file.write_text(kept + asked)


def test_what_holds_is_kept_as_evidence(served: Project) -> None:
    said = served.mlopsctl("verify", "--output", "json").out
    found = json.loads(said)
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(found)
    assert found["holds"]
    assert found["run"] == served.latest()["run"]
    assert [(check["check"], check["holds"]) for check in found["checks"]] == [
        ("release", True),
        ("answers", True),
        ("load", True),
        ("load", True),
        ("worth", True),
    ]
    assert found["checks"][-1]["observed"].endswith("on 17 of 17 rows of holdout")
    records = served.folder / ".mlops" / "store" / "records" / "verifications"
    (record,) = [json.loads(path.read_text()) for path in records.rglob("*.json")]
    assert {key: record[key] for key in found} == found
    assert "verified" in served.mlopsctl("audit").out


REFUSED = {
    "worth-too-little": (ASKED.replace("15", "2"), "MLO428", "mae ≤ 2"),
    "worth-nothing": (ASKED.replace("mae, max: 15", "auc, min: 0.8"), "MLO428", "no row can be measured"),
}


@pytest.mark.parametrize(("asked", "code", "said"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_hold_is_refused(served: Project, asked: str, code: str, said: str) -> None:
    asks(served, asked)
    ended = served.mlopsctl("verify", "--output", "markdown", code=5)
    assert f"error[{code}]" in ended.err
    assert said in ended.err
    assert "refused, 1 of 5 checks fail" in ended.out
    assert f"`{code}`" in ended.out


UNCLEAR = {
    "no-such-label": (ASKED.replace("distance_ft", "distance"), "no column `distance`"),
    "label-is-sent": (ASKED.replace("distance_ft", "speed_mph"), "`speed_mph` is both sent"),
    "no-such-column": (ASKED.replace("data:", "columns: [speed], data:"), "no column `speed`"),
    "no-such-prediction": (ASKED.replace("data:", "prediction: feet, data:"), "no column `feet`"),
}


@pytest.mark.parametrize(("asked", "said"), UNCLEAR.values(), ids=UNCLEAR)
def test_what_cannot_be_measured_says_why(served: Project, asked: str, said: str) -> None:
    asks(served, asked)
    ended = served.mlopsctl("verify", code=1)
    assert "error[MLO429]" in ended.err
    assert said in ended.err


def test_data_has_to_be_there(served: Project) -> None:
    asks(served, ASKED.replace("holdout", "holdot"))
    assert "a stage with a similar name: `holdout`" in served.mlopsctl("validate", code=1).err


def test_a_server_that_runs_is_asked_where_it_is(served: Project) -> None:
    asks(served, "")
    with served.start("serve", "-o", "json") as server:
        assert server.stdout is not None
        try:
            url = json.loads(server.stdout.readline())["url"]
            said = served.mlopsctl("verify", "--url", url).out
        finally:
            server.send_signal(signal.SIGINT)
    assert "not known: it was started elsewhere" in said
    assert "no `verify` asks for anything" in said
    assert said.endswith("\nverified\n")


def test_what_does_not_answer_is_refused(served: Project) -> None:
    ended = served.mlopsctl("verify", "--url", "http://127.0.0.1:9", code=5)
    assert "error[MLO425]" in ended.err
    assert re.search(r"✗ answers .*\n *.*refused", ended.out)
    assert "worth" not in ended.out, "what doesn't answer isn't asked for more"


def test_where_nothing_is_released_there_is_nothing_to_verify(project: Project) -> None:
    project.mlopsctl("init", "--name", "demo")
    assert "nothing of demo is released in local" in project.mlopsctl("verify").out
