"""What all commands share: the project that is looked at, and the way to say something is wrong."""

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import typer

from mlopsctl.diagnostics import Diagnostic
from mlopsctl.report.terminal import Terminal
from mlopsctl.report.text import render_diagnostics
from mlopsctl.source import project
from mlopsctl.source.project import Sources


@dataclass(slots=True)
class Screen:
    """One command's view: `texts` are the files read so far, for the source lines of diagnostics."""

    quiet: bool = False
    folder: Path = field(default_factory=Path.cwd)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    texts: dict[str, str] = field(default_factory=dict)

    def load(self, path: str | None = None) -> Sources:
        """The project that rules the folder, or the file or folder `path`. Raises DiagnosedError if there is none."""
        sources = project.load(project.find_root(self.folder / path if path else self.folder))
        self.texts.update(sources.texts)
        return sources

    def complain(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Show diagnostics on standard error."""
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
