"""A release as the compiler reads it: the model that a pinned environment serves, and the run that built it."""

from collections.abc import Mapping
from dataclasses import field

from mlopsctl.diagnostics import Span
from mlopsctl.frozen import frozen
from mlopsctl.ir.origin import Origin
from mlopsctl.source.header import Source
from mlopsctl.source.nodes import MappingNode, at


@frozen(kw_only=True)
class Release:
    """The model by digest and address, its run, the commit of the code that the run was of, and what else is known.

    `data` are digests by stage, `metrics` numbers by name; `requirements` and `evidence` are digests.
    """

    pipeline: str
    run: str
    commit: str
    digest: str
    uri: str
    data: Mapping[str, str]
    requirements: str
    metrics: Mapping[str, float]
    evidence: str
    origin: Origin = field(compare=False, repr=False)  # of its `spec`


def environment_of(source: Source) -> str:
    """The environment that the file of a release is for: its folder says so."""
    return source.path.parent.name


def read_release(source: Source) -> Release:
    """What the document of a release says, whose shape has been checked."""
    spec = at(source.root, ("spec",))
    node = spec if isinstance(spec, MappingNode) else source.root
    origin = Origin(node, node.span)
    return Release(
        pipeline=source.name,
        run=origin.text("run") or "",
        commit=origin.text("commit") or "",
        digest=origin.text("model", "digest") or "",
        uri=origin.text("model", "uri") or "",
        data={name: origin.text("data", name) or "" for name in origin.mapping("data")},
        requirements=origin.text("requirements") or "",
        metrics={name: origin.number("metrics", name) or 0.0 for name in origin.mapping("metrics")},
        evidence=origin.text("evidence") or "",
        origin=origin,
    )


def release_name(source: Source) -> Span:
    """Where a release says which pipeline it is of."""
    node = at(source.root, ("metadata", "name"))
    return node.span if node is not None else source.root.span
