"""CEL: rules as they are read and answered. The one module that knows the library; why this one: docs/dependencies.md.

The library bounds what a rule may do: 32 levels deep, ten thousand steps of its loops, regular expressions in linear
time. So no rule hangs, whatever it says.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlopsctl.frozen import frozen
from mlopsctl.source.nodes import Json

VARIABLES = ("pipeline", "stage", "environment", "release")

_FAULT = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)$", re.MULTILINE)
_UNEXPECTED = re.compile(r"Syntax error: .*?'(?P<found>[^']*)'")
_UNKNOWN = re.compile(r"undeclared reference to '(?P<name>[^']*)'")
_OVERLOAD = re.compile(r"found no matching overload for '(?P<name>[^']*)' applied to '\((?P<types>.*)\)'")
_QUOTED = re.compile(r"""r?('''|\"\"\")(?:\\.|(?!\1).)*\1|r?(['"])(?:\\.|(?!\2).)*\2""", re.DOTALL)
_NAME = re.compile(r"\w+")
_DOTTED = re.compile(rf"(?<![\w.])(?P<path>(?:{'|'.join(VARIABLES)})\b(?:\s*\.\s*[A-Za-z_]\w*)*)(?P<call>\s*\()?")


@frozen
class Mistake:
    """What is wrong in a rule, in words, from `start` up to `end` in its text."""

    what: str
    start: int
    end: int


@frozen
class Mention:
    """`stage.replicas.min` as a rule writes it: the path, and where each of its names begins and ends."""

    path: tuple[str, ...]
    places: tuple[tuple[int, int], ...]


class NoAnswerError(Exception):
    """A rule has no answer for what it was asked of; says why."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that can be answered."""

    text: str
    compiled: Any

    def holds(self, facts: Mapping[str, Json]) -> bool:
        """Whether it is true of these values. Raises NoAnswerError if it is neither true nor false."""
        try:
            answer = self.compiled.eval(data=dict(facts))
            value, kind = answer.value(), answer.type().name()
        except RuntimeError as error:
            raise NoAnswerError(_why(str(error))) from error
        if kind == "ERROR":
            raise NoAnswerError(_why(str(answer)))
        if not isinstance(value, bool):
            raise NoAnswerError(f"it is neither true nor false, but of type {kind.lower()}")
        return value


def is_installed() -> bool:
    """Whether there is a library for CEL."""
    from importlib.util import find_spec

    return find_spec("cel_expr_python") is not None


def read(text: str) -> Rule | tuple[Mistake, ...]:
    """A rule, or what is wrong with it."""
    from cel_expr_python import cel

    known = cel.NewEnv(variables=dict.fromkeys(VARIABLES, cel.Type.DYN))
    try:
        compiled = known.compile(text)
    except RuntimeError as error:
        return tuple(_mistakes(text, str(error)))
    kind = compiled.return_type().name()
    if kind not in ("BOOL", "DYN"):
        return (Mistake(f"it is of type {kind.lower()}, and a rule is true or false", 0, len(text)),)
    return Rule(text, compiled)


def mentions(text: str) -> Iterator[Mention]:
    """The fields of what a rule sees that it names, in the order written."""
    for found in _DOTTED.finditer(_QUOTED.sub(lambda quoted: " " * len(quoted.group()), text)):
        places = [name.span() for name in _NAME.finditer(found.string, found.start(), found.end("path"))]
        if found["call"] and len(places) > 1:
            places.pop()  # a method, such as `size()`
        yield Mention(tuple(text[start:end] for start, end in places), tuple(places))


def _mistakes(text: str, said: str) -> Iterator[Mistake]:
    faults = [(int(line), int(column), what) for line, column, what in _FAULT.findall(said)]
    placed = [fault for fault in faults if fault[0] > 0]
    if not placed:
        yield Mistake(_why(said), 0, len(text))
        return
    for line, column, what in placed[:1] if "Syntax error" in placed[0][2] else placed:
        mistake = _mistake(text, _offset(text, line, column), what)
        yield Mistake(mistake.what, mistake.start, min(mistake.end, len(text)))


def _mistake(text: str, at: int, what: str) -> Mistake:
    if unknown := _UNKNOWN.search(what):
        name = unknown["name"].partition(".")[0]
        start = max(text.rfind(name, 0, at + len(name)), 0)
        return Mistake(f"there is no `{name}` in CEL or among what a rule sees", start, start + len(name))
    if unexpected := _UNEXPECTED.search(what):
        found = unexpected["found"]
        if found == "<EOF>":
            return Mistake("it ends where more is expected", max(len(text.rstrip()) - 1, 0), len(text.rstrip()))
        return Mistake(f"`{found}` is not expected here", at, at + max(len(found), 1))
    if overload := _OVERLOAD.search(what):
        operator = overload["name"].strip("_@").replace("_", "")
        return Mistake(
            f"`{operator}` is not for {overload['types'].replace(', ', ' and ')}", at, at + max(len(operator), 1)
        )
    return Mistake(what.replace(" (in container '')", ""), at, at + 1)


def _offset(text: str, line: int, column: int) -> int:
    """Where a place is that the library names by line and column, both from 1."""
    lines: Sequence[str] = text.split("\n")
    before = sum(len(each) + 1 for each in lines[: line - 1])
    return min(before + column - 1, max(len(text) - 1, 0))


def _why(said: str) -> str:
    """An answer that is none, in our words."""
    if missing := re.search(r'Key not found in map : "?([^"]*)"?', said):
        return f"there is no `{missing[1].strip()}` in it"
    if "Applying SELECT to non-message type" in said or "No matching overloads" in said:
        return "it asks something of what is not there, or of another type"
    if "Iteration budget" in said:
        return "it takes more than 10,000 steps"
    if "recursion" in said:
        return "it is more than 32 levels deep"
    first = said.strip().splitlines()[0] if said.strip() else "it fails"
    return re.sub(r"^[A-Z_]+: | \[[A-Z_]+\]$", "", first)
