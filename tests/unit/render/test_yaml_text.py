"""Every reader takes the text for what it was."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mlopsctl.render.yaml_text import yaml_text
from mlopsctl.source.document import parse
from mlopsctl.source.nodes import plain

# NUL is left out: a document may not say it, however it is written.
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
LINES = st.lists(st.text("ab :#-'\"\t{[&*!|>%@\\", max_size=6), max_size=5).map("\n".join)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT | LINES
DOCUMENTS = st.dictionaries(
    TEXT | LINES,
    st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=10),
    min_size=1,
)


@given(DOCUMENTS)
def test_both_versions_of_yaml_read_what_was_written(document: Any) -> None:
    text = yaml_text(document)
    (read,) = parse(text, "x.yaml").documents
    assert plain(read.root) == document
    assert yaml.safe_load(text) == document


@pytest.mark.parametrize(
    "value",
    ["no", "Y", "ON", "~", "null", "1_000", "0x1F", "0o17", "12:30", "2013-02-01", "1e3", ".5", "=", "<<", "-", "?",
     "a: b", "a #b", "a:", " a", "a ", "", "[", "{{x}}", "*/30 * * * *", "&a", "!a", "%a", "@a", "`a", "|", "null ",
     "0777", "+1", "1.", ".inf", ".NaN", "TRUE", "é", "a=b", "sha256:00", "a: ", "s3://b/c"],
)  # fmt: skip
def test_a_text_stays_a_text(value: str) -> None:
    text = yaml_text({"a": value, value: 1, "b": [value, [value], {"c": value}]})
    expected = {"a": value, value: 1, "b": [value, [value], {"c": value}]}
    (read,) = parse(text, "x.yaml").documents
    assert plain(read.root) == yaml.safe_load(text) == expected


def test_it_reads_as_people_write_it() -> None:
    document = {
        "kind": "ConfigMap",
        "metadata": {"name": "a-b", "labels": {"a/b": "c.d"}},
        "empty": {"list": [], "mapping": {}, "none": None},
        "args": ["stage", "-m", {"name": "x", "value": True}, ["in", 1]],
        "data": {"text": "first\n  second\n\nthird\n", "open": "a\nb"},
    }
    assert (
        yaml_text(document)
        == """\
kind: ConfigMap
metadata:
  name: a-b
  labels:
    a/b: c.d
empty:
  list: []
  mapping: {}
  none: null
args:
  - stage
  - "-m"
  - name: x
    value: true
  - - in
    - 1
data:
  text: |
    first
      second

    third
  open: |-
    a
    b
"""
    )
