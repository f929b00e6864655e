"""Objects as files, one each, in a folder that a person, Argo CD or Flux reads; or all in one text."""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from mlopsctl.diagnostics import DiagnosedError, Finding, diagnostic
from mlopsctl.frozen import frozen
from mlopsctl.manifest import Manifest, stamped
from mlopsctl.render.yaml_text import yaml_text
from mlopsctl.source.code import RENDERED

# How every file of ours begins; what doesn't begin so is never removed or written over.
HEADER = f"{RENDERED} from "
_SHORT = 7


@frozen
class Written:
    """How many files were put in place anew, and how many of ours were removed, because their object is gone."""

    changed: int
    removed: int


@frozen
class Piece:
    """The text of an object and its path, but for the commit, which changes more often than all else.

    It belongs at the end of `head`, which is the first line, and in `body` in the place of a mark.
    """

    path: str
    head: str
    body: str


def piece_of(manifest: Manifest, mark: str) -> Piece:
    """One object with a line about where it comes from. `mark` stands for the commit; without one there is none."""
    origin = manifest.origin
    stage = f", stage {manifest.stage}" if manifest.stage else ""
    head = f"{HEADER}{origin.file}:{origin.start.line}{stage}"
    return Piece(path_of(manifest), head, yaml_text(stamped(manifest, mark)))


def finished(pieces: Iterable[Piece], mark: str, commit: str) -> Iterator[tuple[str, str]]:
    """The path and the whole text of each object, in the order in which they are applied."""
    short = f" · {commit[:_SHORT]}" if commit else ""
    # As YAML has them: a commit that looks like a number is in quotes there.
    there, written = (yaml_text(text).rstrip("\n") for text in (mark, commit))
    for piece in pieces:
        body = piece.body.replace(there, written) if commit else piece.body
        yield piece.path, f"{piece.head}{short}\n{body}"


def stream_of(texts: Iterable[str]) -> Iterator[str]:
    """The parts of one text that holds all objects."""
    return (f"---\n{text}" for text in texts)


def files_of(manifests: Iterable[Manifest], commit: str) -> Mapping[str, str]:
    """The text of each file by its path."""
    return dict(finished((piece_of(manifest, commit) for manifest in manifests), commit, commit))


def path_of(manifest: Manifest) -> str:
    """The path of an object's file, such as `churn/workflowtemplate-churn.yaml`."""
    key = manifest.key
    return f"{manifest.pipeline}/{key.kind.lower()}-{key.name}.yaml"


def write_files(files: Mapping[str, str], folder: Path) -> Written:
    """Put the files below `folder`, and remove those of ours that are no longer among them.

    All are whole in a temporary folder before the first takes its place. Raises DiagnosedError if a file that isn't
    ours is in the way, or if something can't be written.
    """
    try:
        if foreign := sorted(path for path in files if _is_foreign(folder / path)):
            raise DiagnosedError(not_ours(str(folder / foreign[0]), len(foreign)))
        return _write(files, folder)
    except OSError as error:
        raise DiagnosedError(cannot_write(str(folder), error.strerror or str(error))) from error


def _write(files: Mapping[str, str], folder: Path) -> Written:
    folder.mkdir(parents=True, exist_ok=True)
    changed = {path: text for path, text in files.items() if _content(folder / path) != text}
    gone = [path for path in folder.glob("*/*.yaml") if path.relative_to(folder).as_posix() not in files]
    ours = [path for path in gone if not _is_foreign(path)]
    with TemporaryDirectory(prefix=".mlopsctl-", dir=folder) as beside:
        ready = [(Path(beside, str(number)), path) for number, path in enumerate(changed)]
        for place, path in ready:
            place.write_text(changed[path], encoding="utf-8", newline="\n")
        for place, path in ready:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            place.replace(folder / path)
    for file in ours:
        file.unlink()
        if not list(file.parent.iterdir()):
            file.parent.rmdir()
    return Written(len(changed), len(ours))


def _content(path: Path) -> str | None:
    try:
        return path.read_bytes().decode() if path.is_file() else None
    except ValueError:
        return None


def _is_foreign(path: Path) -> bool:
    """Whether there is something that we haven't written."""
    if not path.is_file():
        return os.path.lexists(path)
    with path.open("rb") as stream:
        return stream.read(len(HEADER)) != HEADER.encode()


@diagnostic("MLO740")
def not_ours(path: str, count: int) -> Finding:
    """A file is where a rendered object belongs, and `render` hasn't written it.

    Nothing is written, so nothing is lost.

    Example:
        mlopsctl render -o manifests      # where manifests/churn/workflowtemplate-churn.yaml was written by hand

    Fix: choose a folder of its own, or move your file.
    """
    more = f", and {count - 1} more like it" if count > 1 else ""
    return Finding(
        message=f"`{path}` is not of `render`{more}",
        helps=("nothing was written; choose another folder, or move the file",),
    )


@diagnostic("MLO741")
def cannot_write(folder: str, why: str) -> Finding:
    """The rendered files can't be written: the rights are missing, or the disk is full.

    Example:
        mlopsctl render -o /usr/share/manifests

    Fix: choose a folder of yours, or make room. Each file is either as it was or whole.
    """
    return Finding(message=f"the objects can't be written to `{folder}`: {why}", helps=("choose another folder",))
