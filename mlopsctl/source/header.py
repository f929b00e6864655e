"""The header that every document has: `apiVersion`, `kind` and its name."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeGuard, get_args

from mlopsctl.diagnostics import Diagnostic, Finding, Span, diagnostic, similar
from mlopsctl.frozen import frozen
from mlopsctl.source.nodes import MappingNode, Node, ScalarNode, at, start_of

if TYPE_CHECKING:
    from mlopsctl.source.files import Files  # which reads YAML; what is in a pod has none to read

API_VERSION = "mlopsctl.dev/v1"
Kind = Literal["Project", "Pipeline", "Environment", "Policy", "Patch", "Release"]


@frozen
class Source:
    """One document whose header says what it is. `name` is empty where the document gives none."""

    kind: Kind
    name: str
    root: MappingNode
    path: Path


def classified(files: "Files", path: Path) -> Iterator[Source]:
    """The documents of a file whose header can be read; what is wrong with the others is added to `files`."""
    parsed = files.read(path)
    if parsed.is_empty:
        files.diagnostics.append(empty(files.shown(path)))
    for document in parsed.documents:
        source = _source(document.root, path)
        if isinstance(source, Diagnostic):
            files.diagnostics.append(source)
        else:
            yield source


def _source(root: Node, path: Path) -> Source | Diagnostic:
    if not isinstance(root, MappingNode):
        return not_a_document(root.span)
    version, kind = root.get("apiVersion"), root.get("kind")
    if not isinstance(version, ScalarNode):
        return no_header(_top(root), "apiVersion", API_VERSION)
    if version.value != API_VERSION:
        return other_version(version.span, str(version.value))
    if not isinstance(kind, ScalarNode):
        return no_header(_top(root), "kind", "Pipeline")
    if not _is_kind(kind.value):
        return unknown_kind(kind.span, str(kind.value))
    name = at(root, ("metadata", "name"))
    return Source(kind.value, str(name.value) if isinstance(name, ScalarNode) else "", root, path)


def _is_kind(value: object) -> TypeGuard[Kind]:
    return value in get_args(Kind)


def _top(root: MappingNode) -> Span:
    """The first key of a document, as underlining all of it would help nobody."""
    return next((entry.key for entry in root.entries.values()), root.span)


@diagnostic("MLO010")
def empty(file: str) -> Finding:
    """A file of the project is empty.

    Example:
        a pipeline.yaml whose every line is a comment

    Fix: write a document into it, or remove it. `mlopsctl init` writes a project that runs as it is.
    """
    return Finding(message=f"`{file}` is empty", span=start_of(file), helps=("to begin a project: mlopsctl init",))


@diagnostic("MLO011")
def not_a_document(span: Span) -> Finding:
    """A document is not a mapping of keys to values.

    Example:
        - kind: Pipeline

    Fix: begin the document with `apiVersion: mlopsctl.dev/v1` and a `kind`.
    """
    return Finding(
        message="a document begins with `apiVersion` and `kind`, this is something else",
        span=Span(span.file, span.start, span.start),
        helps=(f"begin with `apiVersion: {API_VERSION}` and `kind: Pipeline`",),
    )


@diagnostic("MLO012")
def no_header(span: Span, key: str, example: str) -> Finding:
    """A document does not say what it is.

    Example:
        metadata: {name: churn}
        spec: {stages: {}}

    Fix: begin the document with `apiVersion: mlopsctl.dev/v1` and a `kind` such as `Pipeline`.
    """
    return Finding(
        message=f"the document has no `{key}`", span=span, label="begins here", helps=(f"add `{key}: {example}`",)
    )


@diagnostic("MLO013")
def other_version(span: Span, version: str) -> Finding:
    """The document is of a version that this mlopsctl does not know.

    Example:
        apiVersion: mlopsctl.dev/v7

    Fix: correct the version, or use the newer mlopsctl that it is written for.
    """
    return Finding(
        message=f"the version `{version}` is not known here",
        span=span,
        helps=(f"this mlopsctl reads `{API_VERSION}`",),
    )


@diagnostic("MLO014")
def unknown_kind(span: Span, kind: str) -> Finding:
    """The document is of no known kind.

    Example:
        kind: Pipelines

    Fix: use Project, Pipeline, Environment, Policy, Patch or Release.
    """
    kinds = get_args(Kind)
    near = similar(kind, kinds)
    advice = f"a kind with a similar name: `{near}`" if near else f"the kinds are {', '.join(kinds)}"
    return Finding(message=f"there is no kind `{kind}`", span=span, helps=(advice,))
