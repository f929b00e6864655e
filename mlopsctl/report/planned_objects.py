"""What a plan does to objects, and what others did to them, for a terminal."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from mlopsctl.diagnostics import Span
from mlopsctl.frozen import frozen
from mlopsctl.manifest import Key
from mlopsctl.plan.model import Action, Drift, FieldChange, ObjectChange, Plan
from mlopsctl.plan.normal import masked
from mlopsctl.report.colour import Colour
from mlopsctl.report.display import cut_middle, display_width, padded, shown
from mlopsctl.report.planned_groups import FEW, Group, by, grouped, shared
from mlopsctl.report.planned_page import NARROWEST, Page, listed, plural
from mlopsctl.report.planned_values import Row, block, diff_of, flat, rows_of
from mlopsctl.report.wording import counted

MARKS = {Action.CREATE: "+", Action.UPDATE: "~", Action.REPLACE: "-/+", Action.DELETE: "-"}
VERBS = {Action.CREATE: "add", Action.UPDATE: "change", Action.REPLACE: "replace", Action.DELETE: "delete"}
REPLACED = "one of its fields can't be changed: it is deleted and made anew"
UNASKED = "checked against bundled schemas; the server is asked when it's there"
MOST_FIELDS = 12
MOST_GROUPS = 40
_COLOURS = {
    Action.CREATE: Colour.GOOD,
    Action.UPDATE: Colour.WARNING,
    Action.REPLACE: Colour.ERROR,
    Action.DELETE: Colour.ERROR,
}
_SIGNS = {"-": Colour.ERROR, "+": Colour.GOOD, " ": Colour.FAINT}
_FIELDS, _BELOW = 6, 8  # columns at which fields begin, and what stands below them
_NAMES = 3  # of objects that are shown together
_LOST = 20  # names of objects that are deleted
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def drift_lines(plan: Plan, page: Page) -> Iterator[str]:
    """What was changed behind git's back, by whom and when, and what apply does about it."""
    alike = (
        by(plan.drift, drift_likeness) if len(plan.drift) > FEW and not page.explain else [[one] for one in plan.drift]
    )
    kept = alike if page.explain else alike[:MOST_GROUPS]
    for drifts in kept:
        first = drifts[0]
        whose = f"by {shown(first.manager) or 'someone unknown'}{age(first.at, plan.provenance.made)}"
        many = _many(first.key, [one.key.name for one in drifts], _NAMES)
        name = named(first.key, plan) if len(drifts) == 1 else many
        yield from page.hung(f"  {page.paint('~', Colour.WARNING)} ", [name, whose], 4)
        yield from _fields(shared([one.fields for one in drifts]), page)
        yield from page.said(consequence(first), _FIELDS)
    left_out = sum(map(len, alike)) - sum(map(len, kept))
    if left_out:
        yield from page.said(f"and {counted(left_out, 'more object')}: --explain shows them", 2)


def change_lines(plan: Plan, page: Page) -> Iterator[str]:
    """Each object that changes and its fields; those that change alike together, if there are many."""
    told = [*beside_drift(plan)]
    groups = [each for change in told for each in grouped([change])] if page.explain else grouped(told)
    kept = groups if page.explain else _kept(groups)
    columns = _Columns.of(kept, plan)
    for group in kept:
        yield from _change(group, columns, plan, page)
    left_out = len(told) - sum(len(group.changes) for group in kept)
    if left_out:
        yield from page.said(f"and {counted(left_out, 'more object')}: --explain shows them", 2)
    unasked = [change for change in plan.changes if not change.is_predicted]
    if unasked:
        yield from page.said(f"{_unasked(unasked, page)} {UNASKED}.", 2)


def beside_drift(plan: Plan) -> Iterator[ObjectChange]:
    """The changes without the fields that are set back, which are shown as drift; what has no others is left out."""
    back = {(drift.key, one.path) for drift in plan.drift if drift.is_reverted for one in drift.fields}
    for change in plan.changes:
        fields = tuple(one for one in change.fields if (change.key, one.path) not in back)
        if change.action is not Action.UPDATE or fields or change.note or not change.fields:
            yield replace(change, fields=fields)


