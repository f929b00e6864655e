"""The files of CI: what is in them, that they are what the forges take, and that they hold to what was promised."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import check_jsonschema
import pytest
import yaml
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from mlopsctl.render.ci import Forge, Preview, Project, Target, ci_files, is_untouched, marked

SCHEMAS = Path(check_jsonschema.__file__).parent / "builtin_schemas" / "vendor"
SCHEMA = {Forge.GITHUB: "github-workflows.json", Forge.GITLAB: "gitlab-ci.json"}


def target(name: str, **given: Any) -> Target:
    usual: dict[str, Any] = {
        "file": f"environments/{name}.yaml",
        "promotes_from": "",
        "store": f"s3://flights/{name}",
        "deployed": ("flight-delays",),
        "runs": (),
        "is_manual": False,
    }
    return Target(name=name, **{**usual, **given})


TARGETS = (
    target("dev", runs=("flight-delays", "churn"), deployed=("flight-delays", "churn"), store="/srv/flights"),
    target("staging", promotes_from="dev"),
    target("prod", promotes_from="staging", is_manual=True, needs_approvals=True),
)
PREVIEW = Preview(
    name="pr",
    file="environments/pr.yaml",
    store="s3://flights/dev",
    hours=48,
    deployed=("flight-delays",),
    runs=("flight-delays", "churn"),
)


def project(**given: Any) -> Project:
    usual: dict[str, Any] = {"name": "flights", "folder": "", "branch": "main", "version": "1.2.3", "targets": TARGETS}
    return Project(**{**usual, "previews": (PREVIEW,), **given})


PROJECTS = {
    "usual": project(),
    "in-a-folder": project(folder="ml/it's here", branch="release/1.x"),
    "without-clusters": project(targets=(), previews=()),
}


class OneFile(SingleFileSnapshotExtension):
    """A file of its own for each, so that it reads as it is written."""

    _write_mode = WriteMode.TEXT
    file_extension = "yaml"


@pytest.mark.parametrize("forge", Forge)
@pytest.mark.parametrize("name", ["usual", "in-a-folder"])
def test_what_is_in_them(forge: Forge, name: str, snapshot: SnapshotAssertion) -> None:
    files = ci_files(PROJECTS[name], forge)
    text = "\n".join(f"# file: {path}\n{text}" for path, text in files.items())
    assert text == snapshot.use_extension(OneFile)


@pytest.mark.parametrize("forge", Forge)
@pytest.mark.parametrize("name", PROJECTS)
def test_the_forges_own_schemas_hold(forge: Forge, name: str) -> None:
    from jsonschema import validators

    schema = json.loads((SCHEMAS / SCHEMA[forge]).read_text())
    validator = validators.validator_for(schema)(schema)
    for path, text in ci_files(PROJECTS[name], forge).items():
        faults = [f"{path}: {fault.json_path}: {fault.message}" for fault in validator.iter_errors(document(text))]
        assert not faults


def document(text: str) -> dict[str, Any]:
    """A file as YAML 1.2 has it, in which `on` is a string."""
    found: dict[Any, Any] = yaml.safe_load(text)
    return {"on" if key is True else key: value for key, value in found.items()}


def jobs(name: str = "usual") -> list[tuple[str, str, dict[str, Any]]]:
    """Each job of GitHub's with its file and name."""
    files = ci_files(PROJECTS[name], Forge.GITHUB)
    return [(path, job, said) for path, text in files.items() for job, said in document(text)["jobs"].items()]


def scripts() -> list[str]:
    found = [step["run"] for _, _, job in jobs("in-a-folder") for step in job["steps"] if "run" in step]
    for text in ci_files(PROJECTS["in-a-folder"], Forge.GITLAB).values():
        for job in yaml.safe_load(text).values():
            if isinstance(job, dict):
                found += [*job.get("before_script", ()), *job.get("script", ())]
    return found


@pytest.mark.parametrize("script", dict.fromkeys(scripts()))
def test_every_script_is_one(script: str) -> None:
    assert not subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=True).stderr
    assert "${{" not in script, "a value of the forge in a script is code"


