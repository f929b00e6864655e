"""The checks of one column, and of keys that must not repeat.

Each chunk's cells are counted by value first, in C, and each value is judged once: most columns of a data set have few
values, and so the checks cost less than the reading.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import zip_longest
from typing import Any

from .cells import TEXT, TYPED, Parser, anything
from .problems import NOT_SHOWN, Key, Problem, Problems

LONGEST_WRITTEN_OUT = 10**15
NULLS = frozenset(["", "NA"])
"""What CSV writes for a missing value. Elsewhere null is None."""
DESCRIBED = {
    "number": "a number",
    "integer": "an integer",
    "string": "text",
    "boolean": "`true` or `false`",
    "date": "a date such as 2013-02-28",
    "timestamp": "a time such as 2013-02-28T10:00:00Z",
}
ORDERED = {"number", "integer", "date", "timestamp"}


@dataclass(frozen=True)
class Rule:
    """One promise of a column: where it stands in the contract, the words when it is broken, and whether it is."""

    key: str
    words: str
    broken_by: Callable[[Any, Any], bool]  # the cell and what it says


class ColumnCheck:
    """What the contract asks of the column `name`, and what was seen there."""

    def __init__(self, name: str, contract: Mapping[str, Any], problems: Problems, *, text: bool) -> None:
        self.name = name
        self.seen = False
        self.personal = contract.get("personal") is True
        self._contract = contract
        self._problems = problems
        self._text = text
        self._type = str(contract.get("type") or implied_type(contract))
        self._parse: Parser = (TEXT if text else TYPED).get(self._type, anything)
        self._rules = list(self._compiled())
        self._count = self._null_count = 0
        self._least: Any = None
        self._most: Any = None

    def examine(self, cells: Sequence[Any], numbers: Sequence[int], file: str) -> None:
        """Check the cells of the rows with those numbers. `file` is shown with examples unless it is empty."""
        keys = cells if self._text else [(type(cell), cell) for cell in cells]  # 1 and True are equal, but differ here
        wrong: dict[Hashable, list[Problem]] = {}
        for key, times in Counter(keys).items():
            broken = self._judge(key if self._text else key[1], times)
            if broken:
                wrong[key] = broken
        if any(problem.wants_examples for broken in wrong.values() for problem in broken):
            self._show(wrong, keys, numbers, file)

    def absent(self, rows: int) -> None:
        """Count the rows of a file that lacks the column, as nulls."""
        if rows:
            self._judge(None, rows)

    def finish(self) -> None:
        """Add to the problems what is known only at the end."""
        if not self.seen:
            self._problems.forget(("columns", self.name))
        elif not self.personal and self._least is not None:
            for rule in self._rules:
                end = {"min": f", lowest {said(self._least)}", "max": f", highest {said(self._most)}"}.get(rule.key)
                problem = self._problems.get(("columns", self.name, rule.key), rule.words)
                if problem and end:
                    problem.after = end

    def statistics(self) -> dict[str, object]:
        """Counts, and the extremes of numbers and times unless the column is personal."""
        counts: dict[str, object] = {"count": self._count, "nulls": self._null_count}
        if self.personal or self._least is None:
            return counts
        return {**counts, "min": plain(self._least), "max": plain(self._most)}

    def _judge(self, cell: Any, times: int) -> list[Problem]:
        if cell is None or (self._text and cell in NULLS):
            self._null_count += times
            return (
                []
                if self._contract.get("nullable") is True
                else [self._broken("nullable", "is not nullable, but null in", times)]
            )
        self._count += times
        value = self._parse(cell)
        if value is None:
            return [self._broken("type", f"is not {DESCRIBED.get(self._type, self._type)} in", times)]
        if self._type in ORDERED:
            self._least = value if self._least is None or value < self._least else self._least
            self._most = value if self._most is None or value > self._most else self._most
        return [self._broken(rule.key, rule.words, times) for rule in self._rules if rule.broken_by(cell, value)]

    def _broken(self, key: str, words: str, times: int) -> Problem:
        place = ("columns", self.name, key) if key in self._contract else ("columns", self.name)
        return self._problems.add(place, words if words.startswith("`") else f"`{self.name}` {words}", rows=times)

    def _show(
        self, wrong: Mapping[Hashable, list[Problem]], keys: Sequence[Any], numbers: Sequence[int], file: str
    ) -> None:
        for place, key in enumerate(keys):
            if key in wrong:
                shown = NOT_SHOWN if self.personal else key if self._text else "null" if key[1] is None else key[1]
                for problem in wrong[key]:
                    problem.show(numbers[place], shown, file)

    def _compiled(self) -> Iterator[Rule]:
        """The rules of the contract; what is wrong with the contract itself becomes a problem."""
        least, most = self._bound("min"), self._bound("max")
        if least is not None:
            yield Rule("min", self._words("is below", self._contract["min"]), lambda _, value: bool(value < least))
        if most is not None:
            yield Rule("max", self._words("is above", self._contract["max"]), lambda _, value: bool(value > most))
        if "in" in self._contract:
            parse = TYPED.get(self._type, anything)
            allowed = {parse(value) for value in self._contract["in"]}
            yield Rule("in", f"`{self.name}` is not in the list in", lambda _, value: value not in allowed)
        if "pattern" in self._contract:
            yield from self._pattern(self._contract["pattern"])

    def _words(self, verb: str, limit: object) -> str:
        return f"`{self.name}` {verb} {limit} in"

    def _bound(self, key: str) -> Any:
        if key not in self._contract:
            return None
        bound = TYPED.get(self._type, anything)(self._contract[key])
        if bound is None:
            described = DESCRIBED.get(self._type, self._type)
            self._problems.add(("columns", self.name, key), f"`{key}` of `{self.name}` is not {described}")
        return bound

    def _pattern(self, pattern: str) -> Iterator[Rule]:
        try:
            search = re.compile(pattern).search
        except re.error as error:
            key = ("columns", self.name, "pattern")
            self._problems.add(key, f"`pattern` of `{self.name}` is no regular expression: {error}")
        else:
            words = f"`{self.name}` does not match `{pattern}` in"
            yield Rule("pattern", words, lambda cell, _: search(str(cell)) is None)


class UniqueCheck:
    """Keys that must not repeat; a key with a null is not compared, as in SQL.

    It keeps a hash of 64 bits a row, which costs about 115 bytes in Python's set: 38 MB for 336,776 rows. That two
    different keys among ten million share one has a chance of 1 in 370,000.
    """

    def __init__(self, key: Key, columns: Sequence[str], problems: Problems, *, text: bool, personal: bool) -> None:
        self.key = key
        self.columns = columns
        self._problems = problems
        self._text = text
        self._personal = personal
        self._seen: set[int] = set()

    def examine(self, columns: Mapping[str, Sequence[Any]], numbers: Sequence[int], file: str) -> None:
        """Check the keys of the rows with those numbers; a chunk without one of the columns has no keys."""
        if any(name not in columns for name in self.columns):
            return
        # As long as each other; `zip` would have to say so with an argument that Python 3.9 doesn't know.
        keys = list(zip_longest(*(columns[name] for name in self.columns)))
        hashes = list(map(hash, keys if self._text else map(repr, keys)))  # -1 and -2 have the same hash
        fresh = set(hashes)
        if len(fresh) < len(hashes) or not self._seen.isdisjoint(fresh):
            self._note_repeats(keys, hashes, numbers, file)
        self._seen |= fresh

    def _note_repeats(
        self, keys: Sequence[tuple[Any, ...]], hashes: Sequence[int], numbers: Sequence[int], file: str
    ) -> None:
        named = ", ".join(f"`{name}`" for name in self.columns)
        words = f"{named} {'repeats' if len(self.columns) == 1 else 'together repeat'} in"
        nulls = NULLS if self._text else frozenset([None])
        for place, key in enumerate(keys):
            if hashes[place] in self._seen and nulls.isdisjoint(key):
                shown = NOT_SHOWN if self._personal else ", ".join(map(str, key))
                self._problems.add(self.key, words, rows=1).show(numbers[place], shown, file)
            self._seen.add(hashes[place])


def implied_type(contract: Mapping[str, Any]) -> str:
    """The type of a column that states none: that of its bounds or list, else nothing in particular."""
    stated = [contract[key] for key in ("min", "max") if key in contract] + list(contract.get("in", []))
    for name in ("boolean", "number", "string"):
        if stated and all(TYPED[name](value) is not None for value in stated):
            return name
    return ""


def said(value: Any) -> str:
    """A number or time in a sentence."""
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return f"{int(value):,}" if value == int(value) and abs(value) < LONGEST_WRITTEN_OUT else str(value)


def plain(value: Any) -> object:
    """A number or time as JSON holds it."""
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value