def named(key: Key, plan: Plan) -> str:
    """Kind and name, and the namespace if it is another than that of the plan, fit for a terminal."""
    elsewhere = f" in {key.namespace}" if key.namespace not in ("", plan.target.namespace) else ""
    return shown(f"{key}{elsewhere}")


def place(span: Span) -> str:
    """Where in the source it is, as editors understand it."""
    return shown(f"{span.file}:{span.start.line}")


def age(at: str, made: str) -> str:
    """How long before the plan was made that was, as `, 2 h before this plan`; empty if it isn't known."""
    try:
        seconds = (datetime.fromisoformat(made) - datetime.fromisoformat(at)).total_seconds()
    except (ValueError, TypeError):
        return ""
    if seconds < _MINUTE:
        return ", just before this plan"
    for length, unit in ((_DAY, "d"), (_HOUR, "h")):
        if seconds >= length:
            return f", {seconds // length:.0f} {unit} before this plan"
    return f", {seconds // _MINUTE:.0f} min before this plan"


def consequence(drift: Drift) -> str:
    """What apply does about it, as a sentence."""
    one, *others = drift.fields or (None,)
    if not drift.is_reverted:
        return "Apply leaves it: git doesn't say what it should be." if not others else "Apply leaves these to them."
    if one is None or others:
        many = "both" if len(others) == 1 else f"all {len(drift.fields)}"
        return f"Apply sets {many} back." if others else "Apply sets it back."
    text = flat(one.before)
    is_short = display_width(text) <= NARROWEST and not text.startswith("(")
    return f"Apply sets it back to {text}." if is_short else "Apply sets it back."


def content(change: ObjectChange) -> list[str]:
    """The lines of a whole object as it is made, without what is secret; none for a delete."""
    return block(masked(change.key.kind, (), change.wanted)) if change.wanted is not None else []


def names_of(group: Group) -> str:
    """What stands for several objects: how many there are of which kind, and the first names."""
    return _many(
        group.first.key, [change.key.name for change in group.changes], _LOST if group.is_destructive else _NAMES
    )


def drift_likeness(drift: Drift) -> tuple[object, ...]:
    """What drift of several objects has in common if it is shown together."""
    fields = tuple((one.path, f"{one.before!r} {one.after!r}") for one in drift.fields)
    return drift.key.group, drift.key.kind, drift.manager, drift.is_reverted, fields


def _many(key: Key, names: Sequence[str], most: int) -> str:
    return f"{plural(len(names), key.kind)}: {listed(names, most)}"


def _kept(groups: Sequence[Group]) -> list[Group]:
    """As many as are read; what is deleted has its places first, as that is what must not be missed."""
    first = sorted(range(len(groups)), key=lambda at: not groups[at].is_destructive)
    return [groups[at] for at in sorted(first[:MOST_GROUPS])]


def _unasked(changes: Sequence[ObjectChange], page: Page) -> str:
    """Whose namespace or definition comes in the same plan."""
    is_few = page.explain or len(changes) <= _NAMES
    whose = listed([str(change.key) for change in changes], len(changes)) if is_few else f"{len(changes):,} of these"
    need = "needs" if len(changes) == 1 else "need"
    return f"{whose} {need} a namespace or a definition that comes in this plan:"


@frozen
class _Columns:
    """How wide marks, verbs and names of the objects of a plan are."""

    marks: int
    verbs: int
    names: int

    @classmethod
    def of(cls, groups: Sequence[Group], plan: Plan) -> "_Columns":
        actions = {group.first.action for group in groups}
        names = [named(group.first.key, plan) for group in groups if len(group.changes) == 1 and _note(group.first)]
        return cls(
            max((len(MARKS[action]) for action in actions), default=0),
            max((len(VERBS[action]) for action in actions), default=0),
            min(max(map(display_width, names), default=0), 44),
        )


