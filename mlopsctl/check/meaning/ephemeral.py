"""Rules about environments that come and go."""

from collections.abc import Iterator

from mlopsctl.check.advice import closest
from mlopsctl.diagnostics import Finding, rule
from mlopsctl.ir.model import Pipeline
from mlopsctl.source.ephemeral import OF_ITS_OWN, base_of
from mlopsctl.source.nodes import MappingNode, ScalarNode, at
from mlopsctl.source.project import Sources

Pipelines = tuple[Pipeline, ...]
_FROM = ("spec", "ephemeral", "from")


@rule("MLO757")
def like_nothing(sources: Sources, _: Pipelines) -> Iterator[Finding]:
    """An ephemeral environment is to be like one that isn't there, or that is in no cluster.

    Example:
        metadata: {name: pr}
        spec: {ephemeral: {from: dve}}

    Fix: use the name of an environment of this project that has a `cluster`.
    """
    known = [each.name for each in sources.environments if at(each.root, ("spec", "cluster")) is not None]
    for family in sources.ephemeral:
        named = at(family.root, _FROM)
        if isinstance(named, ScalarNode) and base_of(family, sources.environments) is None:
            name = str(named.value)
            yield Finding(
                message=f"`{family.name}` is like `{name}`, which is no environment in a cluster",
                span=named.span,
                **closest(name, known, "environment"),
            )


@rule("MLO758")
def says_what_it_takes(sources: Sources, _: Pipelines) -> Iterator[Finding]:
    """An ephemeral environment says itself what it has from the one that it is like.

    It is in the same cluster and behind the same gateway, with a namespace and a host of its own, and runs decide what
    serves there. Of its own it has `store`, `image` and `overrides`.

    Example:
        spec: {ephemeral: {from: dev}, cluster: {context: dev, namespace: previews}, store: s3://ml}

    Fix: remove the field, or make an environment without `ephemeral` of it.
    """
    for family in sources.ephemeral:
        spec = at(family.root, ("spec",))
        for name, entry in spec.entries.items() if isinstance(spec, MappingNode) else ():
            if name in OF_ITS_OWN:
                yield Finding(
                    message=f"`{family.name}` is ephemeral and can't have `{name}` of its own",
                    span=entry.key,
                    label="taken from the environment that it is like",
                    helps=(f"remove `{name}`, or make an environment without `ephemeral` of this",),
                )
