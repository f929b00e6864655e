"""Plans as JSON and back; schemas/output/v1/plan.json describes it. A value that is absent is a key that is absent."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import Any, TypeVar

from mlopsctl.diagnostics import Position, Severity, Span
from mlopsctl.ir.policy import Verdict
from mlopsctl.manifest import Document, Key
from mlopsctl.plan.model import (
    ABSENT,
    Action,
    Check,
    Drift,
    Effect,
    FieldChange,
    Inventory,
    ObjectChange,
    Plan,
    Provenance,
    StageChange,
    Target,
)
from mlopsctl.plan.normal import masked
from mlopsctl.plan.overrides import Override, TurnedBack
from mlopsctl.store import canonical_json, digest_parts

FORMAT_VERSION = 1

Json = dict[str, Any]
T = TypeVar("T")


def to_json(plan: Plan) -> Json:
    """The plan with its format and digest; secret values are masked, so that only a plan without comes back."""
    document = {name: list(part) if isinstance(part, Iterator) else part for name, part in _parts(plan).items()}
    return {**document, "plan_digest": plan_digest(document)}


def from_json(document: Mapping[str, Any]) -> Plan:
    """The plan that `to_json` made this of. Raises KeyError, TypeError, ValueError or AttributeError if it didn't."""
    return _made(
        Plan,
        document,
        target=_made(Target, document["target"]),
        provenance=_made(Provenance, document["provenance"]),
        inventory=_made(Inventory, document["inventory"]),
        drift=_all(_drift_of, document["drift"]),
        changes=_all(_change_of, document["changes"]),
        stages=_all(_stage_of, document["stages"]),
        checks=_all(lambda each: _made(Check, each), document["checks"]),
        overrides=_all(lambda each: _made(Override, each, led=tuple(each["led"])), document["overrides"]),
        turned_back=_all(lambda each: _made(TurnedBack, each), document["turned_back"]),
        policies=_all(_verdict_of, document["policies"]),
    )


def digest_of(plan: Plan) -> str:
    """The digest of a plan, as its JSON has it."""
    return plan_digest(_parts(plan))


def plan_digest(document: Mapping[str, Any]) -> str:
    """The digest of all that a plan's JSON says, but for the digest itself."""
    return digest_parts(_written({name: part for name, part in document.items() if name != "plan_digest"}))


def _parts(plan: Plan) -> Json:
    """What its JSON says without the digest; lists are made as they are read, as those of a large plan are long."""
    return {
        **_fields(plan),
        "format_version": FORMAT_VERSION,
        "target": _fields(plan.target),
        "provenance": _fields(plan.provenance),
        "inventory": _fields(plan.inventory),
        "drift": map(_drift, plan.drift),
        "changes": map(_change, plan.changes),
        "stages": map(_stage, plan.stages),
        "checks": map(_fields, plan.checks),
        "overrides": ({**_fields(each), "led": list(each.led)} for each in plan.overrides),
        "turned_back": map(_fields, plan.turned_back),
        "policies": ({**_fields(each), "severity": str(each.severity)} for each in plan.policies),
    }


def _written(document: Mapping[str, Any]) -> Iterator[bytes]:
    """The canonical JSON of the document, each item of its lists by itself.

    As one text that of a large plan would take more memory than all else in an apply.
    """
    yield b"{"
    for index, name in enumerate(sorted(document)):
        yield b"%b%b:" % (b"," if index else b"", canonical_json(name))
        if isinstance(part := document[name], list | Iterator):
            yield b"["
            yield from (b"%b%b" % (b"," if place else b"", canonical_json(item)) for place, item in enumerate(part))
            yield b"]"
        else:
            yield canonical_json(part)
    yield b"}"


def secret_values(document: Document | None) -> bool:
    """Whether the document is a Secret with values."""
    return document is not None and document["kind"] == "Secret" and bool(document.keys() & {"data", "stringData"})


def _drift(drift: Drift) -> Json:
    return {**_fields(drift), "key": _fields(drift.key), "fields": [_field(each) for each in drift.fields]}


def _change(change: ObjectChange) -> Json:
    return {
        **_fields(change),
        "action": str(change.action),
        "key": _fields(change.key),
        "origin": _place(change.origin),
        "fields": [_field(each) for each in change.fields],
        "wanted": masked(change.key.kind, (), change.wanted),
    }


def _field(change: FieldChange) -> Json:
    values = {"before": change.before, "after": change.after}
    found = {name: value for name, value in values.items() if value is not ABSENT}
    return {"path": change.path, **found, "place": _place(change.place)}


def _stage(stage: StageChange) -> Json:
    parts = {"before": dict(stage.before), "after": dict(stage.after)}
    return {**_fields(stage), "effect": str(stage.effect), "moved": list(stage.moved), **parts}


def _place(span: Span | None) -> Json | None:
    if span is None:
        return None
    return {"file": span.file, "range": {"start": _fields(span.start), "end": _fields(span.end)}}


def _drift_of(document: Json) -> Drift:
    return _made(Drift, document, key=_made(Key, document["key"]), fields=_all(_field_of, document["fields"]))


def _change_of(document: Json) -> ObjectChange:
    return _made(
        ObjectChange,
        document,
        action=Action(document["action"]),
        key=_made(Key, document["key"]),
        origin=_span(document["origin"]),
        fields=_all(_field_of, document["fields"]),
    )


def _field_of(document: Json) -> FieldChange:
    before, after = document.get("before", ABSENT), document.get("after", ABSENT)
    return FieldChange(path=document["path"], before=before, after=after, place=_span(document["place"]))


def _stage_of(document: Json) -> StageChange:
    return _made(StageChange, document, effect=Effect(document["effect"]), moved=tuple(document["moved"]))


def _verdict_of(document: Json) -> Verdict:
    return _made(Verdict, document, severity=Severity(document["severity"]))


def _span(document: Json | None) -> Span | None:
    if document is None:
        return None
    ends = (_made(Position, document["range"][end]) for end in ("start", "end"))
    return Span(document["file"], *ends)


def _fields(value: object) -> Json:
    return {each.name: getattr(value, each.name) for each in fields(value)}  # type: ignore[arg-type]  # a frozen class


def _made(cls: type[T], document: Mapping[str, Any], **converted: Any) -> T:
    names = [each.name for each in fields(cls)]  # type: ignore[arg-type]  # a frozen class
    return cls(**{name: converted[name] if name in converted else document[name] for name in names})


def _all(read: Callable[[Json], T], documents: list[Json]) -> tuple[T, ...]:
    return tuple(read(each) for each in documents)
