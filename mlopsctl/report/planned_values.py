"""Values before and after, as one line, as two, or as a small line diff: whatever shows the difference best."""

import json
import re
from collections.abc import Iterator
from difflib import SequenceMatcher

from mlopsctl.frozen import frozen
from mlopsctl.plan.model import ABSENT, Absent
from mlopsctl.plan.normal import SECRET
from mlopsctl.report.display import ELLIPSIS, cut_middle, display_width, shown
from mlopsctl.report.wording import counted
from mlopsctl.source.nodes import Json

Value = Json | Absent

NONE = "(none)"
_DIGEST = re.compile(r"\bsha256:([0-9a-f]{12})[0-9a-f]{52}\b")
_LITERAL = re.compile(r"true|false|null|-?\d[\d.eE+-]*")
_LONGEST = 2000  # columns of a value that is shown whole
_MOST_LINES = 12  # of a diff that is not shown whole
_MOST_COMPARED = 500  # lines; comparing takes time that grows with their square


@frozen
class Row:
    """A line of a value. `sign` is `-`, `+` or a space as in a diff, or empty for a line that says both sides."""

    sign: str
    text: str


def flat(value: Value) -> str:
    """A value on one line, fit for a terminal; a string is quoted only if it could be taken for something else."""
    if value is ABSENT:
        return NONE
    if isinstance(value, str) and (value == SECRET or _is_plain(value)):
        return value
    return shown(json.dumps(value, ensure_ascii=False))


def line_of(before: Value, after: Value) -> str:
    """Both on one line, `200 → 400`, digests as short as people know them."""
    if before == after == SECRET:
        return "changes; as it is secret, it isn't shown"
    one, other = _shortened(flat(before), flat(after))
    return f"{one} → {other}"


def rows_of(before: Value, after: Value, *, room: int, whole: bool) -> list[Row]:
    """Lines of at most `room` columns that show what differs; `whole` leaves nothing out.

    One line if both fit there, a line diff if one has several lines or is large, else a line for each.
    """
    together = line_of(before, after)
    if before == after == SECRET or (display_width(together) <= room and not (_has_lines(before) or _has_lines(after))):
        return [Row("", together)]
    return diff_of(before, after, room=room, whole=whole)


def diff_of(before: Value, after: Value, *, room: int, whole: bool) -> list[Row]:
    """The same, but always with what was under `-` and what will be under `+`."""
    if before == after == SECRET:
        return [Row(" ", line_of(before, after))]
    room = max(room, _LONGEST) if whole else room
    if any(_is_large(value, room) for value in (before, after)) and not _differ_in_last_breaks(before, after):
        return _lines(before, after, room=room, whole=whole)
    one, other = flat(before), flat(after)
    pair = (one, other) if whole else _narrowed(*_shortened(one, other), room)
    sides = zip("-+", (before, after), pair, strict=True)
    return [Row(sign, cut_middle(text, room)) for sign, value, text in sides if value is not ABSENT]


def block(value: Value) -> list[str]:
    """A value on lines of its own, as people write it; none for no value."""
    if value is ABSENT:
        return []
    if isinstance(value, str):
        return [shown(line) for line in value.split("\n")]
    if not isinstance(value, list | dict) or not value:
        return [flat(value)]
    return [shown(line) for line in _yaml(value).rstrip("\n").split("\n")]


def _yaml(value: Json) -> str:
    """YAML as people write it: keys in their order, texts of several lines as such."""
    import yaml  # here, as most plans have no such value

    class Dumper(yaml.SafeDumper):
        """Writes a text of several lines as a block."""

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)

    Dumper.add_representer(str, text)
    return str(yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=_LONGEST))


def _lines(before: Value, after: Value, *, room: int, whole: bool) -> list[Row]:
    one, other = block(before), block(after)
    if one[-1:] == other[-1:] == [""]:
        del one[-1], other[-1]  # both end as texts do
    rows = [Row(row.sign, cut_middle(row.text, room)) for row in _compared(one, other, around=3 if whole else 1)]
    if whole or len(rows) <= _MOST_LINES + 1:
        return rows
    return [*rows[:_MOST_LINES], Row(" ", f"{ELLIPSIS} and {counted(len(rows) - _MOST_LINES, 'more line')}")]


def _compared(one: list[str], other: list[str], *, around: int) -> Iterator[Row]:
    """The lines that differ, with `around` lines of what is the same before and after."""
    if max(len(one), len(other)) > _MOST_COMPARED:
        yield from (Row("-", line) for line in one)
        yield from (Row("+", line) for line in other)
        return
    for number, group in enumerate(SequenceMatcher(None, one, other, autojunk=False).get_grouped_opcodes(around)):
        if number:
            yield Row(" ", ELLIPSIS)
        for tag, start, end, from_other, to_other in group:
            if tag == "equal":
                yield from (Row(" ", line) for line in one[start:end])
            else:
                yield from (Row("-", line) for line in one[start:end])
                yield from (Row("+", line) for line in other[from_other:to_other])


def _narrowed(one: str, other: str, room: int) -> tuple[str, str]:
    """Both in `room` columns, if one is too wide: what they have in common is shortened first, what differs last."""
    if max(map(display_width, (one, other))) <= room:
        return one, other
    shortest = min(len(one), len(other))
    start = next((at for at in range(shortest) if one[at] != other[at]), shortest)
    end = next((at for at in range(shortest - start) if one[-1 - at] != other[-1 - at]), shortest - start)
    left, right = one[:start], one[len(one) - end :]
    spare = max(room - display_width(max(one, other, key=len)) + display_width(left + right), 0)
    right = cut_middle(right, max(spare // 3, spare - display_width(left)))
    left = cut_middle(left, spare - display_width(right))
    return tuple(left + text[start : len(text) - end] + right for text in (one, other))  # type: ignore[return-value]  # of two


def _shortened(one: str, other: str) -> tuple[str, str]:
    """Both with short digests, unless that would make them look the same."""
    short, shorter = (_DIGEST.sub(rf"sha256:\1{ELLIPSIS}", text) for text in (one, other))
    return (one, other) if short == shorter else (short, shorter)


def _is_plain(text: str) -> bool:
    return (
        bool(text)
        and text == text.strip()
        and text.isprintable()
        and text[0] not in "\"'{[("
        and "→" not in text
        and not _LITERAL.fullmatch(text)
    )


def _has_lines(value: Value) -> bool:
    return isinstance(value, str) and "\n" in value


def _is_large(value: Value, room: int) -> bool:
    return _has_lines(value) or (isinstance(value, list | dict) and display_width(flat(value)) > room)


def _differ_in_last_breaks(before: Value, after: Value) -> bool:
    """Whether two texts differ only in line breaks at their ends, which a line diff hides."""
    return (
        isinstance(before, str)
        and isinstance(after, str)
        and not isinstance(before, Absent)
        and not isinstance(after, Absent)
        and before.rstrip("\n") == after.rstrip("\n")
    )
