"""A Go module that doesn't build as it is published, made whole in a copy."""

import shutil
from pathlib import Path

# Large, and no package of them is built.
_LEFT_OUT = shutil.ignore_patterns("sdks", "docs", "test", "examples", "manifests", "community")
_ARGO = "github.com/argoproj/argo-workflows/v3"


def prepared_module(module: Path, target: Path) -> Path:
    """Copy the unpacked module of Argo Workflows 3.7 to `target`, which isn't there yet, and add what it lacks.

    The archive lacks the page that argo-server embeds, and a file of Linux whose contents are those of macOS's.
    Returns `target`.
    """
    shutil.copytree(module, target, ignore=_LEFT_OUT, copy_function=shutil.copyfile)
    for path in (target, *target.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)  # the module cache's folders can't be written to
    signals = target / "workflow" / "executor" / "osspecific"
    shutil.copyfile(signals / "signal_darwin.go", signals / "signal_linux.go")
    page = target / "ui" / "dist" / "app" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text("<!doctype html><title>Argo Workflows</title>\n")
    return target


def module_file(module: Path, copy: Path, target: Path) -> Path:
    """Write a go.mod and go.sum to the folder `target`: those of our module, building from the copy.

    Returns the path for `go build -modfile=`.
    """
    target.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(module / "go.sum", target / "go.sum")
    text = (module / "go.mod").read_text()
    (target / "go.mod").write_text(f"{text}\nreplace {_ARGO} => {copy}\n")
    return target / "go.mod"
