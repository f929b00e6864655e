"""What a project was rendered to, kept for as long as nothing changes that it was made from.

It is known by the digest of all documents and of mlopsctl itself, and holds good if each question that was asked of the
file system on the way is answered as it was then. See docs/decisions/0023-kept-renderings.md.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mlopsctl import __version__
from mlopsctl.diagnostics import Diagnostic, Position, Related, Severity, Span
from mlopsctl.frozen import frozen
from mlopsctl.ir.code import CODE, code_now
from mlopsctl.render.files import Piece
from mlopsctl.source.questions import Answers, Question, answer_to

MOST = 8  # renderings that are kept; those used least recently go first
_PACKAGE = Path(__file__).parent.parent
_LIBRARIES = ("jinja2", "jsonschema", "yaml")
_HEADER = b"mlopsctl rendering 1\n"


@frozen(kw_only=True)
class Kept:
    """All that a rendering says: its objects' texts, the warnings, and what stands for the commit in them."""

    mark: str
    pieces: Sequence[Piece]
    diagnostics: Sequence[Diagnostic]


def key_of(entry: Path, documents: Iterable[tuple[Path, bytes]], environment: str, folders: Iterable[Path]) -> str:
    """What a rendering is looked up by: the digest of all that it is made from and that is known before it is made.

    `folders` are those of schemas and templates, which count with all that is in them. Raises OSError.
    """
    digest = sha256()
    for part in (str(entry), environment, sys.version, __version__, *_own_files()):
        _add(digest, part.encode("utf-8", "surrogateescape"))
    for path, content in documents:
        _add(digest, os.fsencode(path))
        _add(digest, content)
    for folder in folders:
        _add(digest, os.fsencode(folder))
        for path in _files_below(folder):
            _add(digest, os.fsencode(path))
            _add(digest, path.read_bytes())
    return digest.hexdigest()


def find(folder: Path, key: str) -> Kept | None:
    """What is kept under a key and still holds; None if there is none, if it is damaged, or if an answer changed."""
    file = folder / key
    try:
        content = file.read_bytes()
        found = _read(content)
        if found is None or not all(_holds(*each) for each in found[0]):
            return None
        os.utime(file)
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return found[1]


def keep(folder: Path, key: str, kept: Kept, answers: Answers) -> None:
    """Keep a rendering with the answers that it depends on. A folder that can't be written to costs time alone."""
    from mlopsctl.store.beside import written_beside  # here, as mostly nothing is new

    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        with written_beside(folder / key, durable=False) as stream:
            stream.writelines(_written(kept, answers))
        _forget(folder)


def _forget(folder: Path) -> None:
    """Remove what was used least recently, and what writers that were killed left."""
    files = sorted((entry for entry in os.scandir(folder)), key=lambda entry: entry.stat().st_mtime, reverse=True)
    for entry in files[MOST:]:
        Path(entry.path).unlink(missing_ok=True)


def _own_files() -> Iterator[str]:
    """What tells this mlopsctl and its libraries from others, also from one that somebody is working on."""
    libraries = (spec.origin for name in _LIBRARIES if (spec := find_spec(name)) and spec.origin)
    for path in (*_files_below(_PACKAGE), *map(Path, libraries)):
        status = path.stat()
        yield f"{path}:{status.st_size}:{status.st_mtime_ns}"


def _files_below(folder: Path) -> Iterator[Path]:
    """The files in a folder and below it, also behind links, sorted; each folder once. None of a folder without any."""
    waiting, seen = [folder], set[str]()
    while waiting:
        here = waiting.pop()
        if (place := os.path.realpath(here)) in seen or not here.is_dir():
            continue
        seen.add(place)
        entries = sorted((entry for entry in os.scandir(here) if entry.name != "__pycache__"), key=lambda one: one.name)
        waiting += [Path(entry.path) for entry in entries if entry.is_dir()]
        yield from (Path(entry.path) for entry in entries if entry.is_file())


def _add(digest: Any, part: bytes) -> None:
    """Add a part so that no other parts make the same whole."""
    digest.update(len(part).to_bytes(8, "big"))
    digest.update(part)


def _holds(question: Question, answer: str) -> bool:
    return (code_now(question) if question.kind == CODE else answer_to(question)) == answer


def _written(kept: Kept, answers: Answers) -> Iterator[bytes]:
    """The lines of a file: what it is, the digest of the rest, an index, and the texts without anything between."""
    texts = [(piece.head.encode(), piece.body.encode()) for piece in kept.pieces]
    index = {
        "mark": kept.mark,
        "answers": [[each.kind, each.path, each.more, answer] for each, answer in answers.items()],
        "diagnostics": [_encoded(each) for each in kept.diagnostics],
        "pieces": [(piece.path, len(head), len(body)) for piece, (head, body) in zip(kept.pieces, texts, strict=True)],
    }
    rest = b"".join([json.dumps(index).encode(), b"\n", *(part for pair in texts for part in pair)])
    yield _HEADER
    yield sha256(rest).hexdigest().encode() + b"\n"
    yield rest


def _read(content: bytes) -> tuple[list[tuple[Question, str]], Kept] | None:
    """What a file says; None if it isn't whole. Raises ValueError or LookupError for what nobody wrote."""
    start = len(_HEADER) + 65
    rest = memoryview(content)[start:]
    if content[:start] != _HEADER + sha256(rest).hexdigest().encode() + b"\n":
        return None
    end = content.index(b"\n", start)
    index = json.loads(content[start:end])
    pieces, at = list[Piece](), end + 1
    for path, head, body in index["pieces"]:
        middle = at + head
        pieces.append(Piece(path, content[at:middle].decode(), content[middle : middle + body].decode()))
        at = middle + body
    answers = [(Question(*asked), answer) for *asked, answer in index["answers"]]
    diagnostics = tuple(_decoded(each) for each in index["diagnostics"])
    return answers, Kept(mark=index["mark"], pieces=pieces, diagnostics=diagnostics)


def _encoded(found: Diagnostic) -> list[Any]:
    related = [[_place(each.span), each.label] for each in found.related]
    texts = [found.code, found.severity.value, found.message, found.label]
    return [*texts, _place(found.span), related, list(found.notes), list(found.helps)]


def _decoded(said: list[Any]) -> Diagnostic:
    code, severity, message, label, place, related, notes, helps = said
    return Diagnostic(
        code=code,
        severity=Severity(severity),
        message=message,
        label=label,
        span=_span(place) if place else None,
        related=tuple(Related(_span(at), word) for at, word in related),
        notes=tuple(notes),
        helps=tuple(helps),
    )


def _place(span: Span | None) -> list[Any] | None:
    return [span.file, span.start.line, span.start.column, span.end.line, span.end.column] if span else None


def _span(place: list[Any]) -> Span:
    file, line, column, last, end = place
    return Span(file, Position(line, column), Position(last, end))
