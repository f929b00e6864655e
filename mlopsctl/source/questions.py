"""What is asked of the file system on the way from a project to its objects, and what it answered.

What was made from some answers is as good as new for as long as the same questions get the same answers.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from mlopsctl.frozen import frozen

if TYPE_CHECKING:
    from mlopsctl.store import Artifact

LONGEST_TEXT = 1024 * 1024  # bytes; what is longer was not written by a person
MOST_NAMES = 1000


@frozen
class Question:
    """What is asked of a path; `more` is what only some kinds of questions need, such as a pattern."""

    kind: str
    path: str
    more: str = ""


Answers = dict[Question, str]

# Whoever listens does so for what is asked within a block; elsewhere nobody does.
_heard: ContextVar[Answers | None] = ContextVar("heard", default=None)


@contextmanager
def heard() -> Iterator[Answers]:
    """What is asked in the block, with the answers."""
    answers: Answers = {}
    token = _heard.set(answers)
    try:
        yield answers
    finally:
        _heard.reset(token)


def note(question: Question, answer: str) -> None:
    """Tell whoever listens. A question with two answers changed meanwhile: its answer is then one that never comes."""
    answers = _heard.get()
    if answers is not None and answers.setdefault(question, answer) != answer:
        answers[question] = "changed while it was read"


def note_all(answers: Answers) -> None:
    """Tell whoever listens what was asked elsewhere, as in another process."""
    for question, answer in answers.items():
        note(question, answer)


def kind_of(path: Path) -> str:
    """`file` or `folder`; empty if there is neither."""
    answer = answer_to(question := Question("kind", os.fspath(path)))
    note(question, answer)
    return answer


def real(path: Path) -> Path:
    """The path without links."""
    answer = answer_to(question := Question("real", os.fspath(path)))
    note(question, answer)
    return Path(answer)


def names_in(folder: Path) -> tuple[str, ...]:
    """The names in a folder, sorted; of very many, some."""
    answer = answer_to(question := Question("names", os.fspath(folder)))
    note(question, answer)
    return tuple(json.loads(answer))


def has_match(folder: Path, pattern: str) -> bool:
    """Whether a pattern is of anything below a folder. Raises what `Path.glob` raises, which says so each time."""
    found = next(folder.glob(pattern), None) is not None
    note(Question("glob", os.fspath(folder), pattern), str(found))
    return found


def content(path: Path, *, longest: int = -1) -> bytes:
    """The bytes of a file, or the first of them. Raises OSError or ValueError, which is an answer as well."""
    question = Question("content", os.fspath(path), str(longest))
    try:
        with path.open("rb") as stream:
            found = stream.read(longest)
    except (OSError, ValueError):
        note(question, "")
        raise
    note(question, sha256(found).hexdigest())
    return found


def artifact(path: Path) -> "Artifact":
    """A file, or a folder with all that is in it, by its digest. Raises StoreError."""
    from mlopsctl.store import artifact_of  # here, as what only checks never needs the store

    found = artifact_of(path)
    note(Question("digest", os.fspath(path)), found.digest)
    return found


def answer_to(question: Question) -> str:
    """The answer of now. Raises OSError or ValueError where there is none, and KeyError for an unknown question."""
    path = question.path
    match question.kind:
        case "kind":
            return _kind(path)
        case "real":
            return os.path.realpath(path)
        case "names":
            return _names(Path(path))
        case "glob":
            return str(next(Path(path).glob(question.more), None) is not None)
        case "digest":
            return _whole_digest(Path(path))
        case "content":
            return _digest(Path(path), int(question.more))
        case _:
            raise KeyError(question.kind)


def _kind(path: str) -> str:
    try:
        return "file" if os.path.isfile(path) else "folder" if os.path.isdir(path) else ""  # noqa: PTH112, PTH113 - quick
    except ValueError:  # a name that no file can have
        return ""


def _names(folder: Path) -> str:
    try:
        return json.dumps(sorted(entry.name for entry in islice(folder.iterdir(), MOST_NAMES)))
    except (OSError, ValueError):
        return "[]"


def _whole_digest(path: Path) -> str:
    from mlopsctl.store import StoreError, artifact_of

    try:
        return artifact_of(path).digest
    except StoreError:
        return ""


def _digest(path: Path, longest: int) -> str:
    try:
        with path.open("rb") as stream:
            return sha256(stream.read(longest)).hexdigest()
    except (OSError, ValueError):
        return ""
