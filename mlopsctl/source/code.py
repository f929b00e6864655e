"""Which files are the code that stages run: what git would track, less what mlopsctl itself reads and writes."""

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_NEVER = frozenset({".git", ".mlops", "__pycache__", ".ipynb_checkpoints"})


@dataclass(frozen=True, slots=True)
class _Ignore:
    """One `.gitignore` and the folder that it rules."""

    folder: Path
    spec: "GitIgnoreSpec"


def code_files(folder: Path, *, without: Collection[Path] = ()) -> Mapping[str, Path]:
    """The files of the code by their path relative to `folder`, sorted.

    Left out are what a `.gitignore` names, virtual environments, caches, links that lead out of the folder, and the
    files and folders `without`: the project's own documents, or changing a comment there would train again, and data,
    which reaches stages as inputs. Raises OSError if the folder can't be read.
    """
    skipped = frozenset(path.resolve() for path in without)
    found = _below(folder.resolve(), _ignores_above(folder.resolve()), skipped)
    return dict(sorted((path.relative_to(folder.resolve()).as_posix(), path) for path in found))


def included(files: Mapping[str, Path], patterns: Collection[str]) -> Mapping[str, Path]:
    """Those of the files that a pattern matches, as in `.gitignore`; all of them where there is no pattern."""
    if not patterns:
        return files
    from pathspec import GitIgnoreSpec

    spec = GitIgnoreSpec.from_lines(patterns)
    return {path: file for path, file in files.items() if spec.match_file(path)}


def _below(folder: Path, ignores: tuple[_Ignore, ...], skipped: frozenset[Path]) -> Iterator[Path]:
    entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    names = {entry.name for entry in entries}
    if "pyvenv.cfg" in names:
        return
    if ".gitignore" in names:
        ignores = (*ignores, _read_ignore(folder))
    for entry in entries:
        path = Path(entry.path)
        is_folder = entry.is_dir(follow_symlinks=False)
        if entry.name in _NEVER or path in skipped or _is_ignored(path, ignores, is_folder=is_folder):
            continue
        if is_folder:
            yield from _below(path, ignores, skipped)
        elif entry.is_file() and (not entry.is_symlink() or path.resolve().is_relative_to(folder)):
            yield path


def _ignores_above(folder: Path) -> tuple[_Ignore, ...]:
    """The `.gitignore` files between the root of the repository and `folder`, which isn't looked at itself."""
    above = [folder, *folder.parents]
    root = next((index for index, parent in enumerate(above) if (parent / ".git").exists()), 0)
    return tuple(_read_ignore(parent) for parent in reversed(above[1 : root + 1]) if (parent / ".gitignore").is_file())


def _read_ignore(folder: Path) -> _Ignore:
    from pathspec import GitIgnoreSpec  # here, as most commands never look at code

    lines = (folder / ".gitignore").read_text(encoding="utf-8", errors="replace").splitlines()
    return _Ignore(folder, GitIgnoreSpec.from_lines(lines))


def _is_ignored(path: Path, ignores: tuple[_Ignore, ...], *, is_folder: bool) -> bool:
    """What the nearest `.gitignore` that says anything about the path says.

    Source: gitignore(5), section PATTERN FORMAT: patterns in a deeper file override those above.
    """
    for ignore in reversed(ignores):
        relative = path.relative_to(ignore.folder).as_posix()
        said = ignore.spec.check_file(relative + "/" if is_folder else relative).include
        if said is not None:
            return said
    return False
