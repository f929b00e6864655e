"""What a plain YAML scalar means, by the core schema of YAML 1.2.2, section 10.3.

PyYAML resolves by YAML 1.1, where `no` is false, `12:30` a number and `2013-02-01` a date. None of that is wanted here.
"""

import math
import re

from mlopsctl.source.nodes import Plain

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEAN = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_LONGEST_NUMBER = 300  # far beyond every float; Python refuses to convert integers of thousands of digits

_TAG = "tag:yaml.org,2002:"


class UnreadableScalarError(ValueError):
    """The text can't be a value of the type that it looks like or is tagged with."""


def resolve(text: str, *, tag: str | None, is_plain: bool) -> Plain:
    """The value of a scalar: `tag` is the explicit one, if any; `is_plain` says that it has no quotes.

    Raises UnreadableScalarError for numbers that aren't finite or are too long, for tags of other types and for NUL.
    """
    if "\0" in text:  # no path, argument or variable can hold it
        raise UnreadableScalarError("a text can't have the character U+0000 in it")
    if tag is None:
        return _by_looks(text) if is_plain else text
    if tag in ("!", f"{_TAG}str"):
        return text
    if not tag.startswith(_TAG) or tag.removeprefix(_TAG) not in ("null", "bool", "int", "float"):
        raise UnreadableScalarError(f"the tag `{shown_tag(tag)}` is not part of the language")
    value = _by_looks(text)
    wanted = tag.removeprefix(_TAG)
    if wanted == "float" and type(value) is int:
        return float(value)
    if _type_name(value) != wanted:
        raise UnreadableScalarError(f"the value is not of the type `{shown_tag(tag)}`")
    return value


def shown_tag(tag: str) -> str:
    """A tag as people write it: `!!int`."""
    return f"!!{tag.removeprefix(_TAG)}" if tag.startswith(_TAG) else tag


def _by_looks(text: str) -> Plain:
    if text in _NULL:
        return None
    if text in _BOOLEAN:
        return _BOOLEAN[text]
    if text[0] in "+-.0123456789":
        return _number(text)
    return text


def _number(text: str) -> Plain:
    for pattern, base in ((_DECIMAL, 10), (_OCTAL, 8), (_HEXADECIMAL, 16)):
        if pattern.fullmatch(text):
            _refuse_long(text)
            return int(text[2:] if base != 10 else text, base)  # noqa: PLR2004 - ten is what decimal means
    if _NOT_FINITE.fullmatch(text):
        raise UnreadableScalarError("a number of the language is finite")
    if _FLOAT.fullmatch(text):
        _refuse_long(text)
        value = float(text)
        if math.isinf(value):
            raise UnreadableScalarError("the number is too large")
        return value
    return text


def _refuse_long(text: str) -> None:
    if len(text) > _LONGEST_NUMBER:
        raise UnreadableScalarError("the number is too long")


def _type_name(value: Plain) -> str:
    return "null" if value is None else type(value).__name__
