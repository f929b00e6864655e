"""What tests of several rooms need; nothing here acts unless a test names it."""

import signal
import uuid
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.s3_server import BUCKET, s3_server

# A machine that is busy with something else makes an example slow, not wrong.
settings.register_profile("busy machine", deadline=None)
settings.load_profile("busy machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let tests that need a cluster fail when there is none."""
    parser.addoption("--require-cluster", action="store_true", help="fail tests that find no cluster; default: skip")


def pytest_configure() -> None:
    """Hear Ctrl-C and hang-ups: a job in the background is begun deaf to them, and so would be all that tests start."""
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


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
