"""The two tiers of a cluster, for tests that name them. Nothing here acts unless a test does.

What isn't there isn't built: the test is skipped, and the end of the run says by which command it would run. With
`--require-cluster`, which `make test-cluster` gives, it fails instead.
"""

import os
import shutil
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

from mlopsctl.store import Store, open_store
from tests.cluster import afterwards
from tests.cluster.access import NAMED, read_access, shared_kubeconfig
from tests.cluster.examining import Admin
from tests.cluster.objects import Objects
from tests.cluster.provider.addons import namespace_objects
from tests.cluster.provider.api_server import running_api_server
from tests.cluster.provider.cluster import Cluster, Parts
from tests.cluster.provider.folders import DEFAULT_NAME, ProviderError
from tests.cluster.provider.parts import all_parts, definitions_seed, parts_are_built
from tests.cluster.provider.programs import program
from tests.cluster.provider.seed import plant
from tests.cluster.stores import new_store, open_to_pods
from tests.conftest import WITH_CLUSTER


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
    environments: str = ""  # a folder of the node in which pods may keep Python environments, if it has one

    @classmethod
    def told(cls, kubeconfig: Path, where: Mapping[str, str]) -> "Whole":
        """The cluster as its ConfigMap `access` says."""
        gateway, s3, argo_server, image = (where[name] for name in ("gateway", "s3", "argo-server", "runtime-image"))
        return cls(kubeconfig, gateway, s3, argo_server, image, where.get("environments", ""))


def missing(config: pytest.Config, what: str) -> NoReturn:
    """Skip the test for want of this, or fail it if it was to run in any case."""
    if config.getoption("require_cluster"):
        pytest.fail(what, pytrace=False)
    pytest.skip(f"{what}: `{WITH_CLUSTER}` runs it")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say of a test that failed what it leaves in its namespace, which is gone a moment later."""
    report = yield
    if report.when == "call" and report.failed:
        for found in getattr(item, "funcargs", {}).values():
            if isinstance(found, Objects):
                lines = afterwards.left(found.kubeconfig, found.namespace)
                report.sections.append((f"left in {found.namespace}", "\n".join(lines)))
    return report


@pytest.fixture(scope="session")
def cluster(pytestconfig: pytest.Config) -> Whole:
    """The cluster that MLOPSCTL_TEST_KUBECONFIG names, else the one that `make cluster-up` brought up."""
    kubeconfig = shared_kubeconfig()
    if NAMED not in os.environ:
        try:
            unwell = Cluster(DEFAULT_NAME).missing()
        except ProviderError as error:
            missing(pytestconfig, str(error))
        if unwell:
            missing(pytestconfig, f"the cluster isn't well: {'; '.join(unwell)}")
    where = read_access(kubeconfig)
    if not where:
        missing(pytestconfig, f"the cluster of {kubeconfig} has no ConfigMap mlopsctl-test/access (docs/testing.md)")
    return Whole.told(kubeconfig, where)


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
def admin(api_server: Reached) -> Admin:
    """Someone who may do everything there."""
    return Admin(api_server.kubeconfig)


@pytest.fixture(scope="module")
def own_api_server(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reached]:
    """An API server for the tests of one file, which leave nothing there that others of them would see."""
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
def bare_api_server(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reached]:
    """An API server for one test alone that knows no kinds but Kubernetes' own. It is quicker to learn than others are
    to forget."""
    with ExitStack() as servers:
        yield _begun(pytestconfig, servers, tmp_path_factory.mktemp("api-server"), with_definitions=False)


@pytest.fixture
def namespace(cluster: Whole, tmp_path: Path) -> Iterator[Objects]:
    """The objects of a namespace that is the test's own, in which workflows may run."""
    with own_namespace(cluster, tmp_path) as objects:
        yield objects


@pytest.fixture
def store(cluster: Whole, namespace: Objects, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store of the test's own in the cluster's S3, which its pods may use, too."""
    for name, value in open_to_pods(namespace, cluster.s3).items():
        monkeypatch.setenv(name, value)
    return open_store(new_store())


@contextmanager
def own_namespace(cluster: Whole, folder: Path) -> Iterator[Objects]:
    """The objects of a new namespace, for tests that share one; the folder takes what is to be remembered of it."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    objects = Objects(shutil.copy(cluster.kubeconfig, folder / "kubeconfig"), name)
    objects.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, *namespace_objects(name)])
    objects.wait_for("v1", "ServiceAccount", "default", lambda _: True)
    try:
        yield objects
    finally:
        objects.delete("v1", "Namespace", name)


@pytest.fixture(scope="session")
def parts(pytestconfig: pytest.Config) -> Parts:
    """What clusters are made of, for tests that make some of their own."""
    if os.geteuid() != 0:
        pytest.skip("making a cluster needs root")
    if not parts_are_built():
        missing(pytestconfig, "what a cluster is made of isn't built")
    return all_parts()


def _begun(config: pytest.Config, servers: ExitStack, folder: Path, *, with_definitions: bool = True) -> Reached:
    kubernetes, seed = program("kubernetes"), definitions_seed()
    if not (kubernetes.is_built and seed.is_built):
        missing(config, "no API server is built")
    if with_definitions:
        plant(seed.built(), folder)
    else:
        shutil.copytree(seed.built() / "keys", folder / "keys")
    return Reached(servers.enter_context(running_api_server(kubernetes.built() / "kubernetes", folder)).kubeconfig)
