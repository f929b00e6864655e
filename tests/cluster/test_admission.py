"""What others than the API server itself have against an object, as plan and apply say it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.cluster.commanding import Repository, normalised, repository
from tests.cluster.conftest import Reached
from tests.cluster.test_apply import finished_code, more_trees, template, trees, without_gateway
from tests.cluster.webhook import webhook
from tests.waiting import until

TWICE = """\
apiVersion: mlopsctl.dev/v1
kind: Patch
metadata: {name: twice}
spec:
  target: {kind: HTTPRoute}
  json:
    - op: replace
      path: /spec/parentRefs
      value: [{name: public, namespace: gateways}, {name: public, namespace: gateways}]
"""


@pytest.fixture
def project(fresh_api_server: Callable[[], Reached], tmp_path: Path) -> Repository:
    return without_gateway(repository(tmp_path / "flight-delays", fresh_api_server()))


def test_a_webhook_that_refuses_and_one_that_is_away(
    project: Repository, tmp_path: Path, snapshot: SnapshotAssertion
) -> None:
    project.mlopsctl("apply", "--auto-approve")
    more_trees(project)
    says = "spec.arguments.parameters[1].value: more than 150 trees need a review by ml-platform"
    with webhook(project.admin, project.namespace, tmp_path, resource="workflowtemplates", says=says) as end:
        until(lambda: finished_code(project, "plan") == 1)
        for command in (["plan"], ["apply", "--auto-approve"]):
            assert text_of(project.mlopsctl(*command, code=1).err, project) == snapshot(name="refuses")
        assert trees(project) == "100"

        end()
        said = text_of(project.mlopsctl("apply", "--auto-approve", code=1).err, project)
        assert said.count("error[") == 1
        assert said == snapshot(name="is away")
        assert trees(project) == "100"
    assert project.admin.is_there(template(project))


def text_of(said: str, project: Repository) -> str:
    """What was said, without the port of the webhook."""
    return "\n".join(line.partition("?timeout")[0] for line in normalised(said, project).splitlines())


def test_a_rule_of_a_definition(api_server: Reached, tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    """A rule in CEL, which only the cluster judges, at the line of the patch that breaks it."""
    project = repository(tmp_path / "flight-delays", api_server)
    project.admin.create("/api/v1/namespaces", {"metadata": {"name": project.namespace}})
    (project.folder / "patches").mkdir()
    (project.folder / "patches" / "twice.yaml").write_text(TWICE, "utf-8")
    for command in (["plan"], ["apply", "--auto-approve"]):
        assert text_of(project.mlopsctl(*command, code=1).err, project) == snapshot(name="refused")
    assert project.objects() == set()
    project.admin.delete(f"/api/v1/namespaces/{project.namespace}")
