"""Templates of objects: values land as they are, with their places, and faults are said at a template's line."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from mlopsctl.diagnostics import DiagnosedError, Diagnostic
from mlopsctl.render.filling import Templates
from mlopsctl.render.skeleton import Filled
from mlopsctl.render.sourced import sourced
from mlopsctl.report.text import render_diagnostics
from mlopsctl.source.document import parse

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("project") / "templates"
    folder.mkdir()
    return folder


def filled(folder: Path, text: str, **values: object) -> Filled:
    (folder / "t.yaml").write_text(text, encoding="utf-8")
    return Templates(folder, folder.parent).fill("t.yaml", values)


def fault(folder: Path, text: str, **values: object) -> Diagnostic:
    with pytest.raises(DiagnosedError) as failed:
        filled(folder, text, **values)
    (found,) = failed.value.diagnostics
    return found


@given(value=JSON, key=st.text())
def test_any_value_lands_as_it_is_in_any_place(folder: Path, value: Any, key: str) -> None:
    text = (
        'a: [[ value ]]\nb: {c: [[ value ]], "d": ["[[ value ]]", x]}\n[% for k in keys %]\n[[ k ]]: 1\n[% endfor %]\n'
    )
    document = filled(folder, text, value=value, keys=[f"k{key}"]).document
    assert document == {"a": value, "b": {"c": value, "d": [value, "x"]}, f"k{key}": 1}
    assert type(document["a"]) is type(value)


@given(value=st.text())
def test_any_text_may_be_joined_inside_of_the_brackets(folder: Path, value: str) -> None:
    assert filled(folder, 'a: [[ value ~ "-x" ]]\n', value=value).document == {"a": f"{value}-x"}


def test_the_text_is_read_once_for_all_values(folder: Path) -> None:
    (folder / "many.yaml").write_text("a: [[ value ]]\n[% if more %]\nb: 1\n[% endif %]\n")
    templates = Templates(folder)
    for number in range(10):
        assert templates.fill("many.yaml", {"value": number, "more": False}).document == {"a": number}
    templates.fill("many.yaml", {"value": 1, "more": True})
    assert len(templates._skeletons) == 2


def test_values_bring_their_places(folder: Path) -> None:
    (document,) = parse("\n\nx: {y: [1, two]}\n", "pipeline.yaml").documents
    found = filled(folder, "a:\n  b: [[ value ]]\n  c: [[ value.x.y[1] ]]\n  d: 4\n", value=sourced(document.root))
    assert found.document == {"a": {"b": {"x": {"y": [1, "two"]}}, "c": "two", "d": 4}}
    lines = {path: (span.start.line, span.start.column) for path, span in found.places.items()}
    assert lines == {
        ("a", "b"): (3, 1),
        ("a", "b", "x"): (3, 4),
        ("a", "b", "x", "y"): (3, 8),
        ("a", "b", "x", "y", 0): (3, 9),
        ("a", "b", "x", "y", 1): (3, 12),
        ("a", "c"): (3, 12),
    }
    assert {type(found.document["a"]["c"]), type(found.document["a"]["b"])} == {str, dict}


def test_a_filled_document_is_a_value_of_another(folder: Path) -> None:
    (document,) = parse("x: 1\n", "pipeline.yaml").documents
    inner = filled(folder, "b: [[ value ]]\n", value=sourced(document.root))
    outer = filled(folder, "a:\n  - [[ inner ]]\n", inner=inner)
    assert outer.document == {"a": [{"b": {"x": 1}}]}
    assert outer.places.keys() == {("a", 0, "b"), ("a", 0, "b", "x")}


FAULTS = {
    "unknown value": "a: 1\nb: [[ pipelin ]]\n",
    "unknown part": "a: 1\n\nb: [[ value.nam ]]\n",
    "syntax": "a: 1\n[% if value %]\nb: 2\n",
    "expression": "a: [[ value + ]]\n",
    "beside text": "a: 1\n[% if value %]\nb: [[ value ]]-x\n[% endif %]\n",
    "key beside text": "a: 1\nx-[[ value ]]: 2\n",
    "key that is no text": "a: 1\n[[ [value] ]]: 2\n",
    "key twice": "churn: 1\n[[ value ]]: 2\n",
    "key twice, first as a value": "[[ value ]]: 1\nchurn: 2\n",
    "no YAML": "a: 1\n[% for each in [1, 2] %]\n  b: [[ each ]]\n[% endfor %]\n",
    "two documents": "a: 1\n---\nb: 2\n",
    "nothing": "[# only this #]\n",
    "no value of JSON": "a: 1\nb: [[ range ]]\n",
    "sandbox": "a: 1\nb: [[ value.__class__.__mro__ ]]\n",
    "no such template": "a: 1\n[% include 'other.yaml' %]\n",
    "division": "a: [[ 1 // 0 ]]\n",
}


def test_what_is_wrong_with_a_template_is_said_at_its_line(folder: Path, snapshot: SnapshotAssertion) -> None:
    said = {}
    for name, text in FAULTS.items():
        found = fault(folder, text, value="churn")
        said[name] = render_diagnostics([found], {"templates/t.yaml": text}, colour=False, width=100)
    assert said == snapshot


def test_a_fault_in_an_included_template_is_said_there(folder: Path) -> None:
    (folder / "part.yaml").write_text("b: 1\nc: [[ nothing ]]\n")
    span = fault(folder, "a: 1\n[% include 'part.yaml' %]\n").span
    assert span is not None
    assert (span.file, span.start.line) == ("templates/part.yaml", 2)


def test_a_template_of_ours_is_named_as_ours() -> None:
    templates = Templates()
    with pytest.raises(DiagnosedError) as failed:
        templates.fill("argo/cron-workflow.yaml", {"name": "x"})
    span = failed.value.diagnostics[0].span
    assert span is not None
    assert span.file == "mlopsctl/templates/argo/cron-workflow.yaml"
    assert span.file in templates.texts
