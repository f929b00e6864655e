"""Reading a node leniently: what is not there, or of another shape, is nothing."""

import pytest

from mlopsctl.diagnostics import Position
from mlopsctl.ir.origin import Origin
from mlopsctl.source.document import parse
from mlopsctl.source.nodes import MappingNode

TEXT = "a: {text: x, number: 1.5, whole: 3, yes: true, time: 2m, share: 5%, list: [p, 1, [q]], none: }\n"
(DOCUMENT,) = parse(TEXT, "f").documents
assert isinstance(DOCUMENT.root, MappingNode)
ROOT = Origin(DOCUMENT.root, DOCUMENT.root.span)


def test_values_are_read_by_type() -> None:
    assert ROOT.text("a", "text") == "x"
    assert ROOT.text("a", "whole") == "3"
    assert ROOT.number("a", "number") == 1.5
    assert ROOT.integer("a", "whole", default=0) == 3
    assert ROOT.flag("a", "yes", default=False) is True
    assert ROOT.seconds("a", "time") == 120
    assert ROOT.fraction("a", "share") == 0.05
    assert ROOT.texts("a", "list") == ("p", "1", "['q']")
    assert ROOT.plain("a", "list") == ["p", 1, ["q"]]


@pytest.mark.parametrize(
    "path", [("b",), ("a", "b"), ("a", "text", "deep"), ("a", "list", 7), ("a", "list", "x"), ("a", "none")]
)
def test_what_is_not_there_is_nothing(path: tuple[str | int, ...]) -> None:
    assert ROOT.text(*path) is None
    assert ROOT.number(*path) is None
    assert ROOT.integer(*path, default=7) == 7
    assert ROOT.flag(*path, default=True) is True
    assert ROOT.seconds(*path) is None
    assert ROOT.seconds(*path, default=5.0) == 5.0
    assert ROOT.items(*path) == ()
    assert ROOT.below(*path) is None
    assert ROOT.mapping(*path) == {}
    assert list(ROOT.entries(*path)) == []


def test_a_truth_value_is_no_number() -> None:
    assert ROOT.number("a", "yes") is None


def test_places_are_those_of_the_text_or_the_nearest_there_is() -> None:
    below = ROOT.below("a")
    assert below is not None
    assert below.value() == ROOT.key("a")
    assert below.value("text").start == Position(1, 11)
    assert below.key("text").start == Position(1, 5)
    assert below.value("missing") == below.node.span
