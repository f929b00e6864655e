"""How an object in a cluster is, as a value, and how its conditions are read."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from mlopsctl.frozen import frozen
from mlopsctl.manifest import Document


class State(StrEnum):
    """How far an object is from what is wanted of it; of two, the later one counts."""

    READY = "ready"
    PROGRESSING = "progressing"
    FAILING = "failing"  # something is wrong that may heal; if it lasts, it is a failure
    FAILED = "failed"  # it won't heal by itself


@frozen
class Health:
    """The state of an object, and why it is in it; a phrase for people, empty where there is nothing to add."""

    state: State
    why: str = ""

    @property
    def is_ready(self) -> bool:
        """Whether nothing has to be waited for."""
        return self.state is State.READY


READY = Health(State.READY)
UNSEEN = Health(State.PROGRESSING, "its controller has not seen the change yet")
_ORDER = tuple(State)


def worst(healths: Iterable[Health]) -> Health:
    """The one that counts of those of an object and its parts; of equals the first. Without any, all is well."""
    return max(healths, key=lambda health: _ORDER.index(health.state), default=READY)


def progressing(why: str) -> Health:
    """On its way."""
    return Health(State.PROGRESSING, why)


def failing(why: str) -> Health:
    """Wrong for now."""
    return Health(State.FAILING, why)


def failed(why: str) -> Health:
    """Wrong for good."""
    return Health(State.FAILED, why)


@frozen
class Condition:
    """One condition of a status, `True`, `False` or `Unknown`. `said` is its message, or else its reason."""

    name: str
    status: str
    reason: str
    said: str

    @property
    def holds(self) -> bool:
        """Whether it is true."""
        return self.status == "True"

    @property
    def is_denied(self) -> bool:
        """Whether it is false, which is more than not known."""
        return self.status == "False"


NO_CONDITION = Condition("", "", "", "")


class Conditions:
    """Those of one status that are about the present generation: one of an older generation says nothing any more."""

    def __init__(self, status: Mapping[str, Any], generation: int) -> None:
        listed = status.get("conditions") or ()
        current = (each for each in listed if _generation(each.get("observedGeneration"), generation) >= generation)
        self._by_name = {str(each.get("type", "")): _condition(each) for each in current}

    def __getitem__(self, name: str) -> Condition:
        """The condition of this type; one that neither holds nor is denied if there is none."""
        return self._by_name.get(name, NO_CONDITION)

    def __contains__(self, name: str) -> bool:
        return name in self._by_name


def conditions_of(document: Document) -> Conditions:
    """The conditions that an object has on itself."""
    return Conditions(status_of(document), generation_of(document))


def status_of(document: Document) -> Mapping[str, Any]:
    """What its controller says of it."""
    status = document.get("status")
    return status if isinstance(status, dict) else {}


def generation_of(document: Document) -> int:
    """How often what is wanted of it has changed."""
    return _generation(document["metadata"].get("generation"), 0)


def is_unseen(document: Document) -> bool:
    """Whether its controller, which notes what it has seen, has not seen the present generation."""
    return _generation(status_of(document).get("observedGeneration"), 0) < generation_of(document)


def _generation(found: object, default: int) -> int:
    return found if isinstance(found, int) else default


def _condition(found: Mapping[str, Any]) -> Condition:
    reason = str(found.get("reason") or "")
    said = " ".join(str(found.get("message") or reason).split())
    return Condition(str(found.get("type", "")), str(found.get("status", "")), reason, said)
