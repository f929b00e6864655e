"""Reading the files of a project, each once, with their faults as diagnostics."""

from dataclasses import dataclass, field
from pathlib import Path

from mlopsctl.diagnostics import Diagnostic, Finding, Span, diagnostic
from mlopsctl.source import faults
from mlopsctl.source.document import Parsed, parse, span_at
from mlopsctl.source.nodes import start_of

LARGEST = 4 * 1024 * 1024  # bytes; a pipeline of a thousand stages is a tenth of it


@dataclass(slots=True)
class Files:
    """The files read so far. `texts` is by display path, relative to `root`, for whoever shows source lines."""

    root: Path
    texts: dict[str, str] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)

    def shown(self, path: Path) -> str:
        """How the file is named to people: relative to the root where it lies below it."""
        try:
            return path.relative_to(self.root).as_posix()
        except ValueError:
            return path.as_posix()

    def read(self, path: Path) -> Parsed:
        """The documents of a file; its faults are returned and also kept."""
        file = self.shown(path)
        parsed = self._parsed(path, file)
        self.diagnostics.extend(parsed.diagnostics)
        return parsed

    def _parsed(self, path: Path, file: str) -> Parsed:
        try:
            with path.open("rb") as stream:
                content = stream.read(LARGEST + 1)
        except OSError as error:
            return Parsed((), (unreadable(file, error.strerror or type(error).__name__),))
        if len(content) > LARGEST:
            return Parsed((), (too_large(file, LARGEST),))
        self.texts[file] = content.decode("utf-8", errors="replace").removeprefix("\ufeff")
        try:
            content.decode("utf-8")
        except UnicodeDecodeError as error:
            return Parsed((), (faults.not_utf8(_place(content, error.start, file), content[error.start]),))
        return parse(self.texts[file], file)


def _place(content: bytes, offset: int, file: str) -> Span:
    before = content[:offset].decode("utf-8").removeprefix("\ufeff")
    return span_at(before, len(before), file)


@diagnostic("MLO001")
def unreadable(file: str, why: str) -> Finding:
    """A file of the project can't be read.

    Example:
        pipelines: [pipelines/secret.yaml]    # and its mode is 000

    Fix: check that the file is there and that you may read it.
    """
    return Finding(message=f"`{file}` can't be read: {why}", span=start_of(file))


@diagnostic("MLO002")
def too_large(file: str, limit: int) -> Finding:
    """A file of the project is too large to be a pipeline.

    Example:
        a data file that a glob such as `pipelines: [**/*]` catches

    Fix: name only YAML files in `mlops.yaml`.
    """
    return Finding(message=f"`{file}` is larger than {limit // 1024 // 1024} MiB", span=start_of(file))
