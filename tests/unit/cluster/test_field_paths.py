"""Fields as servers write them, found in documents."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlopsctl.cluster.field_paths import path_of
from mlopsctl.manifest import Path

DOCUMENT = {
    "metadata": {"annotations": {"mlopsctl.dev/digest": "x", "a": "y"}, "finalizers": ["a/b", "c"]},
    "data": {"a": "1", "a.b": "2", "a.b.c": "3", "with[bracket": "4"},
    "spec": {
        "templates": [{"name": 'q"]x'}, {"name": "model", "container": {"image": "i"}}],
        "ports": [{"port": 80}, {"port": 80, "protocol": "UDP"}],
        "rows": [[1, 2], [3]],
    },
}


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (".data.a", ("data", "a")),
        (".data.a.b", ("data", "a.b")),
        (".data.a.b.c", ("data", "a.b.c")),
        ("data[a.b]", ("data", "a.b")),
        (".data.with[bracket", ("data", "with[bracket")),
        (".metadata.annotations.mlopsctl.dev/digest", ("metadata", "annotations", "mlopsctl.dev/digest")),
        ("metadata.annotations[mlopsctl.dev/digest]", ("metadata", "annotations", "mlopsctl.dev/digest")),
        ('.metadata.finalizers[="c"]', ("metadata", "finalizers", 1)),
        ('.spec.templates[name="model"].container.image', ("spec", "templates", 1, "container", "image")),
        ('.spec.templates[name="q\\"]x"].name', ("spec", "templates", 0, "name")),
        ("spec.templates[1].container.image", ("spec", "templates", 1, "container", "image")),
        ('.spec.ports[port=80,protocol="UDP"]', ("spec", "ports", 1)),
        ('.spec.ports[port=80,protocol="TCP"].port', ("spec", "ports", 0, "port")),
        ("spec.rows[0][1]", ("spec", "rows", 0, 1)),
        # What the document doesn't have.
        (".spec.bogus", ("spec", "bogus")),
        ("spec.templates[7].image", ("spec", "templates", 7, "image")),
        ('.spec.templates[name="none"].image', ("spec", "templates")),
        ("spec.templates[name=", ("spec", "templates")),
        ("spec.x[0].y[z]", ("spec", "x", 0, "y")),
        ("[]", ()),
        ("<nil>", ("<nil>",)),
        ("", ()),
        ("..", ()),
    ],
)
def test_a_field_is_found(text: str, path: Path) -> None:
    assert path_of(text, DOCUMENT) == path


def written(path: Path) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)


def paths(value: Any, above: Path = ()) -> list[Path]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [above, *(path for step, below in items for path in paths(below, (*above, step)))]


names = st.text("ab-/_", min_size=1, max_size=3)
documents = st.dictionaries(
    names,
    st.recursive(st.just(1), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3)),
)


@given(documents)
def test_every_field_of_a_document_is_found_as_it_is_written(document: dict[str, Any]) -> None:
    for path in paths(document):
        assert path_of(written(path), document) == path


@given(st.text('ab.[]=\\"0,'), documents)
def test_whatever_is_written_has_a_path(text: str, document: dict[str, Any]) -> None:
    path_of(text, document)
