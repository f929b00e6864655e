"""Environments that come and go: each is like another one, under a name and in a namespace of its own.

A document with `ephemeral`, called `pr`, is no environment itself: it makes `pr-123`, `pr-124` and any other.
"""

import re
from collections.abc import Iterable

from mlopsctl.diagnostics import DiagnosedError, Finding, Span, diagnostic
from mlopsctl.source.header import Source
from mlopsctl.source.nodes import Entry, MappingNode, Node, ScalarNode, at, value_span
from mlopsctl.source.overlay import merged, put

# What an environment has to itself, and one that is like it neither says nor takes over.
OF_ITS_OWN = ("cluster", "gateway", "releases", "promotesFrom", "approvals", "protected")
_LEFT = ("releases", "promotesFrom", "approvals", "protected")
_FROM = ("spec", "ephemeral", "from")
_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_LONGEST, _LONGEST_NAMESPACE = 40, 63  # characters


def is_family(environment: Source) -> bool:
    """Whether a document makes environments, and is none."""
    return environment.kind == "Environment" and at(environment.root, ("spec", "ephemeral")) is not None


def family_of(name: str, families: Iterable[Source]) -> Source | None:
    """The document that makes the environment of that name; of `pr` and `pr-eu`, the latter makes `pr-eu-7`."""
    fitting = [each for each in families if name.startswith(f"{each.name}-")]
    return max(fitting, key=lambda each: len(each.name), default=None)


def names_of(environment: Source) -> tuple[str, ...]:
    """What patches and policies may call an environment: its name, that of its family, that of the one it is like."""
    if not is_family(environment):
        return (environment.name,)
    family = at(environment.root, ("metadata", "name"))
    named = (node.value for node in (family, at(environment.root, _FROM)) if isinstance(node, ScalarNode))
    return (environment.name, *map(str, named))


def base_of(family: Source, environments: Iterable[Source]) -> Source | None:
    """The environment that those of a family are like; None if it isn't there, or is in no cluster."""
    named = at(family.root, _FROM)
    wanted = named.value if isinstance(named, ScalarNode) else None
    found = next((each for each in environments if each.name == wanted), None)
    return found if found is not None and _text(found, "cluster", "namespace") else None


def member(name: str, family: Source, environments: tuple[Source, ...]) -> Source | None:
    """The environment of that name as a document; None if the family is like no environment.

    It is the environment that the family is like, under what the family says, with `-NAME` behind its namespace and
    `NAME.` before its host. Runs decide what serves there, and nothing is protected.
    Raises DiagnosedError for a name that can't be.
    """
    base = base_of(family, environments)
    if base is None:
        return None
    namespace = f"{_text(base, 'cluster', 'namespace')}-{name}"
    context = _text(base, "cluster", "context")
    others = {(_text(each, "cluster", "context"), _text(each, "cluster", "namespace")) for each in environments}
    span = value_span(family.root, ("metadata", "name"))
    if not _NAME.fullmatch(name) or len(name) > _LONGEST or len(namespace) > _LONGEST_NAMESPACE:
        raise DiagnosedError(unfit_name(span, name, namespace, ""))
    if (context, namespace) in others:
        raise DiagnosedError(unfit_name(span, name, namespace, "another environment has that namespace"))
    spec, own = at(base.root, ("spec",)), at(family.root, ("spec",))
    assert isinstance(spec, MappingNode), "it has a cluster"
    made = merged(_without(spec, _LEFT), own) if own is not None else spec
    made = _replaced(made, ("cluster", "namespace"), namespace)
    if host := _text(base, "gateway", "host"):
        made = _replaced(made, ("gateway", "host"), f"{name}.{host}")
    path = family.path if at(family.root, ("spec", "store")) is not None else base.path
    return Source("Environment", name, put(family.root, "spec", made), path)


def _text(environment: Source, *path: str) -> str:
    node = at(environment.root, ("spec", *path))
    return node.value if isinstance(node, ScalarNode) and isinstance(node.value, str) else ""


def _without(spec: MappingNode, names: Iterable[str]) -> MappingNode:
    return MappingNode({key: entry for key, entry in spec.entries.items() if key not in names}, spec.span)


def _replaced(spec: Node, path: tuple[str, str], value: str) -> MappingNode:
    """The spec with another text at a path that it has, in the same place."""
    outer, inner = path
    assert isinstance(spec, MappingNode), "a mapping was merged into one"
    below = spec.entries[outer]
    assert isinstance(below.value, MappingNode), "its shape has been checked"
    entry = below.value.entries[inner]
    changed = Entry(entry.key, ScalarNode(value, entry.value.span, value))
    return put(spec, outer, MappingNode({**below.value.entries, inner: changed}, below.value.span))


@diagnostic("MLO759")
def unfit_name(span: Span, name: str, namespace: str, why: str) -> Finding:
    """The name of an ephemeral environment can't be used, or what was named is the document that makes such.

    A name is that of the document, a `-`, and anything of lowercase letters, digits and `-`: at most 40 characters in
    all, and 63 with the namespace before it. No other environment may have that namespace.

    Example:
        mlopsctl apply --env pr              # where pr-123 is meant

    Fix: name one, such as the document's name with the number of the pull request behind it.
    """
    long = f"its namespace would be `{namespace}`" if namespace else "it makes environments, and is none itself"
    return Finding(
        message=f"no ephemeral environment can be called `{name}`: {why or long}",
        span=span,
        label="made by this",
        helps=("name one like `pr-123`: lowercase letters, digits and `-`, at most 63 with its namespace",),
    )
