"""Which files are the code that stages run: what git would track, less what mlopsctl itself reads and writes."""

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from mlopsctl.frozen import frozen
from mlopsctl.source.ignore import Pattern, read_patterns, said_of

# How every file of `render` begins, which holds the digest of the code, so it can be no part of it; and one of `ci`,
# which runs no stage.
WRITTEN = "# Written by mlopsctl "
RENDERED = f"{WRITTEN}render"
_NEVER = frozenset({".git", ".mlops", "__pycache__", ".ipynb_checkpoints"})


@frozen
class _Ignore:
    """One `.gitignore` and the folder that it rules."""

    folder: Path
    patterns: tuple[Pattern, ...]


def code_files(folder: Path, *, without: Collection[Path] = ()) -> Mapping[str, Path]:
    """The files of the code by their path relative to `folder`, sorted.

    Left out are what a `.gitignore` names, virtual environments, caches, links to folders and out of the code, what
    `render` and `ci` wrote, and the files and folders `without`: the project's own documents, or changing a comment
    there would train again, and data, which reaches stages as inputs. Raises OSError if the folder can't be read.
    """
    root = folder.resolve()
    ignores = _ignores_above(root)
    if ignores is None:
        return {}
    skipped = frozenset(map(os.path.realpath, without))
    found = _below(root, ignores, lambda path: os.fspath(path) in skipped or _leads_out(path, root))
    return dict(sorted((path.relative_to(root).as_posix(), path) for path in found))


def included(files: Mapping[str, Path], patterns: Collection[str]) -> Mapping[str, Path]:
    """Those of the files that a pattern matches, as in `.gitignore`; all of them where there is no pattern."""
    if not patterns:
        return files
    chosen = read_patterns(os.fsencode(pattern) for pattern in patterns)
    return {path: file for path, file in files.items() if _is_meant(os.fsencode(path), chosen)}


def _is_meant(path: bytes, patterns: tuple[Pattern, ...]) -> bool:
    """What is said of a file, or else of the nearest folder around it that anything is said of."""
    said = said_of(path, patterns, is_folder=False)
    while said is None and b"/" in path:
        path = path.rpartition(b"/")[0]
        said = said_of(path, patterns, is_folder=True)
    return said is True


def _below(folder: Path, ignores: tuple[_Ignore, ...], is_skipped: Callable[[Path], bool]) -> Iterator[Path]:
    entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    if any(entry.name == "pyvenv.cfg" for entry in entries):
        return
    if any(entry.name == ".gitignore" and entry.is_file(follow_symlinks=False) for entry in entries):
        ignores = (*ignores, _read_ignore(folder))
    for entry in entries:
        path = Path(entry.path)
        is_folder = entry.is_dir(follow_symlinks=False)
        if entry.name in _NEVER or is_skipped(path) or _is_ignored(path, ignores, is_folder=is_folder):
            continue
        if is_folder:
            yield from _below(path, ignores, is_skipped)
        elif path.is_file() and not (path.suffix in (".yaml", ".yml") and _is_ours(path)):
            yield path


def _is_ours(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(WRITTEN)) == WRITTEN.encode()


def _leads_out(path: Path, root: Path) -> bool:
    """Whether the path is a link to somewhere outside of `root`, or to nowhere."""
    try:
        return path.is_symlink() and not path.resolve(strict=True).is_relative_to(root)
    except (OSError, RuntimeError):  # a link that leads to itself is one or the other, by Python's version
        return True


def _ignores_above(folder: Path) -> tuple[_Ignore, ...] | None:
    """The `.gitignore` files between the root of the repository and `folder`; None if they leave `folder` out."""
    chain = [folder, *folder.parents]
    root = next((index for index, parent in enumerate(chain) if (parent / ".git").exists()), 0)
    ignores: tuple[_Ignore, ...] = ()
    for parent, child in zip(chain[root:0:-1], chain[root - 1 :: -1], strict=False):
        if (parent / ".gitignore").is_file():
            ignores = (*ignores, _read_ignore(parent))
        if _is_ignored(child, ignores, is_folder=True):
            return None
    return ignores


def _read_ignore(folder: Path) -> _Ignore:
    content = (folder / ".gitignore").read_bytes().removeprefix(b"\xef\xbb\xbf")
    return _Ignore(folder, read_patterns(line.removesuffix(b"\r") for line in content.split(b"\n")))


def _is_ignored(path: Path, ignores: tuple[_Ignore, ...], *, is_folder: bool) -> bool:
    """What the nearest `.gitignore` that says anything about the path says."""
    for ignore in reversed(ignores):
        said = said_of(os.fsencode(path.relative_to(ignore.folder)), ignore.patterns, is_folder=is_folder)
        if said is not None:
            return said
    return False
