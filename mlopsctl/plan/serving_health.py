"""How models that serve are, and the routes and gateways that lead to them."""

from collections.abc import Iterator, Mapping
from typing import Any

from mlopsctl.manifest import Document
from mlopsctl.plan.health import (
    READY,
    UNSEEN,
    Conditions,
    Health,
    State,
    conditions_of,
    failing,
    generation_of,
    is_unseen,
    progressing,
    status_of,
)

STOP = "serving.kserve.io/stop"
_COMPONENTS = {"predictor": "PredictorReady", "transformer": "TransformerReady", "explainer": "ExplainerReady"}
# What KServe says of a model when its present spec won't serve; the first is said before anything is made of it.
_WRONG = ("InvalidSpec", "BlockedByFailedLoad")
# A predictor is not ready in many ways; with these reasons it stays so until somebody does something.
_STUCK = {"ReconcileFailed", "FailedCreate", "ProgressDeadlineExceeded", "PredictorReconcileFailed"}


def inference_service(document: Document) -> Health:
    """Ready when the model of the present generation is loaded and is reached; one that is stopped is as it should be.

    This is what the object itself says. `Ready` stays true while a new revision crashes beside the old one, so whoever
    wants to know looks at its Deployments, too.
    """
    conditions, status = conditions_of(document), status_of(document)
    if (document["metadata"].get("annotations") or {}).get(STOP) == "true":
        return Health(State.READY, "stopped")
    model = status.get("modelStatus") or {}
    transition = str(model.get("transitionStatus") or "")
    if transition in _WRONG:
        return failing(_failure(model, transition))
    for name in _required(document):
        found = conditions[name]
        if found.is_denied and found.reason in _STUCK:
            # A controller that fails to follow a change never notes that it has seen it.
            return failing(found.said)
    if is_unseen(document):
        return UNSEEN
    for name in (*_required(document), "IngressReady", "Ready"):
        if not conditions[name].holds:
            said = conditions[name].said
            return progressing(f"{name} is not true yet" + (f": {said}" if said else ""))
    return _loaded(model, transition)


def http_route(document: Document) -> Health:
    """Ready when every gateway that it names has taken it and found what it leads to."""
    generation = generation_of(document)
    for parent in document.get("spec", {}).get("parentRefs") or ():
        answers = [Conditions(entry, generation) for entry in _entries(document, parent)]
        found = [_taken(conditions, str(parent.get("name", ""))) for conditions in answers]
        if not any(health.is_ready for health in found):
            # Of several controllers that answer for one gateway, one that takes the route is enough.
            return next(
                iter(found), progressing(f"{parent.get('kind', 'Gateway')} `{parent['name']}` has not taken it")
            )
    return READY


def gateway(document: Document) -> Health:
    """Ready when what listens is set up."""
    conditions = conditions_of(document)
    if conditions["Accepted"].is_denied:
        return failing(f"not accepted: {conditions['Accepted'].said}")
    programmed = conditions["Programmed"]
    return READY if programmed.holds else progressing(programmed.said or "no controller has set it up yet")


def parents(document: Document) -> Iterator[tuple[str, str]]:
    """The gateways that a route names, as namespace and name."""
    for parent in document.get("spec", {}).get("parentRefs") or ():
        if parent.get("kind", "Gateway") == "Gateway":
            yield _namespace(document, parent), str(parent["name"])


def _required(document: Document) -> list[str]:
    spec = document.get("spec", {})
    return [condition for component, condition in _COMPONENTS.items() if component in spec]


def _failure(model: Mapping[str, Any], transition: str) -> str:
    info = model.get("lastFailureInfo") or {}
    reason, message = str(info.get("reason") or transition), " ".join(str(info.get("message") or "").split())
    return f"{reason}: {message}" if message else reason


def _loaded(model: Mapping[str, Any], transition: str) -> Health:
    active = str((model.get("states") or {}).get("activeModelState") or "")
    if transition not in ("", "UpToDate"):
        return progressing(f"the model is {transition}")
    if active not in ("", "Loaded"):
        return progressing(f"the model is {active}")
    return READY


def _entries(document: Document, parent: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """What controllers say of the route at this parent."""
    for entry in status_of(document).get("parents") or ():
        ref = entry.get("parentRef") or {}
        same = ref.get("name") == parent.get("name") and ref.get("sectionName") == parent.get("sectionName")
        if same and _namespace(document, ref) == _namespace(document, parent) and ref.get("port") == parent.get("port"):
            yield entry


def _taken(conditions: Conditions, name: str) -> Health:
    for condition in (conditions["Accepted"], conditions["ResolvedRefs"]):
        if condition.is_denied:
            return failing(f"gateway `{name}`: {condition.reason}: {condition.said}")
    if conditions["Accepted"].holds and conditions["ResolvedRefs"].holds:
        return READY
    return progressing(f"gateway `{name}` has not seen the change yet")


def _namespace(document: Document, ref: Mapping[str, Any]) -> str:
    return str(ref.get("namespace") or document["metadata"].get("namespace", ""))
