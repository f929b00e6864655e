"""Files that are all put in place or none, over nothing that is there."""

import os
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from mlopsctl.diagnostics import DiagnosedError, Finding, diagnostic


def place(files: Mapping[str, str], folder: Path) -> None:
    """Write files, by their path below `folder`, which is made if need be.

    Each is whole in a temporary folder before it gets its name, in the order given. Raises DiagnosedError, with nothing
    left behind, if something is in the way or can't be written.
    """
    try:
        if taken := in_the_way(files, folder):
            raise DiagnosedError(files_in_the_way(taken))
        _place(files, folder)
    except FileExistsError as error:  # came between the look and the writing
        raise DiagnosedError(files_in_the_way([str(error.filename2 or error.filename)])) from error
    except OSError as error:
        raise DiagnosedError(not_writable(str(folder), error.strerror or str(error))) from error


def in_the_way(paths: Iterable[str], folder: Path) -> list[str]:
    """What is there already where files below `folder`, or folders above them, belong; sorted."""
    return sorted({str(taken) for path in paths if (taken := _taken(folder / path))})


def _place(files: Mapping[str, str], folder: Path) -> None:
    with ExitStack() as undo:
        _make(folder, undo)
        with TemporaryDirectory(prefix=".mlopsctl-", dir=folder) as beside:
            whole = [_written(Path(beside, str(number)), text) for number, text in enumerate(files.values())]
            for path, ready in zip(files, whole, strict=True):
                target = folder / path
                _make(target.parent, undo)
                os.link(ready, target)  # which, unlike a rename, replaces nothing
                undo.callback(target.unlink)
        undo.pop_all()


def _taken(target: Path) -> Path | None:
    if os.path.lexists(target):
        return target
    nearest = next(above for above in target.parents if os.path.lexists(above))
    return None if nearest.is_dir() else nearest


def _written(path: Path, text: str) -> Path:
    with path.open("x", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    return path


def _make(folder: Path, undo: ExitStack) -> None:
    for missing in reversed([place for place in (folder, *folder.parents) if not place.is_dir()]):
        missing.mkdir()
        undo.callback(_remove_empty, missing)


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):  # somebody else may have put something there by now, and it stays
        folder.rmdir()


@diagnostic("MLO019")
def files_in_the_way(paths: list[str]) -> Finding:
    """A new project would take the place of files that are there.

    Nothing is written, so nothing is lost.

    Example:
        mlopsctl init        # in a folder with a README.md

    Fix: begin in a folder of its own, `mlopsctl init NAME`, and move what you want from there.
    """
    return Finding(
        message=f"{len(paths)} files are in the way" if len(paths) > 1 else f"`{paths[0]}` is in the way",
        notes=tuple(paths) if len(paths) > 1 else (),
        helps=("nothing was written; begin in a folder of its own: mlopsctl init NAME",),
    )


@diagnostic("MLO020")
def not_writable(folder: str, why: str) -> Finding:
    """The files of a new project can't be written: the rights are missing, or the disk is full.

    Example:
        mlopsctl init /usr/share/churn

    Fix: choose a folder of yours, or make room. Nothing half-written is left behind.
    """
    return Finding(message=f"no project can be written to `{folder}`: {why}", helps=("choose another folder",))
