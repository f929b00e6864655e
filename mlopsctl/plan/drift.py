"""What was changed behind git's back: which fields, by whom, when, and whether apply puts them back."""

from collections.abc import Callable, Iterable, Iterator

from mlopsctl.diagnostics import Span
from mlopsctl.frozen import frozen
from mlopsctl.manifest import DIGEST, MANAGER, Document, Path, key_of
from mlopsctl.plan.by_design import BY_DESIGN, ByDesign
from mlopsctl.plan.difference import Difference, ListKeys, compared, field_change, placed
from mlopsctl.plan.model import ABSENT, Drift, FieldChange
from mlopsctl.plan.ownership import FieldSet, Holder, others, owned
from mlopsctl.plan.steps import Item, Steps, located, nearest, value_at

_NOBODY = Holder(manager="", operation="", subresource="", at="", fields=frozenset())


@frozen(kw_only=True)
class Sides:
    """One object three times: as git says, as it lives, and as it would be after an apply, which may be as it lives.

    `wanted` and `live` have their stamps, `live` its managedFields.
    """

    wanted: Document
    live: Document
    predicted: Document


def drifted(
    sides: Sides,
    *,
    place: Callable[[Path], Span | None] = lambda _: None,
    list_keys: ListKeys = lambda *_: None,
    by_design: Iterable[ByDesign] = BY_DESIGN,
) -> tuple[Drift, ...]:
    """What others than apply made of the object, by manager and time, latest first; not what they are there to set.

    A field that git and others change at once counts as drift if it is theirs now. Nobody keeps record of who took a
    field away: that is drift only if git says the same as at the last apply, and its manager and time are empty.
    """
    found: dict[tuple[str, str, bool], list[FieldChange]] = {}
    records = _Records(sides, tuple(by_design))
    for holder, each in records.reverted(compared(sides.predicted, sides.live, list_keys=list_keys)):
        change = field_change(each, (sides.predicted, sides.live), place(placed(each.steps, sides.wanted)))
        found.setdefault((holder.at, holder.manager, True), []).append(change)
    for holder, each in records.kept():
        change = field_change(each, (sides.predicted, sides.live), None)
        found.setdefault((holder.at, holder.manager, False), []).append(change)
    key = key_of(sides.wanted)
    return tuple(
        Drift(key=key, manager=manager, at=at, fields=tuple(fields), is_reverted=is_reverted)
        for (at, manager, is_reverted), fields in sorted(found.items(), key=lambda each: each[0], reverse=True)
    )


class _Records:
    """What the server says of who set the fields of the object that lives."""

    def __init__(self, sides: Sides, by_design: tuple[ByDesign, ...]) -> None:
        entries, key = sides.live["metadata"].get("managedFields") or [], key_of(sides.live)
        self._sides = sides
        self._ours = owned(entries, MANAGER)
        self._others = others(entries, key, by_design=by_design)
        self._everybody = others(entries, key, by_design=())

    def reverted(self, found: Iterable[Difference]) -> Iterator[tuple[Holder, Difference]]:
        """The differences from the prediction that aren't git's doing."""
        is_same_git = _digest(self._sides.wanted) == _digest(self._sides.live)
        for each in found:
            concerned = self._concerned(each.steps)
            holder = None if concerned(self._ours) else self._first(self._others, concerned)
            if holder is not None:
                yield holder, each
            elif is_same_git and self._is_said(each.steps) and not self._is_accounted(concerned):
                yield _NOBODY, each

    def kept(self) -> Iterator[tuple[Holder, Difference]]:
        """What others set that git doesn't, so that apply leaves it; a whole item of a list as one."""
        seen: set[Steps] = set()
        for holder in self._others:
            for steps in sorted(holder.fields, key=str):
                root = self._root(steps)
                path = located(root, self._sides.live) if root else None
                if root in seen or path is None or located(root, self._sides.predicted) is None:
                    continue
                seen.add(root)
                yield holder, Difference(root, ABSENT, value_at(path, self._sides.live))

    def _root(self, steps: Steps) -> Steps:
        """The part of a field's path that git doesn't say anything of; empty if git says something of the field."""
        known = len(nearest(steps, self._sides.wanted))
        if known == len(steps):
            return ()
        return steps[: known + 1] if isinstance(steps[known], Item) else steps

    def _concerned(self, steps: Steps) -> Callable[[FieldSet], bool]:
        """Tells whether a value of the object that lives is in one of some fields, or one of them in the value.

        What is gone can only be in a mapping or list that has one owner.
        """
        path = nearest(steps, self._sides.live)
        value = value_at(path, self._sides.live)
        is_there = len(path) == len(steps) or isinstance(value, str)

        def concerned(fields: FieldSet) -> bool:
            paths = [each for each in (located(field, self._sides.live) for field in fields) if each is not None]
            is_within = any(path[: len(each)] == each for each in paths)
            return (is_within and (is_there or bool(value))) or (
                is_there and any(each[: len(path)] == path for each in paths)
            )

        return concerned

    def _first(self, holders: tuple[Holder, ...], concerned: Callable[[FieldSet], bool]) -> Holder | None:
        return next((holder for holder in holders if concerned(holder.fields)), None)

    def _is_accounted(self, concerned: Callable[[FieldSet], bool]) -> bool:
        """Whether it is ours, or somebody's who is there to set it."""
        return concerned(self._ours) or self._first(self._everybody, concerned) is not None

    def _is_said(self, steps: Steps) -> bool:
        """Whether git says something of the field, which a webhook or a default may have put into the prediction."""
        path = nearest(steps, self._sides.wanted)
        return len(path) == len(steps) or isinstance(value_at(path, self._sides.wanted), str)


def _digest(document: Document) -> str:
    return str((document["metadata"].get("annotations") or {}).get(DIGEST, ""))
