"""`ci` in a repository: what it writes, leaves alone and takes away."""

import subprocess

import pytest

from tests.scenarios.project import Project

FILES = {"github": ".github/workflows/mlops-staging.yaml", "gitlab": ".gitlab/mlops.yaml"}
PROD = """\
    apiVersion: mlopsctl.dev/v1
    kind: Environment
    metadata: {name: prod}
    spec:
      cluster: {context: prod, namespace: demo-prod}
      store: gs://demo/prod
      releases: pinned
      promotesFrom: staging
      approvals: {required: 1}
"""


@pytest.fixture(params=FILES)
def forge(request: pytest.FixtureRequest, project: Project) -> str:
    """A forge whose file `init` wrote into a fresh repository."""
    subprocess.run(["git", "init", "-q"], cwd=project.folder, check=True)
    project.mlopsctl("init", "--ci", request.param)
    return str(request.param)


def test_it_says_what_it_wrote_and_what_is_left_to_do(forge: str, project: Project) -> None:
    first = project.mlopsctl("ci", forge).out
    assert f"wrote  {FILES[forge]}" in first
    assert "renewed  " in first, "the file of `init` is ours to renew"
    assert "Left to do at" in first
    assert "KUBECONFIG" in first
    assert project.mlopsctl("ci", forge).out.startswith("nothing to write")
    assert project.mlopsctl("ci", forge, "--check").out == ""


def test_check_fails_when_an_environment_comes_or_goes(forge: str, project: Project) -> None:
    assert "MLO025" in project.mlopsctl("ci", forge, "--check", code=1).err
    project.mlopsctl("ci", forge)
    prod = project.write("environments/prod.yaml", PROD)
    assert "MLO025" in project.mlopsctl("ci", forge, "--check", code=1).err
    project.mlopsctl("ci", forge)
    project.mlopsctl("ci", forge, "--check")
    prod.unlink()
    project.mlopsctl("ci", forge, "--check", code=1)
    said = project.mlopsctl("ci", forge).out
    if forge == "github":
        assert "removed  .github/workflows/mlops-prod.yaml" in said
    project.mlopsctl("ci", forge, "--check")


def test_what_somebody_changed_is_kept_unless_forced(forge: str, project: Project) -> None:
    project.mlopsctl("ci", forge)
    file = project.folder / FILES[forge]
    changed = file.read_text().replace("--env staging", "--env  staging")
    file.write_text(changed)
    project.write("environments/prod.yaml", PROD)
    before = sorted(path.name for path in file.parent.iterdir())
    said = project.mlopsctl("ci", forge, code=1).err
    assert "MLO024" in said
    assert f"`{FILES[forge]}` was changed by hand" in said
    assert file.read_text() == changed
    assert sorted(path.name for path in file.parent.iterdir()) == before, "all or nothing"
    assert f"renewed  {FILES[forge]}" in project.mlopsctl("ci", forge, "--force").out
    assert file.read_text() != changed


def test_it_changes_no_code_of_a_pipeline(forge: str, project: Project) -> None:
    project.write("pipelines/demo/.github/workflows/a.yaml", "a: 1\n")
    project.mlopsctl("ci", forge, "-o", "pipelines/demo")
    project.mlopsctl("run")
    project.write("environments/prod.yaml", PROD)
    project.mlopsctl("ci", forge, "-o", "pipelines/demo")
    assert "6 of 6" in (said := project.mlopsctl("run").out) or "5 of 5 stages from cache" in said


def test_a_branch_is_a_name_and_nothing_more(project: Project) -> None:
    project.mlopsctl("init")
    assert "no name of a branch" in project.mlopsctl("ci", "github", "--branch", "a; rm -rf b", code=64).err
