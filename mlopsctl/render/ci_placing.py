"""Files of CI put in their places, over older ones of ours, never over what a person has changed."""

import os
from collections.abc import Mapping
from pathlib import Path

from mlopsctl.diagnostics import DiagnosedError, Finding, diagnostic
from mlopsctl.frozen import frozen
from mlopsctl.render.ci import is_untouched


@frozen(kw_only=True)
class Standing:
    """How the files of a folder stand to those that belong there, by their paths.

    `changed` are somebody's own by now; `left_over` are of environments that are gone.
    """

    new: tuple[str, ...]
    older: tuple[str, ...]
    same: tuple[str, ...]
    changed: tuple[str, ...]
    left_over: tuple[str, ...]

    @property
    def is_current(self) -> bool:
        """Whether there is nothing to write and nothing to remove."""
        return not (self.new or self.older or self.changed or self.left_over)


def standing(files: Mapping[str, str], folder: Path, owned: str) -> Standing:
    """How what is in `folder` stands to `files`; what `owned` matches and is ours belongs to no other project.

    Raises OSError.
    """
    kinds: dict[str, list[str]] = {"new": [], "older": [], "same": [], "changed": []}
    for path, text in files.items():
        kinds[_kind(folder / path, text)].append(path)
    others = (path.relative_to(folder).as_posix() for path in sorted(folder.glob(owned)))
    left = tuple(path for path in others if path not in files and is_untouched(_read(folder / path)))
    return Standing(**{kind: tuple(paths) for kind, paths in kinds.items()}, left_over=left)


def bring(files: Mapping[str, str], folder: Path, found: Standing, *, is_forced: bool) -> None:
    """Write what is new or older, remove what is left over, and with `is_forced` replace what was changed.

    Raises DiagnosedError, before anything is written, if something was changed; OSError.
    """
    if found.changed and not is_forced:
        raise DiagnosedError(changed_by_hand(found.changed))
    for path in (*found.new, *found.older, *found.changed):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name}.new")
        beside.write_text(files[path], encoding="utf-8", newline="\n")
        beside.replace(target)
    for path in found.left_over:
        (folder / path).unlink()


def _kind(path: Path, text: str) -> str:
    if not os.path.lexists(path):
        return "new"
    there = _read(path)
    if there == text:
        return "same"
    return "older" if is_untouched(there) else "changed"


def _read(path: Path) -> str:
    return path.read_bytes().decode("utf-8", errors="replace")


@diagnostic("MLO024")
def changed_by_hand(paths: tuple[str, ...]) -> Finding:
    """A file of CI that `ci` would write was changed by hand, or was never written by it.

    Nothing is written, not even the files that weren't changed.

    Example:
        mlopsctl ci github        # after a step was added to .github/workflows/mlops.yaml

    Fix: put what you added into a file of its own, and give `--force` to have this one written anew.
    """
    many = len(paths) > 1
    return Finding(
        message=f"{len(paths)} files were changed by hand" if many else f"`{paths[0]}` was changed by hand",
        notes=paths if many else (),
        helps=("nothing was written; move what is yours to a file of its own, or give --force to have it replaced",),
    )


@diagnostic("MLO025")
def out_of_date(found: Standing) -> Finding:
    """The files of CI aren't what this project needs now: an environment or a pipeline came, went or has changed.

    It is also said after a change of the version of mlopsctl, which the files name.

    Example:
        mlopsctl ci github --check        # after environments/prod.yaml was added

    Fix: run the same command without `--check`, and commit what it writes.
    """
    said = {
        "is missing": found.new,
        "is older": found.older,
        "was changed": found.changed,
        "is left over": found.left_over,
    }
    notes = tuple(f"{path} {how}" for how, paths in said.items() for path in paths)
    return Finding(
        message="the files of CI are not what this project needs",
        notes=notes,
        helps=("run the same command without --check, and commit what it writes",),
    )
