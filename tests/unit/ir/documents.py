"""Pipelines lowered from text, for the tests of this room."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlopsctl.check import structure
from mlopsctl.ir import lower
from mlopsctl.ir.model import Pipeline
from mlopsctl.source.document import parse
from mlopsctl.source.header import Source
from mlopsctl.source.nodes import MappingNode, at, plain

FILE = Path("/project/pipeline.yaml")
HEAD = "apiVersion: mlopsctl.dev/v1\nkind: Pipeline\nmetadata: {name: p}\nspec:\n"


@dataclass(frozen=True)
class Written:
    """A document and what is wrong with its shape."""

    source: Source
    broken: list[Any]


def written(text: str) -> Written:
    (document,) = parse(text, "pipeline.yaml").documents
    assert isinstance(document.root, MappingNode)
    named = at(document.root, ("metadata", "name"))
    source = Source("Pipeline", str(plain(named)) if named else "", document.root, FILE)
    return Written(source, [path for _, path in structure.check(source, document.root)])


def lowered(text: str) -> Pipeline:
    """The pipeline of a text whose shape is right."""
    found = written(text)
    assert found.broken == []
    return lower.pipeline(found.source, found.source.root, "local", ()).pipeline


def stages(text: str) -> Pipeline:
    """The pipeline with these stages, each a line such as `a: {kind: task, run: go}`."""
    return lowered(HEAD + "  stages:\n" + "".join(f"    {line}\n" for line in text.strip().splitlines()))
