"""Projects for the scenarios. They share one cache, so that the Python environment of their stages is made once."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.scenarios.project import Project


@pytest.fixture(scope="session")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of the commands: this machine's, less what would change what they do or print."""
    cache = tmp_path_factory.mktemp("cache")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLOPS_", "AWS_", "PYTHON"))}
    return kept | {
        "MLOPS_CACHE": str(cache / "mlopsctl"),
        "XDG_CACHE_HOME": str(cache),
        "COLUMNS": "100",
        "NO_COLOR": "1",
        "TZ": "UTC",
    }


@pytest.fixture
def new_project(tmp_path: Path, environ: dict[str, str]) -> Callable[[str], Project]:
    """Projects side by side, outside of git. All leave their traces in the same place."""
    outside = tmp_path / "outside"
    outside.mkdir()

    def make(name: str) -> Project:
        folder = tmp_path / name
        folder.mkdir()
        return Project(folder, outside, environ | {"OUTSIDE": str(outside)})

    return make


@pytest.fixture
def project(new_project: Callable[[str], Project]) -> Project:
    """A project whose folder has a name that careless code stumbles over."""
    return new_project("ml ops é")
