"""From dev to staging to production by commits: what is promoted, what is refused and why, and what stays untouched."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from syrupy.assertion import SnapshotAssertion

from tests.scenarios.project import Project, ended
from tests.scenarios.promotion import Team, blanked, made, pipeline

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed: apt-get install git")

SCHEMAS = Path(__file__).parents[2] / "schemas"
RELEASE = "releases/staging/demo.yaml"


@pytest.fixture
def team(project: Project, tmp_path: Path) -> Team:
    return made(project, tmp_path)


def is_valid(document: Any, schema: str) -> None:
    Draft202012Validator(json.loads((SCHEMAS / schema).read_text("utf-8"))).validate(document)


def test_from_dev_to_staging_to_production(team: Team, snapshot: SnapshotAssertion) -> None:
    first = team.passed()
    before = team.state()
    assert blanked(team.promote().out, team) == snapshot(name="first")
    assert team.state() == before
    found = team.promoted()
    is_valid(found, "output/v1/promotion.json")
    assert (found["outcome"], found["run"]) == ("proposed-before", first)
    team.merge(found["branch"])
    assert "Nothing to do: origin/main has the release of run" in team.promote().out

    team.project.write("numbers.csv", "n\n1\n2\n3\n")
    team.push("Add a number")
    second = team.passed(0.95)
    assert blanked(team.promote("--output", "markdown").out, team) == snapshot(name="markdown")
    found = team.promoted()
    assert found["changes"]["serving"] == first
    assert blanked(team.git("log", "-1", "--format=%an%n%B", found["branch"]), team) == snapshot(name="message")
    assert blanked(team.git("show", f"{found['branch']}:{RELEASE}"), team) == snapshot(name="release")
    assert team.git("diff", "--name-only", "origin/main", found["branch"]) == RELEASE

    # What staging serves is what git names there, and so is what goes on to production.
    assert team.promoted(to="prod")["run"] == first
    unmerged = team.promote("--run", second, to="prod", code=5).err
    assert "MLO773" in unmerged
    assert "git names in `staging`" in unmerged
    team.merge(found["branch"])
    assert blanked(team.promote(to="prod").out, team) == snapshot(name="to production")
    team.project.mlopsctl("validate")


def test_what_serves_there_needs_nothing_of_the_store_before(team: Team) -> None:
    run = team.passed()
    team.promote()
    shutil.rmtree(team.place / "dev")
    shown = json.loads(team.project.mlopsctl("runs", "show", run, "--env", "staging", "-o", "json").out)
    release = shown["release"]
    blobs = team.place / "staging/blobs/sha256"
    for digest in (release["model"]["digest"], release["evidence"], release["server"]["code"]):
        text = digest.removeprefix("sha256:")
        assert (blobs / text[:2] / text[2:]).is_file()
    assert {stage["stage"] for stage in shown["stages"] if stage["outputs"]} >= {"model", "numbers"}
    assert team.blob("staging", b"0.9\n")
    assert not [path for path in blobs.rglob("*") if path.is_file() and path.read_bytes() == b"n\n1\n2\n"]  # data stays


def test_nothing_to_promote(team: Team) -> None:
    assert "there is no run" in team.promote(code=5).err
    team.passed(0.7, code=5)
    assert "MLO770" in (said := team.promote(code=5).err)
    assert ": refused" in said


def test_a_run_that_a_gate_refused(team: Team) -> None:
    good, bad = team.passed(), team.passed(0.7, code=5)
    said = team.promote("--run", bad, code=5).err
    assert "MLO773" in said
    assert "auc ≥ 0.80, observed 0.700" in said
    assert team.promoted()["run"] == good  # the newest good one


def test_a_model_that_is_a_folder(team: Team) -> None:
    """All files of it go to the other store, and one that is damaged is found."""
    folder = (
        pipeline()
        .replace("model: model.txt", "model: model/")
        .replace(
            "> ${outputs.model}",
            "> weights && mkdir -p ${outputs.model}/deep && mv weights ${outputs.model}/deep/weights",
        )
    )
    folder = folder.replace("$(cat ${inputs.model})", "$(cat ${inputs.model}/deep/weights)")
    team.project.pipeline(folder.replace("${inputs.model} ${port}", "${inputs.model}/deep/weights ${port}"))
    team.passed()
    assert team.promoted()["outcome"] == "written"
    assert team.blob("staging", b"0.9\n")
    team.passed(0.95)
    damaged = team.blob("dev", b"0.95\n")
    damaged.chmod(0o644)
    damaged.write_bytes(b"0.96\n")
    said = team.promote(code=5).err
    assert "MLO776" in said
    assert "the model" in said


def test_a_gate_that_git_has_made_stricter(team: Team, snapshot: SnapshotAssertion) -> None:
    team.passed()
    team.project.pipeline(pipeline("{metric: auc, min: 0.85}"))
    assert blanked(team.promote(code=5).err, team) == snapshot
    team.project.pipeline(pipeline("{metric: auc, min: 0.75}"))  # what it was judged by is stricter
    assert team.promoted()["outcome"] == "written"


def test_a_model_that_serves_is_judged_again_by_a_stricter_gate(team: Team) -> None:
    first = team.passed()
    again = team.passed()
    assert "MLO773" in team.promote("--run", again, code=5).err  # it was asked nothing else than the first
    team.project.pipeline(pipeline("{metric: auc, min: 0.85}"))
    assert "MLO775" in team.promote(code=5).err
    judged = team.passed()
    assert team.promoted()["run"] == judged
    found = json.loads(team.project.mlopsctl("audit", "--env", "dev", "--output", "json").out)
    assert [entry["run"] for entry in found["entries"] if entry["did"] == "serves"] == [judged, first]


def test_a_rejected_run_is_passed_over_and_never_comes_back(team: Team, snapshot: SnapshotAssertion) -> None:
    first, second = team.passed(0.9), team.passed(0.95)
    assert blanked(team.project.mlopsctl("reject", second, "--reason", "leaked label").out, team) == snapshot(
        name="said"
    )
    assert "leaked label" in team.promote("--run", second, code=5).err
    assert team.promoted()["run"] == first
    team.project.run("--env", "dev", "-p", "auc=0.95", code=5)  # another run, the same model
    team.project.mlopsctl("reject", second, "--reason", "the label was right", "--withdraw")
    assert team.promoted("--run", second)["run"] == second


def test_what_is_rejected_after_its_promotion_is_not_applied(team: Team) -> None:
    run = team.passed()
    team.merge(team.promoted()["branch"])
    team.project.mlopsctl("reject", run, "--reason", "leaked label")
    assert "MLO777" in (said := team.project.mlopsctl("plan", "--env", "staging", code=5).err)
    assert f"{RELEASE}:7" in said
    team.project.mlopsctl("reject", run, "--reason", "it was not", "--withdraw")
    assert "MLO777" not in team.project.mlopsctl("plan", "--env", "staging", code=1).err  # there is no such cluster


@pytest.mark.parametrize(("content", "what"), [(b"0.9\n", "the model"), (b"auc", "the evidence")])
def test_a_damaged_blob(team: Team, content: bytes, what: str) -> None:
    team.passed()
    files = [path for path in (team.place / "dev/blobs").rglob("*") if path.is_file()]
    (blob,) = (
        path
        for path in files
        if path.read_bytes() == content or (b'"checks"' in path.read_bytes() and content == b"auc")
    )
    blob.chmod(0o644)
    blob.write_bytes(blob.read_bytes()[:-1] + b"x")
    said = team.promote(code=5).err
    assert what in said
    assert "changed since they were stored" in said
    assert not (team.place / "staging/records/runs").exists()
    assert team.git("branch", "--list", "promote/*") == ""


@pytest.mark.parametrize(
    ("field", "line"), [("digest", 11), ("evidence", 17), ("numbers", 14), ("auc", 16), ("commit", 8)]
)
def test_a_release_that_was_edited_by_hand(team: Team, field: str, line: int) -> None:
    team.passed()
    team.merge(team.promoted()["branch"])
    file = team.project.folder / RELEASE
    lines = file.read_text().splitlines()
    wrong = {"auc": "0.99", "commit": f'"{"0" * 40}"'}.get(field, f"sha256:{'0' * 64}")
    lines[line - 1] = lines[line - 1].partition(":")[0] + f": {wrong}"
    file.write_text("\n".join(lines) + "\n")
    said = team.project.mlopsctl("plan", "--env", "staging", code=5).err
    assert "MLO778" in said
    assert f"{RELEASE}:{line}:" in said


def test_a_release_of_a_run_that_the_store_does_not_know(team: Team) -> None:
    team.passed()
    team.merge(team.promoted()["branch"])
    shutil.rmtree(team.place / "staging")
    assert "warning[MLO785]" in team.project.mlopsctl("plan", "--env", "staging", code=1).err


def test_two_at_once_make_one_branch(team: Team) -> None:
    team.passed()
    both = [team.project.start("promote", "demo", "--to", "staging", "-o", "json", env=team.environ) for _ in range(2)]
    out = []
    for each in both:
        each.wait(timeout=60)
        out.append(ended(each, each.returncode))
    assert {each.code for each in out} <= {0, 3}
    assert 0 in {each.code for each in out}
    assert all("MLO780" in each.err for each in out if each.code)
    outcomes = [json.loads(each.out)["outcome"] for each in out if not each.code]
    assert outcomes.count("written") == 1
    assert len(team.git("branch", "--list", "promote/*").splitlines()) == 1


def test_a_branch_of_the_name_with_another_release(team: Team) -> None:
    team.passed()
    team.git("branch", "mine")
    assert "MLO779" in team.promote("--branch", "mine", code=3).err
    assert team.promoted("--branch", "theirs")["branch"] == "theirs"


def test_an_interrupted_copy_goes_on(team: Team) -> None:
    team.passed()
    team.promote()
    shutil.rmtree(team.place / "staging/records")
    team.blob("staging", b"0.9\n").unlink()
    team.promote()
    assert team.blob("staging", b"0.9\n")
    assert list((team.place / "staging/records/runs").iterdir())


def test_a_record_that_is_another_there(team: Team) -> None:
    team.passed()
    team.promote()
    (record,) = (team.place / "staging/records/runs").glob("*.json")
    record.chmod(0o644)
    record.write_text(record.read_text().replace('"project":"p"', '"project":"q"'))
    assert "MLO784" in team.promote(code=3).err


def test_what_is_checked_out_stays_as_it_is(team: Team) -> None:
    team.passed()
    team.project.write("numbers.csv", "n\n9\n")
    team.project.write("new.py", "")
    team.project.write("staged.py", "x = 1\n")
    team.git("add", "staged.py")
    before = team.state()
    branch = team.promoted()["branch"]
    assert team.state() == before
    assert team.git("diff", "--name-only", "origin/main", branch) == RELEASE


def test_behind_and_ahead_of_the_base(team: Team) -> None:
    team.passed()
    team.git("commit", "-q", "--allow-empty", "-m", "Theirs")
    team.git("push", "-q", "origin", "main")
    team.git("reset", "-q", "--hard", "HEAD~1")
    team.git("commit", "-q", "--allow-empty", "-m", "Mine")
    said = team.promote().err
    assert "warning[MLO782]: what is checked out is 1 commit behind and 1 commit ahead of `origin/main`" in said


def test_a_run_with_changes_that_nobody_committed(team: Team) -> None:
    team.project.write("numbers.csv", "n\n9\n")
    team.passed()
    assert "warning[MLO783]" in (said := team.promote().err)
    assert "1 file had changes" in said


def test_a_detached_head(team: Team) -> None:
    team.passed()
    team.git("checkout", "-q", "--detach")
    assert team.promoted()["base"] == "origin/main"
    team.git("remote", "remove", "origin")
    found = team.promoted("--branch", "other")
    assert (found["base"], found["next"]) == ("HEAD", ["git merge other"])


def test_without_a_remote_it_is_based_on_what_is_checked_out(team: Team) -> None:
    team.passed()
    team.git("remote", "remove", "origin")
    found = team.promoted()
    assert found["base"] == "main"
    assert found["next"] == [f"git merge {found['branch']}"]


def test_outside_of_git(team: Team) -> None:
    team.passed()
    shutil.rmtree(team.project.folder / ".git")
    assert "MLO781" in (said := team.promote(code=1).err)
    assert "not a git repository" in said


@pytest.mark.parametrize(
    ("change", "code"),
    [("releases: pinned", "MLO771"), ("promotesFrom: dev", "MLO772")],
)
def test_an_environment_that_nothing_is_promoted_to(team: Team, change: str, code: str) -> None:
    file = team.project.folder / "environments/staging.yaml"
    file.write_text(file.read_text().replace(f", {change}", ""))
    assert code in team.promote(code=1).err


def test_a_conflict_in_a_merge_can_be_read(team: Team) -> None:
    team.passed()
    team.merge(team.promoted()["branch"])
    branches = []
    for auc in (0.91, 0.92):
        team.passed(auc)
        branches.append(team.promoted()["branch"])
    team.git("merge", "-q", "--no-edit", branches[0])
    team.git("merge", "-q", "--no-edit", branches[1], code=1)
    merged = (team.project.folder / RELEASE).read_text()
    ours = merged.split("<<<<<<<")[1].split("=======")[0]
    assert "run:" in ours
    assert "apiVersion" not in ours
    assert "promotesFrom" not in ours
    said = team.project.mlopsctl("validate", code=1).err
    assert RELEASE in said


def test_of_two_clones_one_pushes_its_branch_and_the_other_is_told(team: Team) -> None:
    team.passed()
    clone = team.place / "other"
    team.git("clone", "-q", str(team.forge), str(clone))
    bob = {"GIT_COMMITTER_NAME": "Bob", "GIT_COMMITTER_EMAIL": "bob@example.com"}
    other = replace(team.project, folder=clone)
    told = other.mlopsctl("promote", "demo", "--to", "staging", "--pr", environ=bob).out
    assert "The merge is the promotion" in told  # no program of a forge is here to open a request
    said = team.promote("--pr", code=3).err
    assert "MLO894" in said
    assert "git show FETCH_HEAD" in said
    assert len(team.git("branch", "--list", "promote/*", cwd=team.forge).splitlines()) == 1


def test_a_pull_request_through_the_forges_own_program(team: Team, tmp_path: Path) -> None:
    team.passed()
    team.git("config", "url.PLACE.insteadOf", "x")
    programs = tmp_path / "programs"
    programs.mkdir()
    asked = tmp_path / "asked"
    gh = programs / "gh"
    gh.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{asked}"\necho https://github.example.com/o/r/pull/7\n')
    gh.chmod(0o755)
    # The name of a host decides which program it is; git is told to find that host here.
    team.git("remote", "set-url", "origin", "https://github.example.com/o/r.git")
    team.git("config", f"url.{team.forge}.pushInsteadOf", "https://github.example.com/o/r.git")
    path = {"PATH": f"{programs}:{team.environ['PATH']}"}
    out = team.project.mlopsctl("promote", "demo", "--to", "staging", "--pr", environ=path).out
    assert "Opened https://github.example.com/o/r/pull/7" in out
    words = asked.read_text().splitlines()
    assert words[:6] == ["pr", "create", "--base", "main", "--head", words[5]]
    assert team.git("rev-parse", words[5], cwd=team.forge) == team.git("rev-parse", words[5])
    gh.write_text("#!/bin/sh\necho no rights >&2; exit 1\n")
    assert "MLO786" in (
        said := team.project.mlopsctl("promote", "demo", "--to", "staging", "--pr", environ=path, code=1).err
    )
    assert "no rights" in said
    assert "gh pr create" in said
