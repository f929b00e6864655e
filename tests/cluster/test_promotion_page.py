"""docs/promotion.md, walked: a team with a forge, three environments with a store each, and what serves in two of them.

Each command of the page is run in order, and says what the page shows. Everything is real but KServe and the gateway,
which on an API server alone somebody stands in for.
"""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.cluster.conftest import Reached
from tests.cluster.examining import Admin
from tests.cluster.standing_in import controllers
from tests.scenarios.project import Project
from tests.scenarios.promotion import HEAD, Team, made
from tests.waiting import PATIENCE
from tests.walking import Walk, blocks, commands

PAGE = (Path(__file__).parents[2] / "docs" / "promotion.md").read_text("utf-8")


@pytest.fixture
def own() -> str:
    """What the namespaces of this test are told apart by."""
    return uuid.uuid4().hex[:8]


@pytest.fixture
def team(api_server: Reached, admin: Admin, tmp_path: Path, s3_url: str, own: str) -> Iterator[Team]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLOPS_", "GIT", "CI_"))}
    folder, outside = tmp_path / "project", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    environ = kept | {
        "KUBECONFIG": str(_two_contexts(api_server.kubeconfig, tmp_path / "kubeconfig")),
        "MLOPS_CACHE": str(tmp_path / "cache"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "OUTSIDE": str(outside),
        "USER": "ann",
        "LOGNAME": "ann",
        "COLUMNS": "120",
        "NO_COLOR": "1",
        "TZ": "UTC",
    }
    found = made(Project(folder, outside, environ), tmp_path)
    for name, spec in _environments().items():
        text = spec.replace("s3://ml-artifacts", s3_url).replace("namespace: demo", f"namespace: demo-{own}")
        folder.joinpath(f"environments/{name}.yaml").write_text(
            f"{HEAD}kind: Environment\nmetadata: {{name: {name}}}\n{text}"
        )
    (folder / "environments/prod.yaml").unlink()
    found.push("Environments")
    found.git("fetch", "-q")
    namespaces = [f"demo-{own}-{name}" for name in ("staging", "production")]
    for name in namespaces:
        admin.create("/api/v1/namespaces", {"metadata": {"name": name}})
    with controllers(admin, namespaces):
        yield found
    for name in namespaces:
        admin.delete(f"/api/v1/namespaces/{name}")


def _environments() -> dict[str, str]:
    """The environments of the page, which shows the last of three."""
    production = next(each for each in blocks(PAGE, "yaml") if "promotesFrom: staging" in each)
    staging = "".join(line for line in production.splitlines(keepends=True) if "approvals" not in line)
    staging = staging.replace("staging", "dev").replace("production", "staging")
    return {"production": production, "staging": staging, "dev": "spec: {store: s3://ml-artifacts/dev}\n"}


def _two_contexts(kubeconfig: Path, file: Path) -> Path:
    """The cluster by the names of the page's two contexts."""
    document = yaml.safe_load(kubeconfig.read_text())
    (context,) = document["contexts"]
    document["contexts"] = [{**context, "name": name} for name in ("staging", "production")]
    file.write_text(yaml.safe_dump(document))
    return file


def test_every_command_of_the_page_says_what_the_page_shows(team: Team, s3_url: str, own: str) -> None:
    walk = Walk()

    def run(command: str, is_refused: bool) -> str:  # noqa: FBT001 - as a Walk calls it
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", command],
            cwd=team.project.folder,
            env=team.environ,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert (done.returncode != 0) is is_refused, f"{command}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
        said = done.stdout + (done.stderr if is_refused else "")
        sys.stdout.write(f"$ {command}\n{said}")  # what to put into the page, where it differs
        return said.replace(s3_url, "s3://ml-artifacts").replace(f"-{own}", "")

    for command in commands(PAGE):
        walk.step(command, run)
