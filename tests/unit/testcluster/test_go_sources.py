from pathlib import Path

import pytest

from tests.cluster.provider.go_sources import module_file, prepared_module


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """A module as it lies in Go's cache: nothing in it can be written to."""
    folder = tmp_path / "cache" / "module"
    files = {"go.mod": "module it\n", "docs/large.md": "much", "ui/embed.go": "package ui\n"}
    files["workflow/executor/osspecific/signal_darwin.go"] = "package osspecific\n"
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.chmod(0o444)
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            path.chmod(0o555)
    return folder


def test_the_copy_has_what_the_archive_lacks(module: Path, tmp_path: Path) -> None:
    copy = prepared_module(module, tmp_path / "copy")
    signals = copy / "workflow" / "executor" / "osspecific"
    assert (signals / "signal_linux.go").read_text() == (signals / "signal_darwin.go").read_text()
    assert "<!doctype html>" in (copy / "ui" / "dist" / "app" / "index.html").read_text()


def test_the_copy_can_be_removed(module: Path, tmp_path: Path) -> None:
    copy = prepared_module(module, tmp_path / "copy")
    assert not (copy / "docs").exists()
    assert {oct(path.stat().st_mode & 0o700) for path in copy.rglob("*") if path.is_dir()} == {"0o700"}
    assert all(path.stat().st_mode & 0o200 for path in copy.rglob("*") if path.is_file())


def test_the_copy_is_what_is_built_from(tmp_path: Path) -> None:
    ours = tmp_path / "ours"
    ours.mkdir()
    (ours / "go.mod").write_text("module ours\n")
    (ours / "go.sum").write_text("sums\n")
    file = module_file(ours, Path("/the/copy"), tmp_path / "made")
    assert file.read_text().splitlines()[-1] == "replace github.com/argoproj/argo-workflows/v3 => /the/copy"
    assert (file.parent / "go.sum").read_text() == "sums\n"
    assert (ours / "go.mod").read_text() == "module ours\n"
