"""What people have set over what git and runs decide of a pipeline: it is stopped, or turned back to what served.

The route to the model carries it as an annotation, so whoever sees the route sees who did it, when and why.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from mlopsctl.frozen import frozen
from mlopsctl.manifest import PIPELINE, PREFIX, Document

STOPPED, TURNED_BACK = f"{PREFIX}stopped", f"{PREFIX}turned-back"
_SIDES = ("left", "left_service", "to", "to_service")
_PREDICTOR = "-predictor"


@frozen(kw_only=True)
class _Setting:
    """Whose pipeline was set, `by` whom, `at` an ISO 8601 time with UTC offset, and `why`, which may be empty."""

    pipeline: str
    by: str
    at: str
    why: str

    @property
    def moment(self) -> str:
        """When, to the minute and in the zone that it was written in: `2026-03-01 14:02 +01:00`; empty if unknown."""
        try:
            written = datetime.fromisoformat(self.at).isoformat(" ", "minutes")
        except ValueError:
            return ""
        return f"{written[:16]} {written[16:]}".strip()


@frozen(kw_only=True)
class Override(_Setting):
    """A pipeline that was stopped. `led` are the names of the services that got its requests until then."""

    led: tuple[str, ...] = ()


@frozen(kw_only=True)
class TurnedBack(_Setting):
    """A pipeline whose requests were led from run `left`, which git names, to the earlier run `to`.

    The services are what answers for either. Once git doesn't lead to that of the run that was left, git is obeyed,
    also if it names none any more.
    """

    left: str
    left_service: str
    to: str
    to_service: str


def override_of(metadata: Mapping[str, Any]) -> Override | None:
    """What the metadata of a route says of a stop; None where nobody has stopped anything.

    Of a word that isn't ours, as somebody may have written it by hand, it is said as far as it goes.
    """
    said = _said(metadata, STOPPED)
    led = said.get("led") if said else None
    services = tuple(map(str, led)) if isinstance(led, list) else ()
    return None if said is None else Override(**_setting(metadata, said), led=services)


def turned_back_of(metadata: Mapping[str, Any]) -> TurnedBack | None:
    """What the metadata of a route says of a pipeline that was turned back at once; None where nobody did that."""
    said = _said(metadata, TURNED_BACK)
    if said is None:
        return None
    return TurnedBack(**_setting(metadata, said), **{name: str(said.get(name) or "") for name in _SIDES})


def annotations_of(override: Override | TurnedBack) -> dict[str, str]:
    """The annotation of a route that `override_of` or `turned_back_of` reads."""
    said: dict[str, Any] = {"by": override.by, "at": override.at, "why": override.why}
    if isinstance(override, Override):
        return _written(STOPPED, {**said, "led": list(override.led)})
    return _written(TURNED_BACK, said | {name: getattr(override, name) for name in _SIDES})


def turned_back_over(metadata: Mapping[str, Any], wanted: Document) -> TurnedBack | None:
    """What holds over the route that git wants: what was turned back from a release that git still names."""
    found = turned_back_of(metadata)
    return found if found is not None and not _is_over(found, wanted) else None


def ends_turning_back(metadata: Mapping[str, Any], wanted: Document) -> bool:
    """Whether requests go where git says again, as it no longer names the release that was turned back from.

    Not of a pipeline that is stopped: that ends first.
    """
    found = turned_back_of(metadata)
    return found is not None and override_of(metadata) is None and _is_over(found, wanted)


def led_by(route: Document) -> tuple[str, ...]:
    """The names of the services that get requests by the rules of a route."""
    rules = (route.get("spec") or {}).get("rules") or ()
    return tuple(dict.fromkeys(name for rule in rules for name in _backends(rule)))


def _is_over(turned: TurnedBack, wanted: Document) -> bool:
    """Where git leaves rules to others it says nothing, and nobody can be obeyed instead."""
    return "rules" in (wanted.get("spec") or {}) and turned.left_service not in led_by(wanted)


def _backends(rule: Document) -> Iterator[str]:
    for each in rule.get("backendRefs") or ():
        if each.get("weight", 1):
            yield str(each["name"]).removesuffix(_PREDICTOR)


def _said(metadata: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    written = (metadata.get("annotations") or {}).get(name)
    if written is None:
        return None
    try:
        said = json.loads(written)
    except ValueError:
        said = {"why": written}
    return said if isinstance(said, dict) else {"why": str(said)}


def _setting(metadata: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, str]:
    return {
        "pipeline": str((metadata.get("labels") or {}).get(PIPELINE) or metadata.get("name", "")),
        "by": str(said.get("by") or "somebody"),
        "at": str(said.get("at") or ""),
        "why": str(said.get("why") or ""),
    }


def _written(name: str, said: Mapping[str, Any]) -> dict[str, str]:
    return {name: json.dumps(said, ensure_ascii=False, separators=(",", ":"))}
