"""Which store a command works with: the one asked for, the environment's, or the project's own."""

from pathlib import Path

import pytest

from mlopsctl.cli.stores import in_cluster, store_of
from mlopsctl.compilation import Compilation
from mlopsctl.compiler import compile_project
from mlopsctl.source.project import load
from mlopsctl.store import UnsupportedStore


def compiled(folder: Path, spec: str) -> Compilation:
    head = "apiVersion: mlopsctl.dev/v1\n"
    pipeline = f"{head}kind: Pipeline\nmetadata: {{name: p}}\nspec: {{stages: {{a: {{kind: task, run: go}}}}}}\n"
    (folder / "pipeline.yaml").write_text(
        f"{pipeline}---\n{head}kind: Environment\nmetadata: {{name: dev}}\nspec: {spec}\n"
    )
    return compile_project(load(folder / "pipeline.yaml"), "dev")


def test_what_is_asked_for_comes_first(tmp_path: Path) -> None:
    found = compiled(tmp_path, f"{{store: {tmp_path}/dev}}")
    assert store_of(found, f"{tmp_path}/asked").url.endswith("/asked")
    assert store_of(found, "").url.endswith("/dev")


def test_without_a_word_it_is_the_projects_own(tmp_path: Path) -> None:
    assert store_of(compiled(tmp_path, "{}"), "").url.endswith(f"{tmp_path.name}/.mlops/store")


def test_of_an_environment_in_a_cluster_it_is_the_one_that_its_pods_use(tmp_path: Path) -> None:
    found = compiled(tmp_path, f"{{cluster: {{context: c, namespace: n}}, store: {tmp_path}/shared}}")
    assert in_cluster(found)
    assert store_of(found, "").url.endswith("/shared")


def test_an_address_of_no_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedStore):
        store_of(compiled(tmp_path, "{}"), "ftp://example.com/store")
