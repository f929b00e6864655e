"""An environment as the compiler reads it: where pipelines run and serve, and what holds there."""

from dataclasses import field
from typing import Literal

from mlopsctl.diagnostics import Span
from mlopsctl.frozen import frozen
from mlopsctl.ir.origin import Origin
from mlopsctl.ir.units import seconds
from mlopsctl.source.ephemeral import is_family
from mlopsctl.source.header import Source
from mlopsctl.source.nodes import MappingNode, ScalarNode, SequenceNode, at, plain

TTL = "3d"  # of an environment that comes and goes, from its last apply on


@frozen
class Gateway:
    """The Gateway that traffic comes through, and the host name that the models answer under."""

    name: str
    namespace: str
    host: str
    span: Span = field(compare=False, repr=False)


@frozen(kw_only=True)
class Ephemeral:
    """How long an environment that comes and goes stays, in seconds, and what its namespace is given.

    `family` is the name of the document that makes it, `base` the namespace of the environment that it is like.
    """

    family: str
    base: str
    ttl: float
    secrets: tuple[str, ...]


@frozen(kw_only=True)
class Environment:
    """An environment in a cluster. `store` is its address as written, `image` empty where the document names none.

    `identity` is the UID that the cluster must have, or empty; `ephemeral` is None for one that stays.
    """

    name: str
    context: str
    namespace: str
    identity: str
    store: str
    image: str
    gateway: Gateway | None
    releases: Literal["pinned", "continuous"]
    is_protected: bool
    ephemeral: Ephemeral | None
    origin: Origin = field(compare=False, repr=False)  # of its `spec`


@frozen(kw_only=True)
class ReleaseRules:
    """How an environment comes to what it serves; `promotes_from` is the environment before it, or empty.

    `approvals` is how many others than its author have to agree to a release.
    """

    name: str
    releases: Literal["pinned", "continuous"]
    promotes_from: str
    approvals: int
    origin: Origin = field(compare=False, repr=False)  # of its `spec`, or of the document where it has none


def read_release_rules(source: Source) -> ReleaseRules:
    """What the document of an environment says of releases, whether it names a cluster or not."""
    spec = source.root.get("spec")
    node = spec if isinstance(spec, MappingNode) else source.root
    origin = Origin(node, node.span)
    return ReleaseRules(
        name=source.name,
        releases="pinned" if origin.text("releases") == "pinned" else "continuous",
        promotes_from=origin.text("promotesFrom") or "",
        approvals=origin.integer("approvals", "required", default=0),
        origin=origin,
    )


def read_environment(source: Source) -> Environment | None:
    """What the document of an environment says, whose shape has been checked; None if it names no cluster."""
    spec = source.root.get("spec")
    if not isinstance(spec, MappingNode) or not isinstance(spec.get("cluster"), MappingNode):
        return None
    origin = Origin(spec, spec.span)
    namespace = origin.text("cluster", "namespace") or ""
    return Environment(
        name=source.name,
        context=origin.text("cluster", "context") or "",
        namespace=namespace,
        identity=origin.text("cluster", "identity") or "",
        store=origin.text("store") or "",
        image=origin.text("image") or "",
        gateway=_gateway(origin, namespace),
        releases=read_release_rules(source).releases,
        is_protected=origin.flag("protected", default=False),
        ephemeral=_ephemeral(source, origin, namespace),
        origin=origin,
    )


def _ephemeral(source: Source, origin: Origin, namespace: str) -> Ephemeral | None:
    """What the document says that made an environment for a while."""
    if not is_family(source):
        return None
    family, names = at(source.root, ("metadata", "name")), at(origin.node, ("ephemeral", "secrets"))
    return Ephemeral(
        family=str(family.value) if isinstance(family, ScalarNode) else "",
        base=namespace.removesuffix(f"-{source.name}"),
        ttl=seconds(origin.text("ephemeral", "ttl") or TTL),
        secrets=tuple(str(plain(each)) for each in names.items) if isinstance(names, SequenceNode) else (),
    )


def _gateway(origin: Origin, namespace: str) -> Gateway | None:
    name, host = origin.text("gateway", "name"), origin.text("gateway", "host")
    if name is None or host is None:
        return None
    return Gateway(name, origin.text("gateway", "namespace") or namespace, host, origin.value("gateway"))
