"""Plain scalars mean what YAML 1.2 says, not what YAML 1.1 said."""

import pytest

from mlopsctl.source.scalars import UnreadableScalarError, resolve
from tests.unit.source.yaml_text import scalar

CORE = {
    "no": "no",
    "yes": "yes",
    "on": "on",
    "off": "off",
    "y": "y",
    "true": True,
    "True": True,
    "FALSE": False,
    "tRUE": "tRUE",
    "~": None,
    "Null": None,
    "nULL": "nULL",
    "2013-02": "2013-02",
    "2013-02-01": "2013-02-01",
    "2013-02-01T00:00:00Z": "2013-02-01T00:00:00Z",
    "12:30:45": "12:30:45",
    "017": 17,
    "0o17": 15,
    "0o8": "0o8",
    "0x1F": 31,
    "0x1G": "0x1G",
    "-0x1F": "-0x1F",
    "0b11": "0b11",
    "+1": 1,
    "-0": 0,
    "1_000": "1_000",
    "1,000": "1,000",
    "1e3": 1000.0,
    "1E-3": 0.001,
    "1.": 1.0,
    ".5": 0.5,
    "-.5": -0.5,
    "+12.5e+1": 125.0,
    ".": ".",
    "+": "+",
    "-x": "-x",
    "1e": "1e",
    "1.2.3": "1.2.3",
    "3.10": 3.1,
    "5%": "5%",
    "4Gi": "4Gi",
    "<<": "<<",
    "=": "=",
    "٣": "٣",  # a digit of another script is no digit of YAML
    "1²": "1²",
}


@pytest.mark.parametrize(("written", "meant"), CORE.items(), ids=CORE)
def test_a_plain_scalar_is_of_the_core_schema(written: str, meant: object) -> None:
    found = scalar(f"a: {written}\n", "a").value
    assert (type(found), found) == (type(meant), meant)


@pytest.mark.parametrize("written", ["no", "1", "~", "true", "1e3", ""])
@pytest.mark.parametrize("quote", ["'", '"'])
def test_what_is_quoted_is_a_text(written: str, quote: str) -> None:
    assert scalar(f"a: {quote}{written}{quote}\n", "a").value == written


@pytest.mark.parametrize(
    ("written", "meant"), [("|\n  1\n", "1\n"), (">-\n  true\n", "true")], ids=["literal", "folded"]
)
def test_a_block_is_a_text(written: str, meant: str) -> None:
    assert scalar(f"a: {written}", "a").value == meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("!!str 1", "1"),
        ("! 1", "1"),
        ("!!int '1'", 1),
        ("!!float 1", 1.0),
        ("!!bool 'true'", True),
        ("!!null ''", None),
        ("!!str", ""),
    ],
)
def test_a_tag_says_the_type(written: str, meant: object) -> None:
    found = scalar(f"a: {written}\n", "a").value
    assert (type(found), found) == (type(meant), meant)


@pytest.mark.parametrize(
    "text",
    [".inf", "-.INF", "+.Inf", ".nan", "1e309", "1" * 5000, "0x" + "f" * 5000, "1." + "0" * 5000],
    ids=lambda text: text[:6],
)
def test_a_number_that_no_number_can_hold_is_refused(text: str) -> None:
    with pytest.raises(UnreadableScalarError):
        resolve(text, tag=None, is_plain=True)


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("x", "tag:yaml.org,2002:int"),
        ("1.5", "tag:yaml.org,2002:int"),
        ("1", "tag:yaml.org,2002:bool"),
        ("", "tag:yaml.org,2002:float"),
        ("eA==", "tag:yaml.org,2002:binary"),
        ("2013-02-01", "tag:yaml.org,2002:timestamp"),
        ("x", "!mine"),
    ],
)
def test_a_tag_that_does_not_fit_is_refused(text: str, tag: str) -> None:
    with pytest.raises(UnreadableScalarError):
        resolve(text, tag=tag, is_plain=True)
