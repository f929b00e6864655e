"""What is wrong with a data set, gathered so that a million bad rows are one problem with five examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

MOST_EXAMPLES = 5
LONGEST_VALUE = 80
NOT_SHOWN = "not shown, personal"

Key = Sequence["str | int"]
"""A path into the contract, such as ("columns", "dep_delay", "max")."""


@dataclass
class Problem:
    """One broken promise. The message is `before`, the number of rows if it is about rows, and `after`."""

    key: Key
    before: str
    after: str = ""
    rows: int = 0
    examples: list[dict[str, object]] = field(default_factory=list)

    @property
    def wants_examples(self) -> bool:
        """Whether a reader would still learn from another example."""
        return len(self.examples) < MOST_EXAMPLES

    def show(self, row: int, value: object, file: str = "") -> None:
        """Add an example, unless there are enough. `file` is empty where the data set is one file."""
        if self.wants_examples:
            where: dict[str, object] = {"file": file} if file else {}
            self.examples.append({**where, "row": row, "value": shortened(value)})

    def to_json(self) -> dict[str, object]:
        """The problem as the report holds it."""
        message = f"{self.before} {counted(self.rows)}{self.after}" if self.rows else self.before + self.after
        return {"key": list(self.key), "message": printable(message), "rows": self.rows, "examples": self.examples}


class Problems:
    """All problems of a data set, in the order in which they were first seen."""

    def __init__(self) -> None:
        self._found: dict[tuple[tuple[str | int, ...], str], Problem] = {}

    def add(self, key: Key, before: str, *, rows: int = 0) -> Problem:
        """The problem of that key and wording, with `rows` more rows."""
        problem = self._found.setdefault((tuple(key), before), Problem(key, before))
        problem.rows += rows
        return problem

    def get(self, key: Key, before: str) -> Problem | None:
        """The problem of that key and wording, if there is one."""
        return self._found.get((tuple(key), before))

    def forget(self, prefix: tuple[str | int, ...]) -> None:
        """Drop the problems of rows below `prefix`, because one that explains them all follows."""
        kept = {at: found for at, found in self._found.items() if at[0][: len(prefix)] != prefix or not found.rows}
        self._found = kept

    def to_json(self) -> list[dict[str, object]]:
        """All problems as the report holds them."""
        return [problem.to_json() for problem in self._found.values()]


def counted(number: int, noun: str = "row") -> str:
    """`1 row` or `1,301 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def shortened(value: object) -> str:
    """`value` as text of one reasonable line."""
    text = printable(str(value))
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"


def printable(text: str) -> str:
    """`text` without what breaks a line of the terminal or can't be written as UTF-8."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
