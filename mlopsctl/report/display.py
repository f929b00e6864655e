"""What text looks like on a terminal: how wide it is, and how it is made harmless.

Text that mlopsctl prints comes from files, commands and clusters. Whatever is not plainly printable is shown as an
escape, so that no escape sequence, bidirectional override or invisible character reaches the terminal by way of it.
"""

import unicodedata
from collections.abc import Iterator

TAB = "→   "
ELLIPSIS = "…"


def shown(text: str) -> str:
    """`text` on one line with every character visible: escapes as Python writes them, an arrow for a tab."""
    return text if text.isprintable() else "".join(map(shown_character, text))


def shown_character(character: str) -> str:
    """One character as it may reach a terminal."""
    if character.isprintable():
        return character
    return TAB if character == "\t" else character.encode("unicode_escape").decode("ascii")


def display_width(text: str) -> int:
    """How many columns of a terminal the printable `text` takes."""
    return len(text) if text.isascii() else sum(map(_character_width, text))


def padded(text: str, width: int) -> str:
    """`text` with spaces after it up to `width` columns."""
    return text + " " * (width - display_width(text))


def cut(text: str, width: int) -> str:
    """`text` if it fits into `width` columns, else its beginning and an ellipsis."""
    if display_width(text) <= width:
        return text
    kept, taken = [], 0
    for character in text:
        taken += _character_width(character)
        if taken > width - 1:
            break
        kept.append(character)
    return "".join(kept) + ELLIPSIS


def cut_middle(text: str, width: int) -> str:
    """`text` if it fits into `width` columns, else its beginning and its end with an ellipsis between."""
    if display_width(text) <= width:
        return text
    end = max(width - 1, 0) // 2
    head, tail = cut(text, max(width - end, 1)), cut(text[::-1], end + 1)
    return head + tail.removesuffix(ELLIPSIS)[::-1]


def wrapped(text: str, width: int) -> list[str]:
    """`text` broken between words into lines of at most `width` columns; a longer word has a line to itself."""
    lines = list(_filled(text.split(" "), width))
    return lines or [""]


def _filled(words: list[str], width: int) -> Iterator[str]:
    line = words[0]
    for word in words[1:]:
        if display_width(line) + 1 + display_width(word) > width:
            yield line
            line = word
        else:
            line = f"{line} {word}"
    yield line


def _character_width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me") or "\u1160" <= character <= "\u11ff":
        return 0  # marks sit on the character before them; so do the vowels and finals of decomposed Hangul
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
