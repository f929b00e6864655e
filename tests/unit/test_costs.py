"""What rendering many pipelines costs, as counts, which are the same on every machine. `make bench` has the seconds."""

import gc
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Final

import pytest

from mlopsctl.compilation import Compilation
from mlopsctl.compiler import compile_project, rendered_pipelines
from mlopsctl.manifest import Manifest
from mlopsctl.render.files import Piece, piece_of
from mlopsctl.render.filling import Templates
from mlopsctl.render.objects import Judge
from mlopsctl.render.targets import Targets
from mlopsctl.source.project import load
from tests.bench.many_pipelines import write_project

COUNT: Final = 6
OBJECTS: Final = 11  # of each pipeline
MOST_CALLS: Final = 17_500  # of functions in Python for a pipeline; 15,900 in November 2026


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of pipelines of seven stages, no two alike."""
    write_project(tmp_path, COUNT)
    return tmp_path


@pytest.fixture
def templates() -> Templates:
    return Templates()


@pytest.fixture
def targets() -> Targets:
    return Targets()


@pytest.fixture
def no_garbage() -> Iterator[None]:
    """Nothing is in circles that nobody needs, and what will be isn't looked for."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def compiled(project: Path) -> Compilation:
    return compile_project(load(project / "mlops.yaml"), "staging")


def texts(project: Path, templates: Templates, targets: Targets) -> list[Piece]:
    made = rendered_pipelines(compiled(project), templates, Judge(targets))
    return [piece_of(manifest, "") for each in made for manifest in each.manifests]


def test_of_all_pipelines_only_one_has_its_objects_in_memory(
    project: Path, templates: Templates, targets: Targets
) -> None:
    def objects() -> int:
        return sum(isinstance(each, Manifest) for each in gc.get_objects())

    before = objects()
    alive = [objects() - before for _ in rendered_pipelines(compiled(project), templates, Judge(targets))]
    assert max(alive) <= 2 * OBJECTS  # of the one that is made, and of the one before it until then


@pytest.mark.usefixtures("no_garbage")
def test_nothing_is_left_in_circles(project: Path, templates: Templates, targets: Targets) -> None:
    assert len(texts(project, templates, targets)) == COUNT * OBJECTS  # which reads templates and schemas
    gc.collect()
    texts(project, templates, targets)
    assert gc.collect() == 0


def test_a_pipeline_takes_so_many_calls(project: Path, templates: Templates, targets: Targets) -> None:
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    texts(project, templates, targets)
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        texts(project, templates, targets)
    finally:
        sys.setprofile(before)
    assert calls / COUNT < MOST_CALLS
