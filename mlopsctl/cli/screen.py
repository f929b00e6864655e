"""What all commands share: the project that is looked at, and the way to say something is wrong."""

import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mlopsctl.check.proven import Proven, remembered
from mlopsctl.diagnostics import Diagnostic
from mlopsctl.local.cache import default_cache
from mlopsctl.report.terminal import Terminal
from mlopsctl.source import project
from mlopsctl.source.project import Sources

if TYPE_CHECKING:
    from mlopsctl.compiler import Compilation


@dataclass(slots=True)
class Screen:
    """One command's view: `texts` are the files read so far, for the source lines of diagnostics."""

    quiet: bool = False
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    texts: dict[str, str] = field(default_factory=dict)

    def load(self, path: str | None = None) -> Sources:
        """The project that rules this folder, or the file or folder `path`. Raises DiagnosedError if there is none."""
        sources = project.load(project.find_root(Path(path) if path else Path.cwd()))
        self.texts.update(sources.texts)
        return sources

    def compile(self, path: str = "", environment: str = "local") -> "Compilation":
        """The project, compiled for one environment. Raises DiagnosedError if either is not there."""
        from mlopsctl.compiler import compile_project

        with self.proven() as proven:
            return compile_project(self.load(path), environment, proven=proven)

    def proven(self) -> AbstractContextManager[Proven]:
        """What this and earlier commands found right, of whatever project."""
        return remembered(default_cache(self.environ) / "proven")

    def complain(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Show diagnostics on standard error."""
        from mlopsctl.report.text import render_diagnostics  # here, as mostly there is nothing to complain of

        terminal = Terminal.of(sys.stderr, self.environ)
        text = render_diagnostics(list(diagnostics), self.texts, colour=terminal.colour, width=terminal.width)
        sys.stderr.write(text if text.endswith("\n") else text + "\n")

    def out(self) -> Terminal:
        """What standard output can show."""
        return Terminal.of(sys.stdout, self.environ)


def screen_of(context: typer.Context) -> Screen:
    """The screen of the running command."""
    screen = context.obj
    assert isinstance(screen, Screen)
    return screen
