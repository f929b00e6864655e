"""The rules of meaning: each one a function with its code, whose docstring is what `explain` shows."""

from collections.abc import Callable, Iterable, Iterator

from mlopsctl.check.meaning import references
from mlopsctl.diagnostics import Diagnostic
from mlopsctl.ir.model import Pipeline
from mlopsctl.source.project import Sources

PIPELINE_RULES: tuple[Callable[[Pipeline], Iterator[Diagnostic]], ...] = (references.unknown_stage,)
PROJECT_RULES: tuple[Callable[[Sources, tuple[Pipeline, ...]], Iterator[Diagnostic]], ...] = ()


def of_pipeline(pipeline: Pipeline) -> Iterator[Diagnostic]:
    """What a pipeline says that can't be meant."""
    for rule in PIPELINE_RULES:
        yield from rule(pipeline)


def of_project(sources: Sources, pipelines: Iterable[Pipeline]) -> Iterator[Diagnostic]:
    """What the documents of a project say about each other that can't be meant."""
    everything = tuple(pipelines)
    for rule in PROJECT_RULES:
        yield from rule(sources, everything)
