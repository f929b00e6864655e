"""The few colours of everything that is printed. They only repeat what the words say already."""

from collections.abc import Callable
from enum import Enum


class Colour(Enum):
    """A meaning, with the ANSI code that shows it."""

    ERROR = "1;31"
    WARNING = "1;33"
    GOOD = "32"
    FRAME = "34"
    STRONG = "1"
    FAINT = "2"


Paint = Callable[[str, Colour], str]


def painter(*, colour: bool) -> Paint:
    """A function that colours text, or leaves it as it is."""
    return _coloured if colour else _plain


def _coloured(text: str, colour: Colour) -> str:
    return f"\x1b[{colour.value}m{text}\x1b[0m" if text else text


def _plain(text: str, _: Colour) -> str:
    return text
