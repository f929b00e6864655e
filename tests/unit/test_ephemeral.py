"""Environments that come and go: what a name makes of the document of its family."""

from pathlib import Path
from typing import Final

import pytest

from mlopsctl.compilation import cluster_environment
from mlopsctl.compiler import compile_project, located
from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.source import project
from mlopsctl.source.project import Sources
from tests.rendered import flights

DEV: Final = """\
apiVersion: mlopsctl.dev/v1
kind: Environment
metadata: {name: dev}
spec:
  cluster: {context: dev, namespace: flights-dev}
  store: s3://ml-artifacts/dev
  gateway: {name: public, namespace: gateways, host: models.dev.example.com}
  releases: pinned
  protected: true
  approvals: {required: 1}
  overrides: {flight-delays: {params: {trees: 20, depth: 4}}}
"""
PR: Final = """\
apiVersion: mlopsctl.dev/v1
kind: Environment
metadata: {name: pr}
spec:
  ephemeral: {from: dev, ttl: 12h, secrets: [mlopsctl-store]}
  overrides: {flight-delays: {params: {trees: 10}}}
"""


def sources(folder: Path, **environments: str) -> Sources:
    made = flights(folder / "flights")
    (made / "environments" / "staging.yaml").unlink()
    for name, text in environments.items():
        (made / "environments" / f"{name}.yaml").write_text(text)
    return project.load(made / "mlops.yaml")


def test_one_is_like_another_under_a_name_and_in_a_namespace_of_its_own(tmp_path: Path) -> None:
    found = sources(tmp_path, dev=DEV, pr=PR)
    assert [each.name for each in found.environments] == ["dev"]
    made = compile_project(found, "pr-123")
    environment = cluster_environment(made)
    assert (environment.name, environment.context, environment.store) == ("pr-123", "dev", "s3://ml-artifacts/dev")
    assert environment.namespace == "flights-dev-pr-123"
    assert environment.gateway is not None
    assert environment.gateway.host == "pr-123.models.dev.example.com"
    assert (environment.releases, environment.is_protected) == ("continuous", False)
    assert not environment.origin.has("approvals")
    assert environment.ephemeral is not None
    assert (environment.ephemeral.family, environment.ephemeral.base) == ("pr", "flights-dev")
    assert (environment.ephemeral.ttl, environment.ephemeral.secrets) == (12 * 3600, ("mlopsctl-store",))
    params = made.pipelines["flight-delays"].params
    assert {name: params[name].default for name in ("trees", "depth")} == {"trees": 10, "depth": 4}
    assert cluster_environment(compile_project(found, "dev")).ephemeral is None


def test_the_longest_name_of_a_family_counts(tmp_path: Path) -> None:
    eu = PR.replace("name: pr", "name: pr-eu").replace("12h", "1h")
    found = cluster_environment(located(sources(tmp_path, dev=DEV, pr=PR, eu=eu), "pr-eu-7")).ephemeral
    assert found is not None
    assert (found.family, found.ttl) == ("pr-eu", 3600)


TAKEN: Final = DEV.replace("name: dev", "name: other").replace("flights-dev", "flights-dev-pr-1")
UNFIT: Final = {
    "pr": ("MLO759", "it makes environments, and is none itself"),
    "pr-A": ("MLO759", "its namespace would be `flights-dev-pr-A`"),
    "pr-1-": ("MLO759", "can be called `pr-1-`"),
    f"pr-{'1' * 38}": ("MLO759", "can be called"),
    "pr-1": ("MLO759", "another environment has that namespace"),
    "rp-1": ("MLO015", "there is no environment `rp-1`"),
}


@pytest.mark.parametrize(("name", "said"), UNFIT.items(), ids=UNFIT)
def test_a_name_that_cannot_be_is_refused(tmp_path: Path, name: str, said: tuple[str, str]) -> None:
    found = sources(tmp_path, dev=DEV, pr=PR, other=TAKEN)
    with pytest.raises(DiagnosedError) as refused:
        compile_project(found, name)
    (wrong,) = refused.value.diagnostics
    assert wrong.code == said[0]
    assert said[1] in wrong.message


def test_an_environment_that_is_there_counts_before_one_that_could_be_made(tmp_path: Path) -> None:
    found = sources(tmp_path, dev=DEV, pr=PR, other=TAKEN.replace("name: other", "name: pr-1"))
    assert cluster_environment(located(found, "pr-1")).ephemeral is None
