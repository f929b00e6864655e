"""Whether a saved plan still says what applying it would do: same place, same inventory, same objects."""

import json
from collections.abc import Iterator, Mapping

from mlopsctl.diagnostics import Diagnostic
from mlopsctl.frozen import frozen
from mlopsctl.manifest import Document, Key
from mlopsctl.plan import faults
from mlopsctl.plan.difference import ListKeys, differences
from mlopsctl.plan.model import ABSENT, Absent, Action, FieldChange, Inventory, ObjectChange, Plan, Target
from mlopsctl.plan.ownership import is_untouched
from mlopsctl.source.nodes import Json

_LONGEST = 60


@frozen(kw_only=True)
class Present:
    """What is there as a saved plan is applied.

    `live` holds each object of the plan that lives; `predicted` what applying would make now of those that
    `to_predict` names. `parent` is the inventory's own object, None before the first apply.
    """

    target: Target
    inventory: Inventory
    parent: Document | None
    live: Mapping[Key, Document]
    predicted: Mapping[Key, Document]


def misdirected(plan: Plan, target: Target) -> tuple[Diagnostic, ...]:
    """Why the plan isn't for here, which is known before any object is read. The exit code for these is CONFLICT.

    How the cluster is reached may differ, its address and the name of its context; the cluster itself may not.
    """
    then = plan.target
    environment = f"apply it there: mlopsctl apply FILE --env {then.environment}; or plan anew for here"
    pairs = (
        ("the environment", then.environment, target.environment, environment),
        (
            "the cluster with the identity",
            then.cluster,
            target.cluster,
            "choose its context, or plan anew for this one",
        ),
        ("the namespace", then.namespace, target.namespace, "plan anew, as the environment names another one now"),
    )
    return tuple(
        faults.other_target(what, planned, found, advice) for what, planned, found, advice in pairs if planned != found
    )


def to_predict(plan: Plan, live: Mapping[Key, Document]) -> tuple[ObjectChange, ...]:
    """The changes that the server is to be asked of again, as their objects have moved since; a status is enough."""
    return tuple(
        change
        for change in plan.changes
        if change.action in (Action.UPDATE, Action.REPLACE)
        and not change.is_letting_go
        and _has_moved(change, live.get(change.key))
    )


def stale(plan: Plan, present: Present, *, list_keys: ListKeys = lambda *_: None) -> tuple[Diagnostic, ...]:
    """Why the plan doesn't hold any more; empty if it does. The exit code for these is CONFLICT.

    An object that is already just as the plan wants it is no reason. `list_keys` is what the plan was made with.
    """
    found = list(misdirected(plan, present.target))
    if plan.inventory.version != present.inventory.version or plan.inventory.id != present.inventory.id:
        versions = plan.inventory.version, present.inventory.version
        found.append(faults.inventory_moved(*versions, _who(present.parent)))
    for change in plan.changes:
        found += _moved(change, present.live.get(change.key), present.predicted.get(change.key), list_keys)
    return tuple(found)


def _moved(
    change: ObjectChange, live: Document | None, predicted: Document | None, list_keys: ListKeys
) -> Iterator[Diagnostic]:
    if live is not None and change.wanted is not None and is_untouched(live, change.wanted):
        return
    if what := _replaced(change, live):
        yield _fault(change, what, live)
    elif live is not None and change.wanted is not None and _has_moved(change, live):
        now = differences(live, predicted, list_keys=list_keys) if predicted is not None else None
        lines = _lines(change.fields, now) if now is not None else []
        if lines or now is None:
            yield _fault(change, "has changed", live, *lines)


def _replaced(change: ObjectChange, live: Document | None) -> str:
    """What happened to the object as a whole; empty if it is still the one that it was."""
    if live is None:
        return "is gone" if change.action in (Action.UPDATE, Action.REPLACE) else ""
    if change.action is Action.CREATE:
        return "has been made by somebody else"
    return "was deleted and made anew" if live["metadata"].get("uid") != change.uid else ""


def _has_moved(change: ObjectChange, live: Document | None) -> bool:
    metadata = live["metadata"] if live else {}
    return metadata.get("uid") == change.uid and metadata.get("resourceVersion") != change.version


def _fault(change: ObjectChange, what: str, live: Document | None, *lines: str) -> Diagnostic:
    return faults.object_moved(str(change.key), what, _who(live), change.origin, lines)


def _lines(then: tuple[FieldChange, ...], now: tuple[FieldChange, ...]) -> list[str]:
    """What applying would do otherwise than planned, a line for each field."""
    planned, found = {each.path: each for each in then}, {each.path: each for each in now}
    paths = [*planned, *(path for path in found if path not in planned)]
    return [line for path in paths if (line := _line(path, planned.get(path), found.get(path)))]


def _line(path: str, then: FieldChange | None, now: FieldChange | None) -> str:
    if then == now:
        return ""
    if now is None:
        return f"{path} is as planned already"
    if then is None:
        return f"{path} is {_shown(now.before)} now, and would become {_shown(now.after)}"
    if _shown(then.before) != _shown(now.before):
        return f"{path} was {_shown(then.before)}, and is {_shown(now.before)}"
    return f"{path} would become {_shown(now.after)}, not {_shown(then.after)}"


def _shown(value: Json | Absent) -> str:
    if value is ABSENT:
        return "absent"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _who(document: Document | None) -> str:
    """Who changed the object last, status aside, and when, as far as its server knows."""
    entries = (document or {}).get("metadata", {}).get("managedFields") or []
    changes = [(str(each.get("time", "")), str(each.get("manager", ""))) for each in entries if not _is_status(each)]
    if not changes:
        return ""
    at, manager = max(changes)
    return f"by {manager} at {at}" if at else f"by {manager}"


def _is_status(entry: Mapping[str, object]) -> bool:
    fields = entry.get("fieldsV1")
    return entry.get("subresource") == "status" or (isinstance(fields, Mapping) and set(fields) == {"f:status"})
