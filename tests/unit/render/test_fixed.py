"""What is found out about a part of a template is said of that part alone, and is what would be found each time."""

import copy
import pickle
from collections.abc import Callable
from typing import Any, Final

import pytest

from mlopsctl.render.filling import Templates
from mlopsctl.render.fixed import FixedList, FixedMapping
from mlopsctl.render.structural import checker
from mlopsctl.render.yaml_text import yaml_text

PART: Final = {"limits": {"cpu": "1"}, "args": ["-m", {"name": "x"}], "text": "a\nb\n"}
SCHEMA: Final = {"type": "object", "properties": {"limits": {"type": "object", "properties": {}}}}


def fixed(value: Any) -> Any:
    """The value as a part of a template, in all of its parts."""
    if isinstance(value, dict):
        return FixedMapping({key: fixed(below) for key, below in value.items()})
    return FixedList([fixed(item) for item in value]) if isinstance(value, list) else value


@pytest.fixture
def document() -> Any:
    return fixed(PART)


@pytest.mark.parametrize("around", [lambda part: part, lambda part: {"a": {"b": part}}, lambda part: [[part], part]])
def test_its_text_is_that_of_any_other_value(document: Any, around: Callable[[Any], Any]) -> None:
    for _ in range(2):
        assert yaml_text(around(document)) == yaml_text(around(PART))
    assert yaml_text({"other": [document]}) == yaml_text({"other": [PART]})


def test_its_faults_are_those_of_any_other_value(document: Any) -> None:
    strict, lenient = checker(SCHEMA), checker({})
    assert lenient(document) == ()
    for _ in range(2):
        assert [fault.path for fault in strict(document)] == [fault.path for fault in strict(PART)]
    assert [fault.path for fault in strict(document)] == [("limits", "cpu"), ("args",), ("text",)]


def test_what_is_right_for_one_schema_need_not_be_for_another() -> None:
    document = fixed({"a": [1]})
    numbers = {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "integer"}}}}
    texts = {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "string"}}}}
    right, wrong = checker(numbers), checker(texts)
    assert [len(check(document)) for check in (right, wrong, right, wrong)] == [0, 1, 0, 1]


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value)), lambda value: value.copy()]
)
@pytest.mark.parametrize("value", [{"a": 1}, [1]])
def test_of_a_copy_nothing_is_known(copied: Callable[[Any], Any], value: Any) -> None:
    found = copied(fixed(value))
    assert found == value
    assert type(found) is type(value)


def test_what_is_filled_shares_the_parts_without_values(tmp_path: Any) -> None:
    (tmp_path / "t.yaml").write_text("a: {b: [1, {c: d}]}\ne: [[ value ]]\n", encoding="utf-8")
    templates = Templates(tmp_path, tmp_path)
    first, second = (templates.fill("t.yaml", {"value": value}).document for value in ("x", "y"))
    assert (first, second) == ({"a": {"b": [1, {"c": "d"}]}, "e": "x"}, {"a": {"b": [1, {"c": "d"}]}, "e": "y"})
    assert first["a"] is second["a"]
