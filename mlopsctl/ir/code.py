"""The code that stages run, fingerprinted: what counts for their keys and is copied or sent to where they run."""

import errno
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from mlopsctl.diagnostics import DiagnosedError, Finding, Span, diagnostic
from mlopsctl.frozen import frozen
from mlopsctl.ir.model import DataStage, DeployStage, MonitorStage, Pipeline, Stage
from mlopsctl.ir.values import Values, source_text
from mlopsctl.source.code import code_files, included
from mlopsctl.source.interpolation import Text
from mlopsctl.source.questions import Question, note
from mlopsctl.store import canonical_json, digest_bytes, digest_file

CODE = "code"  # the kind of the question which code there is
LARGEST_CODE = 100 * 1024 * 1024  # bytes


class CodeTooLargeError(Exception):
    """The code is more than travels with a stage; `largest` are the heaviest files, with their sizes in bytes."""

    def __init__(self, size: int, largest: list[tuple[str, int]]) -> None:
        super().__init__(f"{size} bytes")
        self.size = size
        self.largest = largest


@frozen
class CodeTree:
    """The code as it was when it was read: its files, and a mark of content and mode for each. Paths are relative."""

    files: Mapping[str, Path]
    marks: Mapping[str, str]

    def part(self, patterns: tuple[str, ...]) -> dict[str, str]:
        """The marks of those files that a stage's `code.include` names; of all if it names none."""
        chosen = included(self.files, patterns)
        return {path: self.marks[path] for path in chosen}

    def digest(self, patterns: tuple[str, ...]) -> str:
        """The digest of that part, as it counts for keys."""
        return digest_bytes(canonical_json(self.part(patterns)))


def code_of(pipeline: Pipeline, values: Values, documents: frozenset[Path]) -> CodeTree:
    """The code of a pipeline, without the project's `documents` and what reaches stages in another way.

    Raises DiagnosedError if it is too large, and OSError for a file that can't be read or named.
    """
    folder, without = pipeline.code.folder, documents | frozenset(_brought(pipeline, values))
    try:
        tree = read_code(code_files(folder, without=without))
    except CodeTooLargeError as error:
        span = pipeline.code.origin.value("path") if pipeline.code.origin else None
        largest = tuple(f"{path} ({_megabytes(size)})" for path, size in error.largest)
        raise DiagnosedError(code_too_large(span, _megabytes(error.size), _megabytes(LARGEST_CODE), largest)) from error
    note(Question(CODE, str(folder), json.dumps(sorted(map(str, without)))), tree.digest(()))
    return tree


def code_now(question: Question) -> str:
    """What the question about code, which `code_of` asks, is answered now. Raises as `read_code` does."""
    without = frozenset(map(Path, json.loads(question.more)))
    return read_code(code_files(Path(question.path), without=without)).digest(())


def read_code(files: Mapping[str, Path]) -> CodeTree:
    """Fingerprint the files. Raises CodeTooLargeError, and OSError for a file that can't be read or named."""
    for path in files:
        if any("\udc80" <= character <= "\udcff" for character in path):  # as Python shows bytes that are no text
            raise OSError(errno.EILSEQ, "the name of this file is not UTF-8", path)
    sizes = {path: file.stat().st_size for path, file in files.items()}
    if sum(sizes.values()) > LARGEST_CODE:
        heaviest = sorted(sizes.items(), key=lambda item: -item[1])
        raise CodeTooLargeError(sum(sizes.values()), heaviest[:3])
    return CodeTree(files, {path: mark(file) for path, file in files.items()})


def mark(file: Path) -> str:
    """What of a file counts: its content, and whether it can be run."""
    return digest_file(file) + ("+x" if os.access(file, os.X_OK) else "")


def _brought(pipeline: Pipeline, values: Values) -> Iterator[Path]:
    """The files that reach a stage in another way: as data, whose digest is an input's, or as a load test's request."""
    folder = pipeline.file.parent
    for stage in pipeline.stages.values():
        if (address := address_of(stage)) is not None:
            source = source_text(address, values.of(stage), {})
            if "://" not in source:
                yield folder / source
        elif isinstance(stage, DeployStage) and stage.load_test is not None:
            yield folder / stage.load_test.request


def address_of(stage: Stage) -> Text | None:
    """Where the data is that a stage brings from elsewhere: a path or a URI; None if it brings none."""
    if isinstance(stage, MonitorStage):
        return stage.performance.truth if stage.performance is not None else None
    return stage.source if isinstance(stage, DataStage) else None


def _megabytes(size: int) -> str:
    return f"{size / 1024 / 1024:,.0f} MiB"


@diagnostic("MLO808")
def code_too_large(span: Span | None, size: str, limit: str, largest: tuple[str, ...]) -> Finding:
    """The code is larger than what travels with every stage.

    Example:
        a data file of some gigabytes beside train.py that no `.gitignore` names

    Fix: let a data stage bring large files, and ignore them in git.
    """
    return Finding(
        message=f"the code is {size}, at most {limit} travels with a stage",
        span=span,
        notes=tuple(f"large: {name}" for name in largest),
        helps=("name data in `.gitignore` and let a data stage read it",),
    )
