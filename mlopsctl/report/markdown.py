"""Markdown for GitHub that nothing breaks out of: texts of users stand in code, or are plainly harmless."""

import re
from collections.abc import Iterable, Sequence

from mlopsctl.frozen import frozen
from mlopsctl.report.display import ELLIPSIS, shown

_LONGEST = 200  # characters of a text within a sentence
_LONGEST_LINE = 400  # characters of a line of a diff
# Letters, digits and marks that mean nothing where no line begins: no tags, entities, links, emoji, names of people.
_PLAIN = re.compile(r"(?:[^\W_]|[ ,;()…≥≤→%+'=/.·×−–-]|:(?= |$)|(?<=[0-9]):(?=[0-9])|(?<=[^\W_])_(?=[^\W_]))+")
_LINKED = re.compile(r"//|www\.", re.IGNORECASE)


@frozen
class Block:
    """A piece that is shown whole or not at all, and how many things it says something of."""

    text: str
    count: int = 1
    is_urgent: bool = False  # has its place before others


@frozen
class Section:
    """Blocks under a title that folds them. `title` is ours; `noun` names what is counted if some is left out."""

    title: str
    noun: str
    blocks: Sequence[Block]


def code(text: str) -> str:
    """`text` as code within a line, shortened in the middle if it is long."""
    said = short(shown(text), _LONGEST) or " "
    ticks = "`" * (_longest_run(said) + 1)
    pad = " " if said.startswith("`") or said.endswith("`") else ""
    return f"{ticks}{pad}{said}{pad}{ticks}"


def prose(text: str, *, most: int = _LONGEST) -> str:
    """`text` as it is if it can only be read as words, else as code; of more than `most` characters, shortened.

    It must not stand where a line begins.
    """
    said = short(text, most)
    return said if _PLAIN.fullmatch(said) and not _LINKED.search(said) else code(text)


def fence(lines: Iterable[str], language: str) -> str:
    """A block of code that ends where it should, whatever is in its lines."""
    shortened = [short(shown(line), _LONGEST_LINE) for line in lines]
    ticks = "`" * max(3, max(map(_longest_run, shortened), default=0) + 1)
    return "\n".join([f"{ticks}{language}", *shortened, ticks])


def indented(text: str, indent: int = 2) -> str:
    """`text` as a part of the item of a list that is above it."""
    return "\n".join(" " * indent + line if line else "" for line in text.split("\n"))


def short(text: str, most: int) -> str:
    """`text` or its beginning and its end, at most that many characters; it counts these, not columns."""
    if len(text) <= most:
        return text
    end = (most - 1) // 3
    return text[: most - 1 - end] + ELLIPSIS + text[len(text) - end :]


def length(text: str) -> int:
    """How long GitHub may think a text is: in UTF-16 code units, of which a character has one or two."""
    return len(text.encode("utf-16-le")) // 2


def folded(section: Section, blocks: Sequence[Block], remark: str) -> str:
    """A section that opens when it is clicked, with a remark on what it leaves out."""
    body = [*(block.text for block in blocks), *([remark] if remark else [])]
    return "\n\n".join([f"<details><summary>{section.title}</summary>", *body, "</details>"])


def fitted(sections: Sequence[Section], limit: int, remark: str) -> list[str]:
    """Each section with as many whole blocks as there is room for; `remark` follows `and 3 more objects`.

    Small sections have all they need, and the larger ones share the rest.
    """
    frames = [length(folded(section, (), _remark(section, (), remark))) + 2 for section in sections]
    left = limit - sum(frames)
    rooms: dict[int, int] = {}
    needs = [sum(length(block.text) + 2 for block in section.blocks) for section in sections]
    for done, at in enumerate(sorted(range(len(sections)), key=needs.__getitem__)):
        rooms[at] = min(needs[at], max(left, 0) // (len(sections) - done))
        left -= rooms[at]
    kept = [_kept(section.blocks, rooms[at]) for at, section in enumerate(sections)]
    return [folded(one, some, _remark(one, some, remark)) for one, some in zip(sections, kept, strict=True)]


def _kept(blocks: Sequence[Block], room: int) -> list[Block]:
    """The blocks that fit, in their order; what is urgent is chosen first."""
    chosen = []
    for at in sorted(range(len(blocks)), key=lambda at: not blocks[at].is_urgent):
        cost = length(blocks[at].text) + 2
        if cost <= room:
            room -= cost
            chosen.append(at)
    return [blocks[at] for at in sorted(chosen)]


def _remark(section: Section, kept: Sequence[Block], remark: str) -> str:
    count = sum(block.count for block in section.blocks) - sum(block.count for block in kept)
    return f"and {count:,} more {section.noun}{'' if count == 1 else 's'} {remark}" if count else ""


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)
