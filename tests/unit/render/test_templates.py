"""No value breaks out of its place in a template."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from mlopsctl.render.templates import render
from mlopsctl.source.document import parse
from mlopsctl.source.nodes import plain

HOSTILE = {
    "a-key": "x}\nspec: {pipelines: []",
    "a-comment": "x # y",
    "a-template": "[[ name ]]",
    "a-truth-value": "no",
    "a-number": "0o17",
    "a-tag": "!!python/object:os.system",
    "quotes": "\"'\\",
    "old-line-breaks": "\x85\u2028\u2029",
    "control-characters": "\x07\x1b\x7f\x9b\ufeff\uffff",
    "other-planes": "é😀",
}


def name_in(text: str) -> Any:
    (document,) = parse(text, "mlops.yaml").documents
    read: Any = plain(document.root)
    assert read == yaml.safe_load(text)
    assert isinstance(read, dict)
    return read["metadata"]["name"]


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_a_text_is_read_back_as_it_was_given(name: str) -> None:
    assert name_in(render("init/mlops.yaml", {"name": name})) == name


# NUL is left out: a document may not say it, however it is written.
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=50))
def test_any_text_is_read_back_as_it_was_given(name: str) -> None:
    assert name_in(render("init/mlops.yaml", {"name": name})) == name


@pytest.mark.parametrize("value", [None, True, 0, 1.5, [], ["a", {"b": None}]], ids=str)
def test_other_values_keep_their_type(value: object) -> None:
    assert name_in(render("init/mlops.yaml", {"name": value})) == value


def test_what_yaml_can_hold_stays_readable() -> None:
    assert '"Jörg 😀"' in render("init/mlops.yaml", {"name": "Jörg 😀"})


@pytest.mark.parametrize("value", [float("nan"), float("inf")], ids=str)
def test_a_number_that_json_lacks_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        render("init/mlops.yaml", {"name": value})


@pytest.mark.parametrize("template", ["init/mlops.yaml", "init/README.md"])
def test_a_value_that_is_not_given_is_named(template: str) -> None:
    with pytest.raises(UndefinedError, match="'name' is undefined"):
        render(template, {})


@pytest.mark.parametrize("name", ["", "a b", "`rm`", "a\n", "-x", "é", "../up"], ids=repr)
def test_only_words_land_outside_of_yaml(name: str) -> None:
    with pytest.raises(ValueError, match="not plain enough"):
        render("init/README.md", {"name": name})
