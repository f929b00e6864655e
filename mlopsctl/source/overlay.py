"""An environment's overrides on a pipeline. Spans survive: each value keeps the place that it came from."""

from dataclasses import replace

from mlopsctl.source.nodes import Entry, MappingNode, Node, ScalarNode


def merged(base: Node, patch: Node) -> Node:
    """`base` with the JSON merge patch `patch` laid over it.

    Source: RFC 7396. A null removes the key, a mapping is merged, anything else replaces what was there.
    """
    if not isinstance(patch, MappingNode):
        return patch
    entries = dict(base.entries) if isinstance(base, MappingNode) else {}
    for key, entry in patch.entries.items():
        if isinstance(entry.value, ScalarNode) and entry.value.value is None:
            entries.pop(key, None)
        elif key in entries:
            entries[key] = Entry(entries[key].key, merged(entries[key].value, entry.value))
        else:
            entries[key] = Entry(entry.key, merged(MappingNode({}, entry.value.span), entry.value))
    span = base.span if isinstance(base, MappingNode) else patch.span
    return MappingNode(entries, span)


def put(root: MappingNode, key: str, value: Node) -> MappingNode:
    """`root` with `value` under `key`, which keeps its place."""
    old = root.entries.get(key)
    return replace(root, entries={**root.entries, key: Entry(old.key if old else value.span, value)})
