"""Documents of objects, made at random or by hand, and what applying differences to one of them gives."""

import copy
import json
from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st

from mlopsctl.manifest import Document
from mlopsctl.plan.difference import Difference
from mlopsctl.plan.model import ABSENT
from mlopsctl.plan.steps import Item, Steps

NAMES = st.sampled_from(["a", "b", "c", "a.b/c", "limits", "ports", "", "0"])
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from([0.5, 1.0, "", "1", "500m", "0.5", "1Gi", "x y", "é"])
)


def named(value: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Lists whose items all have a name of their own."""
    items = st.dictionaries(
        st.sampled_from(["model", "quality", "serve", "a/b"]), st.dictionaries(NAMES, value, max_size=2)
    )
    return items.map(lambda found: [{**rest, "name": name} for name, rest in found.items()])


VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=4), named(inner)),
    max_leaves=12,
)
TEXTS = st.one_of(st.dictionaries(NAMES, VALUES, max_size=3).map(json.dumps), st.sampled_from(["[1]", "{", "NaN", ""]))
DATA = st.dictionaries(st.sampled_from(["pipeline.json", "stage.model.json", "notes.txt"]), TEXTS)


def document(spec: Any = ABSENT, *, kind: str = "Thing", **parts: Any) -> Document:
    """An object of this kind; `parts` are those beside metadata and spec."""
    metadata = {"name": "flights", "namespace": "team", **parts.pop("metadata", {})}
    rest = parts if spec is ABSENT else {"spec": spec, **parts}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **rest}


DOCUMENTS = st.one_of(
    VALUES.map(document),
    DATA.map(lambda data: document(kind="ConfigMap", data=data)),
    st.dictionaries(NAMES, st.sampled_from(["x", "y"]), max_size=3).map(
        lambda labels: document(metadata={"labels": labels})
    ),
)


def applied(before: Document, found: Iterable[Difference]) -> Document:
    """`before` with these differences made: changes first, then what is gone from behind, then what comes."""
    made = copy.deepcopy(before)
    ordered = [each for each in found if not each.is_order]
    for each in (each for each in ordered if each.before is not ABSENT and each.after is not ABSENT):
        made = changed(made, each.steps, each.after)
    for each in reversed([each for each in ordered if each.after is ABSENT]):
        made = changed(made, each.steps, ABSENT)
    for each in (each for each in ordered if each.before is ABSENT):
        made = changed(made, each.steps, each.after, comes=True)
    return made


def changed(value: Any, steps: Steps, new: Any, *, comes: bool = False) -> Any:
    """The value with another one, or none, under a path; in lists, what `comes` moves the rest back."""
    if not steps:
        return copy.deepcopy(new)
    if isinstance(value, str):
        return json.dumps(changed(json.loads(value), steps, new, comes=comes))
    first, rest = steps[0], steps[1:]
    if isinstance(value, dict):
        inner = changed(value.get(first), rest, new, comes=comes)
        return {**value, first: inner} if inner is not ABSENT else {k: v for k, v in value.items() if k != first}
    place = first if isinstance(first, int) else place_of(first, value)
    if not rest and new is ABSENT:
        return value[:place] + value[place + 1 :]
    if not rest and comes:
        return [*value[:place], copy.deepcopy(new), *value[place:]]
    return [*value[:place], changed(value[place], rest, new, comes=comes), *value[place + 1 :]]


def place_of(step: object, items: list[Any]) -> int:
    """Where the item is, or the end of the list."""
    assert isinstance(step, Item)
    places = (place for place, each in enumerate(items) if all(each[name] == value for name, value in step.keys))
    return next(places, len(items))


def unordered(value: Any) -> Any:
    """The same with lists of named items in the order of the names, and texts that are JSON objects as their values."""
    if isinstance(value, dict):
        return {name: unordered(each) for name, each in value.items()}
    if isinstance(value, list):
        items = [unordered(each) for each in value]
        if len({each.get("name") for each in items if isinstance(each, dict)} - {None}) == len(items):
            return sorted(items, key=lambda each: str(each["name"]))
        return items
    if isinstance(value, str) and value.startswith("{") and len(value) > 1:
        return unordered(json.loads(value))
    return value
