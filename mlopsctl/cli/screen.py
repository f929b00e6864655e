"""What all commands share: the project that is looked at, and the way to say something is wrong."""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mlopsctl.diagnostics import Diagnostic
from mlopsctl.report.terminal import Terminal
from mlopsctl.source import project
from mlopsctl.source.project import Sources

if TYPE_CHECKING:
    from mlopsctl.compilation import Compilation
    from mlopsctl.compiler import Rules
    from mlopsctl.render.filling import Templates
    from mlopsctl.render.targets import Targets

MANY = 50  # pipelines; for fewer, one process does all
PULLED = "crds"  # below the project's root: where `schema pull` keeps what a cluster knows


@dataclass(slots=True)
class Screen:
    """One command's view.

    `texts` are the files read so far, for the source lines of diagnostics; `said` are the diagnostics shown so far.
    """

    quiet: bool = False
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    texts: dict[str, str] = field(default_factory=dict)
    said: set[Diagnostic] = field(default_factory=set)

    def load(self, path: str | None = None) -> Sources:
        """The project that rules this folder, or the file or folder `path`. Raises DiagnosedError if there is none."""
        sources = project.load(project.find_root(Path(path) if path else Path.cwd()))
        self.texts.update(sources.texts)
        return sources

    def compile(self, path: str = "", environment: str = "local") -> "Compilation":
        """The project, compiled for one environment. Raises DiagnosedError if either is not there."""
        from mlopsctl.compiler import compile_project

        sources = self.load(path)
        return compile_project(sources, environment, rules_for(sources))

    def compile_for_cluster(self, environment: str, path: str = "") -> "Compilation":
        """The project, compiled for the environment of that name, or for the only one that has a cluster.

        Raises DiagnosedError if there is no such environment, or none that could be meant.
        """
        from mlopsctl.compilation import only_cluster
        from mlopsctl.compiler import compile_project

        sources = self.load(path)
        return compile_project(sources, environment or only_cluster(sources), rules_for(sources))

    @contextmanager
    def templates(self, sources: Sources) -> "Iterator[Templates]":
        """The templates of a project; those with faults are shown with them."""
        from mlopsctl.render.filling import Templates

        templates = Templates(sources.templates, sources.root)
        try:
            yield templates
        finally:
            self.texts.update(templates.texts)

    def targets(self, sources: Sources, schemas: "Iterable[Path]") -> "Targets":
        """What objects are checked against: ours, those of the project's folder of pulled schemas, and `schemas`."""
        from mlopsctl.render.targets import Targets

        return Targets((*schemas, sources.root / PULLED))

    def complain(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Show diagnostics on standard error, each once, as what several environments say is mostly the same."""
        new = [found for found in dict.fromkeys(diagnostics) if found not in self.said]
        self.said.update(new)
        if not new:
            return
        from mlopsctl.report.text import render_diagnostics  # here, as mostly there is nothing to complain of

        terminal = Terminal.of(sys.stderr, self.environ)
        text = render_diagnostics(new, self.texts, colour=terminal.colour, width=terminal.width)
        sys.stderr.write(text if text.endswith("\n") else text + "\n")

    def out(self) -> Terminal:
        """What standard output can show."""
        return Terminal.of(sys.stdout, self.environ)


def rules_for(sources: Sources) -> "Rules | None":
    """How the pipelines of a project are held against the rules: where they are many, by several processes."""
    if len(sources.pipelines) < MANY:
        return None
    from mlopsctl.cli.ruling import ruled_in_shares

    return ruled_in_shares


def screen_of(context: typer.Context) -> Screen:
    """The screen of the running command."""
    screen = context.obj
    assert isinstance(screen, Screen)
    return screen
