"""The example's life in a cluster, from nothing to nothing, word by word as its users read it."""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from tests.cluster.commanding import ARGO, Repository, normalised, repository
from tests.cluster.conftest import Whole
from tests.scenarios.project import Ended
from tests.waiting import until

KUBECTL = "application/merge-patch+json"
RELEASE = """\
    apiVersion: mlopsctl.dev/v1
    kind: Release
    metadata: {{name: flight-delays}}
    spec:
      run: {run}
      commit: 3f2c91a04be1d6f7a8c9d0e1f2a3b4c5d6e7f809
      model:
        digest: sha256:{digest}
        uri: s3://ml-artifacts/staging/blobs/{digest}
      data: {{flights: sha256:{data}}}
      evidence: sha256:{data}
    """


class OneText(SingleFileSnapshotExtension):
    """A file of its own for each text, so that it reads as it is printed."""

    _write_mode = WriteMode.TEXT
    file_extension = "txt"


@pytest.fixture
def project(cluster: Whole, tmp_path: Path) -> Iterator[Repository]:
    made = repository(tmp_path / "flight-delays", cluster)
    yield made
    made.admin.delete(f"/api/v1/namespaces/{made.namespace}")


class Story:
    """What was done and what was said, step by step, each held against its golden file."""

    def __init__(self, project: Repository, snapshot: SnapshotAssertion) -> None:
        self._project = project
        self._snapshot = snapshot
        self._number = 0

    def step(self, name: str, *arguments: str, code: int = 0) -> Ended:
        """Run mlopsctl; what it prints is the text of this step."""
        said = self._project.mlopsctl(*arguments, code=code)
        self._number += 1
        parts = [f"$ mlopsctl {' '.join(arguments)}", said.out, *(["--- stderr", said.err] if said.err else [])]
        # What is waited for is shown only where it takes its time.
        text = re.sub(
            r"^  (… waiting|✓ ready) .*\n", "", normalised("\n".join(parts), self._project), flags=re.MULTILINE
        )
        assert f"{text}--- exit code {code}\n" == self._snapshot(name=f"{self._number:02} {name}")
        return said


def release(project: Repository, run: str, digest: str) -> None:
    """Name a model in the environment's release file, as a merged promotion does."""
    file = project.folder / "releases" / "staging" / "flight-delays.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    text = textwrap.dedent(RELEASE).format(run=run, digest=digest * 32, data="91be" * 16)
    file.write_text(text, "utf-8")


def by_hand(project: Repository, path: str, body: object) -> None:
    """Patch an object as somebody with kubectl does."""
    project.admin.ask("PATCH", f"{path}?fieldManager=kubectl-edit", body, KUBECTL)


def test_from_nothing_to_nothing(project: Repository, snapshot: SnapshotAssertion) -> None:
    story = Story(project, snapshot.use_extension(OneText))

    story.step("plan for an empty cluster", "plan", "--detailed-exitcode", code=2)
    assert not project.admin.is_there(f"/api/v1/namespaces/{project.namespace}")
    story.step("applied", "apply", "--auto-approve")
    assert "workflowtemplates/flight-delays" in project.objects()
    story.step("nothing to do", "plan", "--detailed-exitcode")
    story.step("nothing to apply", "apply", "--auto-approve")

    project.edit(
        "pipeline.yaml", ("trees: 100", "trees: 200"), ("min: 0.85", "min: 0.86"), ('"0 3 1 * *"', '"0 4 1 * *"')
    )
    project.commit("More trees")
    story.step("plan of a change, saved", "plan", "--out", ".mlops/plan.json")
    story.step("saved plan applied", "apply", ".mlops/plan.json")
    story.step("saved plan applied again", "apply", ".mlops/plan.json")

    by_hand(project, project.path("cronworkflows", "flight-delays", group=ARGO), {"spec": {"schedules": ["0 5 * * *"]}})
    parameters = [{"name": "month", "value": "2013-03"}, {"name": "trees", "value": "900"}]
    template = {"spec": {"arguments": {"parameters": parameters}}, "metadata": {"labels": {"team": "ops"}}}
    by_hand(project, project.path("workflowtemplates", "flight-delays", group=ARGO), template)
    story.step("drifted", "plan")
    story.step("repaired", "apply", "--auto-approve")

    project.edit(
        "environments/staging.yaml", ("releases: continuous", "releases: pinned\n  image: mlopsctl.test/none:1")
    )
    project.edit("pipeline.yaml", ("{cpu: 1, memory: 1Gi}", "{cpu: 10m, memory: 64Mi}"))
    release(project, "01JD3WQ7ZK8M4N6P2R5S7T9V1X", "77")
    project.commit("Serve a model")
    story.step("plan of a release", "plan")
    unwell(project.mlopsctl("apply", "--auto-approve", "--timeout", "5s", code=6), project, "flight-delays-77777777")
    release(project, "01JD9V1XZK8M4N6P2R5S7T3WQ7", "1f")
    project.commit("Serve another model")
    story.step("plan of another release", "plan")
    unwell(project.mlopsctl("apply", "--auto-approve", "--timeout", "5s", code=6), project, "flight-delays-1f1f1f1f")
    # What is to go stays until what comes is well, however often that is tried.
    story.step("plan of what is left", "plan")
    said = project.mlopsctl("apply", "--auto-approve", "--timeout", "1s", code=6)
    unwell(said, project, "flight-delays-1f1f1f1f")
    services = {"inferenceservices/flight-delays-77777777", "inferenceservices/flight-delays-1f1f1f1f"}
    assert services | {"roles/flight-delays-deploy"} <= project.objects()

    story.step("destroyed", "destroy", "--auto-approve")
    until(lambda: not project.names("pods"))
    assert project.objects() == {"configmaps/mlopsctl-flights-staging-history"}
    story.step("nothing to destroy", "destroy")


def unwell(said: Ended, project: Repository, service: str) -> None:
    """Hold to what is said of a model whose server can't start: that it is applied and not ready, where and why."""
    assert re.search(r"^Applied to staging, but not ready after \d+\.\ds: ", said.out, re.MULTILINE)
    assert f"Not ready: InferenceService {service}\n" in said.out
    assert said.out.endswith("To go on from here: mlopsctl apply --env staging\n")
    assert re.search(rf"^error\[MLO87[01]\]: InferenceService `{service}` ", said.err, re.MULTILINE), said.err
    line = next(number for number, text in enumerate(text_of(project), 1) if text.startswith("    serve:"))
    assert f"─ pipeline.yaml:{line}:5" in said.err


def text_of(project: Repository) -> list[str]:
    return (project.folder / "pipeline.yaml").read_text("utf-8").splitlines()
