"""What is rendered, as people read it."""

import re
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from mlopsctl.render.files import files_of
from tests.oracle import typed_opinion
from tests.rendered import DISTRIBUTED, EVERYTHING, flights, rendered, without_digests


class OneText(SingleFileSnapshotExtension):
    """A file of its own for each expected text, so that it reads as it is printed."""

    _write_mode = WriteMode.TEXT
    file_extension = "yaml"


@pytest.fixture
def text(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(OneText)


def texts_of(folder: Path, environment: str) -> dict[str, str]:
    return {
        re.sub("[^a-z0-9]+", "-", path.removesuffix(".yaml")): without_digests(content)
        for path, content in files_of(rendered(folder, environment).manifests, "3f2c91a").items()
    }


@pytest.mark.parametrize("environment", ["staging", "prod"])
def test_everything(environment: str, text: SnapshotAssertion) -> None:
    assert "---\n".join(texts_of(EVERYTHING, environment).values()) == text


def test_distributed(text: SnapshotAssertion) -> None:
    found = rendered(DISTRIBUTED, "production")
    assert found.diagnostics == ()
    assert "---\n".join(texts_of(DISTRIBUTED, "production").values()) == text


@pytest.mark.parametrize("serves", ["continuous", "pinned"])
def test_flight_delays(serves: str, tmp_path: Path, text: SnapshotAssertion) -> None:
    folder = flights(tmp_path / "flight-delays", is_pinned=serves == "pinned")
    assert "---\n".join(texts_of(folder, "staging").values()) == text


@pytest.mark.parametrize("environment", ["staging", "prod"])
def test_what_argos_own_models_say(environment: str) -> None:
    workflows = [each for each in rendered(EVERYTHING, environment).manifests if each.key.group == "argoproj.io"]
    assert len(workflows) == 4
    assert [typed_opinion(each.document) for each in workflows] == [[]] * 4


def test_the_same_files_make_the_same_bytes() -> None:
    first, second = (files_of(rendered(EVERYTHING, "prod").manifests, "3f2c91a") for _ in range(2))
    assert list(first.items()) == list(second.items())
