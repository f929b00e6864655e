"""The two kinds of store that keep the same promises."""

from pathlib import Path

import pytest

from mlopsctl.store import Store, open_store


@pytest.fixture(params=["folder", "s3"])
def store_url(request: pytest.FixtureRequest) -> str:
    if request.param == "s3":
        return request.getfixturevalue("s3_url")
    path: Path = request.getfixturevalue("tmp_path")
    return str(path / "a störe, of all things")


@pytest.fixture
def store(store_url: str) -> Store:
    return open_store(store_url)
