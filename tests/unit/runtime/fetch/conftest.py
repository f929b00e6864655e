"""What all tests of fetching need."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlopsctl.runtime.fetch import FetchFailed, fetch
from mlopsctl.runtime.stop import Stop
from mlopsctl.store import Patience


@pytest.fixture
def stop() -> Iterator[Stop]:
    with Stop() as stop:
        yield stop


@pytest.fixture
def failure() -> Callable[..., FetchFailed]:
    """Fetches what can't be fetched, and sees that the folder stays as it was."""

    def failed(uri: str, to: Path, patience: Patience | None = None) -> FetchFailed:
        before = sorted(to.parent.iterdir())
        with pytest.raises(FetchFailed) as caught:
            fetch(uri, to, stop=None, patience=patience or Patience(retries=0))
        assert sorted(to.parent.iterdir()) == before
        return caught.value

    return failed
