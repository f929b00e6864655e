"""Every `${…}` of a pipeline with where it stands and what may be named there, for the rules about them."""

from collections.abc import Iterable, Iterator, Mapping

from mlopsctl.frozen import frozen
from mlopsctl.ir.model import DataStage, DeployStage, MonitorStage, Pipeline, Stage
from mlopsctl.source.interpolation import Reference, Text, read_text
from mlopsctl.source.nodes import ScalarNode

_MEMBERS: Mapping[str, tuple[str, ...]] = {"run": ("id", "date"), "environment": ("name",)}
_COMMAND = frozenset({"params", "inputs", "outputs", "secrets", "run", "environment"})
_SERVER = (_COMMAND - {"outputs"}) | {"port"}
# It stands in for a model that is stopped, so it has none, and no run made it.
_FALLBACK = _SERVER - {"inputs", "run"}
SOURCE = frozenset({"params", "run", "environment"})
ROOTS = _COMMAND | {"port"}


@frozen
class Use:
    """A reference, the stage that makes it, and what may be named in that field."""

    stage: Stage
    field: str
    allowed: frozenset[str]
    reference: Reference

    @property
    def root(self) -> str:
        """What it begins with: `params` in `${params.trees}`."""
        return self.reference.parts[0]

    @property
    def name(self) -> str:
        """The second part, where the reference is of the right depth for its root."""
        return self.reference.parts[1]


def uses(pipeline: Pipeline) -> Iterator[Use]:
    """Every reference of every stage."""
    for stage in pipeline.stages.values():
        for field, allowed, text in _fields(stage):
            for reference in text.references():
                yield Use(stage, field, allowed, reference)


def named(pipeline: Pipeline, root: str) -> Iterator[Use]:
    """The uses of `${root.name}` where that is allowed."""
    return (use for use in uses(pipeline) if use.root == root and root in use.allowed and fits(use.reference))


def _fields(stage: Stage) -> Iterator[tuple[str, frozenset[str], Text]]:
    fields: list[tuple[str, frozenset[str], Text | None]] = [("run", _COMMAND, stage.run)]
    fields += [("env", _COMMAND, text) for text in stage.env.values()]
    match stage:
        case DataStage():
            fields.append(("source", SOURCE, stage.source))
        case DeployStage():
            fields += [("server.run", _SERVER, stage.server.run), ("fallback.run", _FALLBACK, stage.fallback)]
        case MonitorStage():
            fields.append(("truth", SOURCE, stage.performance.truth if stage.performance else None))
        case _:
            pass
    return ((name, allowed, text) for name, allowed, text in fields if text is not None)


def fits(reference: Reference) -> bool:
    """Whether it has as many parts as its root takes, and its second is there where they are fixed."""
    root, *rest = reference.parts
    if root == "port":
        return not rest
    return len(rest) == 1 and rest[0] in _MEMBERS.get(root, rest)


def forms(root: str) -> Iterable[str]:
    """How references that begin with `root` look."""
    return ["${port}"] if root == "port" else [f"${{{root}.{name}}}" for name in _MEMBERS.get(root, ("NAME",))]


def in_webhooks(pipeline: Pipeline) -> Iterator[Reference]:
    """The references in the addresses that are notified."""
    for key in ("onFailure", "onSuccess") if "notify" not in pipeline.broken_keys else ():
        for node in pipeline.origin.items("notify", key):
            if isinstance(node, ScalarNode):
                yield from read_text(node)[0].references()


def is_secret(reference: Reference) -> bool:
    """Whether it names a secret."""
    return reference.parts[0] == "secrets" and fits(reference)
