"""How the parts of a plan are laid out for a terminal: what all of its sections share."""

import re
from collections.abc import Iterator, Sequence

from mlopsctl.frozen import frozen
from mlopsctl.report.colour import Colour, Paint
from mlopsctl.report.display import cut_middle, display_width, padded, shown, wrapped

_SEQUENCE = re.compile("\x1b\\[[0-9;]*m")
NARROWEST = 24  # columns for what is said, even if the terminal is narrower


@frozen
class Page:
    """How wide it is in columns, how it is coloured, and whether nothing is to be left out."""

    paint: Paint
    width: int
    explain: bool

    def said(self, text: str, indent: int) -> Iterator[str]:
        """A sentence in lines that begin at column `indent`."""
        room = max(self.width - indent, NARROWEST)
        yield from (" " * indent + cut_middle(line, max(room, 60)) for line in wrapped(text, room))

    def hung(self, head: str, parts: Sequence[str], indent: int) -> Iterator[str]:
        """`head`, padded to `indent` columns, with as many of the parts beside it as fit; the others go on below.

        `head` may have colours, and a head that is too wide has a line to itself.
        """
        lines = packed(parts, max(self.width - indent, NARROWEST))
        taken = display_width(uncoloured(head))
        if taken > indent:
            yield head
        else:
            yield f"{head}{' ' * (indent - taken)}{lines.pop(0)}".rstrip()
        yield from (" " * indent + line for line in lines)

    def table(self, rows: Sequence[tuple[str, str, Sequence[str]]], *, indent: int = 2) -> Iterator[str]:
        """Rows of a name, a word and what is said of it, in columns as wide as they need to be."""
        names = min(max((display_width(name) for name, _, _ in rows), default=0), max(self.width // 3, NARROWEST))
        words = max((display_width(word) for _, word, _ in rows), default=0)
        for name, word, parts in rows:
            first = f"{' ' * indent}{padded(cut_middle(name, names), names)}   "
            second = f"{self.paint(padded(word, words), Colour.STRONG)}   " if words else ""
            yield from self.hung(first + second, parts, display_width(first) + (words + 3 if words else 0))


def packed(parts: Sequence[str], width: int) -> list[str]:
    """The parts in as few lines of `width` columns as their order allows, with ` · ` between; at least one line."""
    lines: list[str] = []
    for part in parts:
        if lines and display_width(lines[-1]) + 3 + display_width(part) <= width:
            lines[-1] += f" · {part}"
        else:
            lines += wrapped(part, width)
    return lines or [""]


def uncoloured(text: str) -> str:
    """`text` without the sequences that `Paint` puts around words."""
    return _SEQUENCE.sub("", text)


def plural(count: int, kind: str) -> str:
    """`1 Gateway`, `2 Ingresses`, `3 NetworkPolicies`."""
    noun = shown(kind)
    if count == 1:
        return f"1 {noun}"
    if re.search("[^aeiou]y$", noun):
        return f"{count:,} {noun[:-1]}ies"
    return f"{count:,} {noun}{'es' if noun.endswith(('s', 'x', 'ch', 'sh')) else 's'}"


def listed(names: Sequence[str], most: int) -> str:
    """`a, b, c and 995 more`, made fit for a terminal."""
    kept = names if len(names) <= most + 1 else names[:most]
    more = f" and {len(names) - len(kept):,} more" if len(kept) < len(names) else ""
    return ", ".join(map(shown, kept)) + more
