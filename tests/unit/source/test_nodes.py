"""Finding a value, and its place, by the path that leads to it."""

import pytest

from mlopsctl.source.nodes import Path, at, key_span, plain, scalars, value_span
from tests.unit.source.yaml_text import mapping, under

TEXT = """\
spec:
  steps: [one, {name: two}]
  empty:
"""


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        ((), TEXT.rstrip("\n"), TEXT.rstrip("\n")),
        (("spec", "empty"), "", "empty"),
        (("spec", "steps"), "[one, {name: two}]", "steps"),
        (("spec", "steps", 0), "one", "one"),
        (("spec", "steps", 1, "name"), "two", "name"),
        (("spec", "steps", 2), "[one, {name: two}]", "[one, {name: two}]"),
        (("spec", "steps", "name"), "[one, {name: two}]", "[one, {name: two}]"),
        (("spec", "steps", 0, "name", "more"), "one", "one"),
    ],
)
def test_spans_of_a_path_or_the_nearest_value_there_is(path: Path, value: str, key: str) -> None:
    root = mapping(TEXT)
    assert under(TEXT, value_span(root, path)) == value
    assert under(TEXT, key_span(root, path)) == key


def test_at_says_what_is_there_and_what_is_not() -> None:
    root = mapping(TEXT)
    two = at(root, ("spec", "steps", 1, "name"))
    assert two is not None
    assert plain(two) == "two"
    assert at(root, ("spec", 0)) is None
    assert at(root, ("other",)) is None


def test_scalars_come_with_their_paths_in_the_order_written() -> None:
    found = [(path, scalar.value) for path, scalar in scalars(mapping(TEXT))]
    assert found == [(("spec", "steps", 0), "one"), (("spec", "steps", 1, "name"), "two"), (("spec", "empty"), None)]