def test_actions_are_pinned_by_commit_with_their_version() -> None:
    for text in ci_files(PROJECTS["usual"], Forge.GITHUB).values():
        for line in text.splitlines():
            if "uses:" in line:
                assert re.search(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_rights_are_given_job_by_job_and_writing_ones_where_needed() -> None:
    writing = {
        (path.rpartition("/")[2], job): sorted(right for right, how in said["permissions"].items() if how == "write")
        for path, job, said in jobs()
    }
    assert writing == {
        ("mlops.yaml", "check"): ["security-events"],
        ("mlops.yaml", "plan"): ["id-token", "pull-requests"],
        **{
            (f"mlops-{name}.yaml", job): ["id-token"]
            for name in ("dev", "staging", "prod")
            for job in ("plan", "apply")
        },
        **{("mlops-pr.yaml", job): ["id-token"] for job in ("up", "down", "expire")},
    }
    reading = {path for path, _, said in jobs() if said["permissions"].get("pull-requests") == "read"}
    assert reading == {".github/workflows/mlops-prod.yaml"}, "who agreed is asked where somebody has to"
    for text in ci_files(PROJECTS["usual"], Forge.GITHUB).values():
        assert document(text)["permissions"] == {}


def test_nobody_elses_pull_request_comes_near_a_secret() -> None:
    files = {path: document(text)["on"] for path, text in ci_files(PROJECTS["usual"], Forge.GITHUB).items()}
    for path, job, said in jobs():
        if "secrets." in json.dumps(said):
            condition = said.get("if", "")
            own = "head.repo.full_name == github.repository" in condition
            is_merged = list(files[path]) == ["push"] or condition == "${{ github.event_name == 'schedule' }}"
            assert own or is_merged, (path, job)
            assert said["environment"], "so that the forge's rules for the environment hold"


def test_what_an_environment_asks_of_the_forge_reaches_plan_and_apply() -> None:
    for forge in Forge:
        text = "".join(ci_files(PROJECTS["usual"], forge).values())
        commands = re.findall("mlopsctl ci approvals >", text)
        assert len(commands) == 3, "of all, to plan for prod, and to apply it"
        assert len(re.findall("--approvals [^ ]*approvals.json", text)) == 3


def test_where_git_says_what_serves_the_whole_history_is_there_to_turn_back_by() -> None:
    turning = "mlopsctl rollback flight-delays --env prod --now --no-branch"
    (apply,) = (said for path, job, said in jobs() if path.endswith("-prod.yaml") and job == "apply")
    (back,) = (step["run"] for step in apply["steps"] if "rollback" in step.get("run", ""))
    assert back.replace('"', "").startswith(turning)
    assert apply["steps"][0]["with"]["fetch-depth"] == 0
    lab = yaml.safe_load(ci_files(PROJECTS["usual"], Forge.GITLAB)[".gitlab/mlops.yaml"])["mlops-apply-prod"]
    assert any(turning in line for line in lab["script"])
    assert lab["variables"]["GIT_DEPTH"] == "0"


def test_a_promoted_environment_changes_by_its_releases_alone() -> None:
    files = ci_files(PROJECTS["in-a-folder"], Forge.GITHUB)
    events = {path: document(text)["on"] for path, text in files.items()}
    paths = {path: said["push"].get("paths") for path, said in events.items() if "push" in said}
    above = ".github/workflows/mlops-flights"
    assert paths[f"{above}-dev.yaml"] is None
    assert paths[f"{above}-prod.yaml"] == ["ml/it's here/releases/prod/**", "ml/it's here/environments/prod.yaml"]
    pushed = [
        said[event]["branches"][0] for said in events.values() for event in ("push", "pull_request") if event in said
    ]
    assert set(pushed) == {"release/1.x"}


def test_a_change_of_one_byte_is_known() -> None:
    text = marked("a: 1\n", "mlopsctl ci github")
    assert is_untouched(text)
    assert not is_untouched(text.replace("a: 1", "a: 2"))
    assert not is_untouched(f"{text}\n")
    assert not is_untouched("a: 1\n")
