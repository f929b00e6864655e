"""What tests of several rooms need; nothing here acts unless a test names it."""

import signal
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.s3_server import BUCKET, s3_server

# A machine that is busy with something else makes an example slow, not wrong.
settings.register_profile("busy machine", deadline=None)
settings.load_profile("busy machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let tests that need a cluster fail when there is none."""
    parser.addoption("--require-cluster", action="store_true", help="fail tests that find no cluster; default: skip")


# Files that take more than a minute, the longest first: what begins last is waited for alone.
LONGEST = (
    "cluster/test_serving.py",
    "cluster/test_stopping.py",
    "cluster/test_running.py",
    "cluster/test_pod.py",
    "cluster/test_bad_days.py",
    "cluster/test_lifecycle.py",
    "cluster/test_fan_out.py",
    "cluster/test_drift.py",
    "cluster/test_bad_nodes.py",
    "cluster/test_lock.py",
    "cluster/test_search.py",
    "cluster/test_admission.py",
    "unit/test_language_properties.py",
)
BEGUN = pytest.StashKey[datetime]()
# What runs the tests that are skipped for want of a cluster: each says so in its reason.
WITH_CLUSTER = "make test-cluster"


def pytest_configure(config: pytest.Config) -> None:
    """Hear Ctrl-C and hang-ups: a job in the background is begun deaf to them, and so would be all that tests start."""
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)
    config.stash[BEGUN] = datetime.now(UTC)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin what takes longest; the others stay in their order."""
    here = Path(__file__).parent
    places = {here / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Tell of the cluster. It is done here as, of several processes, the one that tells reads no file of tests."""
    name_what_wants_a_cluster(terminalreporter)
    say_what_became_of_the_cluster(terminalreporter, config)


def name_what_wants_a_cluster(terminalreporter: Any) -> None:
    """Name the tests that were skipped for want of a cluster, and the command that runs them."""
    skipped = [each.nodeid for each in terminalreporter.stats.get("skipped", []) if WITH_CLUSTER in str(each.longrepr)]
    if skipped:
        terminalreporter.section(f"not run without a cluster; `{WITH_CLUSTER}` runs them")
    for test, times in sorted(Counter(name.partition("[")[0] for name in skipped).items()):
        terminalreporter.write_line(f"{test} ({times} times)" if times > 1 else test)


def say_what_became_of_the_cluster(terminalreporter: Any, config: pytest.Config) -> None:
    """Say of a run that failed what became of the cluster meanwhile, as it is gone when the log is read."""
    failed = any(terminalreporter.stats.get(how) for how in ("failed", "error"))
    if not (failed and config.getoption("require_cluster")):
        return
    from tests.cluster import afterwards  # which takes a while to import

    terminalreporter.section("the cluster that the tests shared")
    for line in afterwards.told(config.stash[BEGUN]):
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The address of an S3 server that lives as long as the tests."""
    with s3_server() as endpoint:
        yield endpoint


@pytest.fixture
def s3_url(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty store in a bucket; the environment says how to reach it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_endpoint)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    return f"s3://{BUCKET}/{uuid.uuid4().hex}"
