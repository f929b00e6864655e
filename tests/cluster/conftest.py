"""The two tiers of a cluster, for tests that name them. Nothing here acts unless a test does.

What isn't there isn't built: the test is skipped, and the end of the run says by which command it would run. With
`--require-cluster`, which `make test-cluster` gives, it fails instead.
"""

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.cluster.access import read_access
from tests.cluster.objects import Objects
from tests.cluster.provider.addons import namespace_objects
from tests.cluster.provider.api_server import running_api_server
from tests.cluster.provider.cluster import Cluster, Parts
from tests.cluster.provider.folders import DEFAULT_NAME, ProviderError
from tests.cluster.provider.parts import all_parts, definitions_seed, parts_are_built
from tests.cluster.provider.programs import program
from tests.cluster.provider.seed import plant

NAMED = "MLOPSCTL_TEST_KUBECONFIG"
COMMAND = "make test-cluster"


@dataclass(frozen=True)
class Reached:
    """A cluster, or an API server alone, as a test reaches it."""

    kubeconfig: Path


@dataclass(frozen=True)
class Whole(Reached):
    """A whole cluster: base URLs of its parts as the tests reach them, and the runtime image's reference."""

    gateway: str
    s3: str
    argo_server: str
    runtime_image: str


def missing(config: pytest.Config, what: str) -> NoReturn:
    """Skip the test for want of this, or fail it if it was to run in any case."""
    if config.getoption("require_cluster"):
        pytest.fail(what, pytrace=False)
    pytest.skip(f"{what}: `{COMMAND}` runs it")


@pytest.fixture(scope="session")
def cluster(pytestconfig: pytest.Config) -> Whole:
    """The cluster that MLOPSCTL_TEST_KUBECONFIG names, else the one that `make cluster-up` brought up."""
    named = os.environ.get(NAMED)
    kubeconfig = Path(named) if named else Cluster(DEFAULT_NAME).kubeconfig
    if not named:
        try:
            unwell = Cluster(DEFAULT_NAME).missing()
        except ProviderError as error:
            missing(pytestconfig, str(error))
        if unwell:
            missing(pytestconfig, f"the cluster isn't well: {'; '.join(unwell)}")
    where = read_access(kubeconfig)
    if not where:
        missing(pytestconfig, f"the cluster of {kubeconfig} has no ConfigMap mlopsctl-test/access (docs/testing.md)")
    return Whole(kubeconfig, where["gateway"], where["s3"], where["argo-server"], where["runtime-image"])


@pytest.fixture(scope="session")
def api_server(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reached]:
    """An API server that knows our targets' kinds and does nothing with them, shared by all tests."""
    named = os.environ.get(NAMED)
    if named:
        yield Reached(Path(named))
        return
    with ExitStack() as servers:
        yield _begun(pytestconfig, servers, tmp_path_factory.mktemp("api-server"))


@pytest.fixture
def fresh_api_server(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Reached]]:
    """What makes an API server for one test alone, which may take parts away. A named cluster isn't touched."""
    with ExitStack() as servers:
        yield lambda: _begun(pytestconfig, servers, tmp_path_factory.mktemp("api-server"))


@pytest.fixture
def namespace(cluster: Whole, tmp_path: Path) -> Iterator[Objects]:
    """The objects of a namespace that is the test's own, in which workflows may run."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    objects = Objects(shutil.copy(cluster.kubeconfig, tmp_path / "kubeconfig"), name)
    objects.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, *namespace_objects(name)])
    objects.wait_for("v1", "ServiceAccount", "default", lambda _: True)
    yield objects
    objects.delete("v1", "Namespace", name)


@pytest.fixture(scope="session")
def parts(pytestconfig: pytest.Config) -> Parts:
    """What clusters are made of, for tests that make some of their own."""
    if os.geteuid() != 0:
        pytest.skip("making a cluster needs root")
    if not parts_are_built():
        missing(pytestconfig, "what a cluster is made of isn't built")
    return all_parts()


def _begun(config: pytest.Config, servers: ExitStack, folder: Path) -> Reached:
    kubernetes, seed = program("kubernetes"), definitions_seed()
    if not (kubernetes.is_built and seed.is_built):
        missing(config, "no API server is built")
    plant(seed.built(), folder)
    return Reached(servers.enter_context(running_api_server(kubernetes.built() / "kubernetes", folder)).kubeconfig)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Name the tests of clusters that didn't run, and the command that runs them."""
    skipped = [report.nodeid for report in terminalreporter.stats.get("skipped", []) if COMMAND in str(report.longrepr)]
    if skipped:
        terminalreporter.section(f"not run without a cluster; `{COMMAND}` runs them")
        for test in skipped:
            terminalreporter.write_line(test)
