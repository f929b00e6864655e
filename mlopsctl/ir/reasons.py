"""Why a stage needs another result, in words: which part of its key moved, and how."""

from collections.abc import Mapping, Sequence
from typing import Any

from mlopsctl.ir.values import shown

_MOST = 3


def worded(part: str, before: Any, now: Any) -> str:
    """A part of a stage's key that is another one now: `params changed: trees 200 → 400`."""
    match part:
        case "source":
            return "data changed"
        case "params":
            return f"params changed{listed(_value_changes(before or {}, now or {}))}"
        case "inputs":
            changed = sorted(
                name for name in {*(before or {}), *(now or {})} if (before or {}).get(name) != now.get(name)
            )
            return f"new {' and '.join(changed)}"
        case "tune":
            return "what is searched changed" if before and now else f"{'now' if now else 'no longer'} a search"
        case "distributed":
            before, now = ((said or {}).get("nodes", 1) for said in (before, now))
            return f"{now} nodes instead of {before}"
        case "format":
            return "mlopsctl changed"
        case _:
            return f"{part} changed"


def listed(names: Sequence[str]) -> str:
    """The first of the names behind a colon, and how many more there are; nothing where there is none."""
    if not names:
        return ""
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return f": {', '.join(names[:_MOST])}{more}"


def _value_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    old, new = ({name: shown(value) for name, value in values.items()} for values in (before, now))
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return [f"{name} {old.get(name, '–')} → {new.get(name, '–')}" for name in names]