def _change(group: Group, columns: _Columns, plan: Plan, page: Page) -> Iterator[str]:
    change, hue = group.first, _COLOURS[group.first.action]
    mark, verb = padded(MARKS[change.action], columns.marks), padded(VERBS[change.action], columns.verbs)
    margin = 2 + columns.marks + 1 + columns.verbs + 2
    head = f"  {page.paint(f'{mark} {verb}', hue)}  "
    if len(group.changes) > 1:
        yield from page.hung(head, [names_of(group)], margin)
    elif note := _note(change):
        name = padded(named(change.key, plan), columns.names)
        beside = margin + display_width(name) + 3
        if beside + display_width(note) <= page.width:
            yield f"{head}{name}   {note}"
        else:
            yield f"{head}{name}".rstrip()
            yield from page.said(note, _FIELDS)
    else:
        yield head + named(change.key, plan)
    yield from _fields(group.fields, page, group.differing)
    if page.explain and change.action in (Action.CREATE, Action.REPLACE):
        yield from (" " * _FIELDS + page.paint(f"+ {line}".rstrip(), Colour.GOOD) for line in content(change))


def _note(change: ObjectChange) -> str:
    parts = [REPLACED if change.action is Action.REPLACE else "", shown(change.note)]
    return "; ".join(filter(None, parts))


def _fields(fields: Sequence[FieldChange], page: Page, differing: frozenset[str] = frozenset()) -> Iterator[str]:
    """The fields with their values and places: in columns where they fit, else the place below."""
    kept = fields if page.explain or len(fields) <= MOST_FIELDS + 1 else fields[:MOST_FIELDS]
    lengths = [display_width(shown(one.path)) for one in kept]
    paths = max((length for length in lengths if length <= page.width // 2), default=0)
    said = [_rows(one, paths, page, is_alike=one.path not in differing) for one in kept]
    room = page.width - _FIELDS - paths - 6
    texts = [(rows[0].text, where(one)) for one, rows in zip(kept, said, strict=True) if not rows[0].sign]
    beside = [display_width(text) for text, spot in texts if display_width(text) + display_width(spot) <= room]
    for one, rows in zip(kept, said, strict=True):
        yield from _field(one, rows, (paths, max(beside, default=0)), page)
    if len(kept) < len(fields):
        yield from page.said(f"and {counted(len(fields) - len(kept), 'more field')}: --explain shows them", _FIELDS)


def _rows(one: FieldChange, paths: int, page: Page, *, is_alike: bool) -> list[Row]:
    """The values beside the path or, if they are too long for that, below it."""
    if not is_alike:
        return [Row("", "other values in each")]
    beside, below = page.width - _FIELDS - paths - 3, page.width - _BELOW - 2
    rows = rows_of(one.before, one.after, room=max(beside, NARROWEST), whole=page.explain)
    return diff_of(one.before, one.after, room=max(below, NARROWEST), whole=page.explain) if rows[0].sign else rows


def _field(one: FieldChange, rows: Sequence[Row], widths: tuple[int, int], page: Page) -> Iterator[str]:
    """`widths` are those of the columns of paths and values; what is wider has lines to itself."""
    paths, values = widths
    path, spot = cut_middle(shown(one.path), max(page.width - _FIELDS, NARROWEST)), where(one)
    faint = page.paint(spot, Colour.FAINT)
    below = [" " * _BELOW + page.paint(f"at {spot}", Colour.FAINT)] if spot else []
    if rows[0].sign or display_width(path) > paths:
        fits = bool(spot) and _FIELDS + display_width(path) + 3 + display_width(spot) <= page.width
        yield f"{' ' * _FIELDS}{path}   {faint}" if fits else " " * _FIELDS + path
        yield from [] if fits else below
        yield from (" " * _BELOW + _signed(row, page) for row in rows)
        return
    column = max(values, display_width(rows[0].text))
    fits = bool(spot) and _FIELDS + paths + 3 + column + 3 + display_width(spot) <= page.width
    line = f"{' ' * _FIELDS}{padded(path, paths)}   {rows[0].text}"
    yield f"{line}{' ' * (column - display_width(rows[0].text))}   {faint}" if fits else line
    yield from [] if fits else below


def _signed(row: Row, page: Page) -> str:
    return page.paint(f"{row.sign} {row.text}".rstrip(), _SIGNS[row.sign]) if row.sign else row.text


def where(one: FieldChange) -> str:
    """The place of a field, or nothing."""
    return place(one.place) if one.place else ""
