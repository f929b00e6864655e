"""Objects as YAML that people read and that every reader understands alike, of version 1.1 or 1.2.

Keys keep their order, so that the text looks like the template that it was made from. A text that some reader could
take for something else stands in quotes; one of several lines is a block.
"""

import json
import re
from functools import lru_cache
from typing import Any

from mlopsctl.render.fixed import FixedList, FixedMapping

# Neither a number, nor a date, nor a truth value of any version begins like this and goes on like this.
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./@-]*(?:[ :=][A-Za-z0-9_./@()-]+)*")
_WORDS = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
# What a block can hold as it is: no tabs at the start of a line, no other line breaks, nothing that can't be seen.
_BLOCK = re.compile(r"[\x20-\x7e\xa1-\u167f\u1681-\u1fff\u2010-\u2027\u2030-\u205e\u2070-\ud7ff\n]+")
_LINE_BREAK = re.compile(r"\n(?!\n)")  # before a line that isn't empty
_SPACES = (" ", "\u3000")  # those of them that can't be seen at the end of a line
_NOT_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")

# Not as `dict | list`, which would be made anew for each value.
_PARTS = (dict, list)
_FIXED = (FixedMapping, FixedList)
_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def yaml_text(document: Any) -> str:
    """The text of one document, with a line break at its end."""
    lines: list[str] = []
    if isinstance(document, _PARTS) and document:
        _write(document, "", "", lines)
    else:
        lines.append(_scalar(document))
    return "\n".join(lines) + "\n"


def _write(value: dict[str, Any] | list[Any], first: str, indent: str, lines: list[str]) -> None:
    """Add the lines of a mapping or list that isn't empty. `first` is what stands before it on its first line."""
    if isinstance(value, _FIXED):
        lines.append(_known_text(value, first, indent))
    elif isinstance(value, list):
        _write_list(value, first, indent, lines)
    else:
        _write_mapping(value, first, indent, lines)


def _known_text(value: FixedMapping | FixedList, first: str, indent: str) -> str:
    """The text of a part of a template, which is made once."""
    if (first, indent) not in value.texts:
        lines: list[str] = []
        if isinstance(value, list):
            _write_list(value, first, indent, lines)
        else:
            _write_mapping(value, first, indent, lines)
        value.texts[first, indent] = "\n".join(lines)
    return value.texts[first, indent]


def _write_list(value: list[Any], first: str, indent: str, lines: list[str]) -> None:
    before, below_it = first, f"{indent}  "
    for item in value:
        if isinstance(item, _PARTS) and item:
            _write(item, f"{before}- ", below_it, lines)
        else:
            lines.append(f"{before}- {_leaf(item, below_it)}")
        before = indent


def _write_mapping(value: dict[str, Any], first: str, indent: str, lines: list[str]) -> None:
    before, below_it = first, f"{indent}  "
    for key, below in value.items():
        if isinstance(below, str) and "\n" not in below:  # which most are
            lines.append(f"{before}{_text(key)}: {_text(below)}")
        elif isinstance(below, _PARTS) and below:
            lines.append(f"{before}{_text(key)}:")
            _write(below, below_it, below_it, lines)
        else:
            lines.append(f"{before}{_text(key)}: {_leaf(below, below_it)}")
        before = indent


def _leaf(value: Any, indent: str) -> str:
    """A scalar, or an empty mapping or list. `indent` is what lines begin with that follow the first."""
    return _block(value, indent) if isinstance(value, str) and "\n" in value else _scalar(value)


def _block(text: str, indent: str) -> str:
    """A literal block with its header; a text in quotes if it can't be one."""
    first = text.partition("\n")[0]
    if not _BLOCK.fullmatch(text) or not first.strip() or first.startswith(" "):
        return _quoted(text)
    if text.endswith((*_SPACES, "\n\n")) or any(f"{space}\n" in text for space in _SPACES):
        return _quoted(text)
    header, whole = ("|", text[:-1]) if text.endswith("\n") else ("|-", text)
    # Lines that are empty stay so.
    indented = _LINE_BREAK.sub(f"\n{indent}", whole) if "\n\n" in whole else whole.replace("\n", f"\n{indent}")
    return f"{header}\n{indent}{indented}"


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    written = _json(value)
    # Version 1.1 takes 1e-09 for a text, and 1.0e-09 for a number.
    return re.sub(r"^(-?[0-9]+)e", r"\1.0e", written) if isinstance(value, float) else written


@lru_cache(maxsize=1024)  # objects have most of their words in common
def _text(text: str) -> str:
    return text if _PLAIN.fullmatch(text) and text.lower() not in _WORDS else _quoted(text)


def _quoted(text: str) -> str:
    written = _json(text)
    return _NOT_IN_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", written)
