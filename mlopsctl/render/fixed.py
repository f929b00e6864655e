"""Parts of documents that are the same in all that are made of one template, because no value is in them.

They are two fifths of what is rendered. Each is one object in all of those documents, so what was found out about it
for the first holds for the others, and is kept with it.
"""

from collections.abc import Callable
from typing import Any


class FixedMapping(dict[str, Any]):
    """A mapping that is part of a template. Whoever copies it gets a `dict`, about which nothing is known."""

    __slots__ = ("fine", "texts")

    def __init__(self, entries: dict[str, Any]) -> None:
        super().__init__(entries)
        self.fine: set[Callable[[Any], Any]] = set()  # the checks that have found no fault in it
        self.texts: dict[tuple[str, str], str] = {}  # as YAML, by what its lines begin with

    def __reduce__(self) -> tuple[type[dict[str, Any]], tuple[dict[str, Any]]]:
        return dict, (dict(self),)


class FixedList(list[Any]):
    """A list that is part of a template. Whoever copies it gets a `list`, about which nothing is known."""

    __slots__ = ("fine", "texts")

    def __init__(self, items: list[Any]) -> None:
        super().__init__(items)
        self.fine: set[Callable[[Any], Any]] = set()  # as above
        self.texts: dict[tuple[str, str], str] = {}

    def __reduce__(self) -> tuple[type[list[Any]], tuple[list[Any]]]:
        return list, (list(self),)
