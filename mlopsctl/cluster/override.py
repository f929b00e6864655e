"""What people set in a cluster over what git and runs decide: where requests go, and that schedules rest.

All of it is set as the one manager that applies and runs give way to. Kinds aren't looked up first: who stops a model
doesn't wait for answers that are known.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mlopsctl.cluster.connection import Connection
from mlopsctl.cluster.objects import Head, Objects
from mlopsctl.cluster.resources import Resource, Resources
from mlopsctl.manifest import ENVIRONMENT, FALLBACK, OVERRIDE_MANAGER, PIPELINE, Document, Key, key_of
from mlopsctl.plan.overrides import Override, TurnedBack, annotations_of, override_of, turned_back_of
from mlopsctl.plan.ownership import owned

ROUTE = Resource("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes", is_namespaced=True)
_SCHEDULE = Resource("argoproj.io/v1alpha1", "CronWorkflow", "cronworkflows", is_namespaced=True)
_DEPLOYMENT = Resource("apps/v1", "Deployment", "deployments", is_namespaced=True)
_SUSPEND = ("spec", "suspend")
_PREDICTOR = "-predictor"
_PORT = 80  # of the service of a fallback
_ALL = 100


class Overrides:
    """The overrides of one pipeline in its namespace. Methods raise ClusterError.

    `schedules` are the names of what starts it by the clock, for those who may not look for them.
    """

    def __init__(
        self,
        connection: Connection,
        namespace: str,
        pipeline: str,
        environment: str,
        schedules: Sequence[str] | None = None,
    ) -> None:
        known = Resources(connection, (ROUTE, _SCHEDULE, _DEPLOYMENT))
        self._objects = Objects(connection, known, OVERRIDE_MANAGER)
        self._namespace = namespace
        self._pipeline = pipeline
        self._selector = f"{PIPELINE}={pipeline},{ENVIRONMENT}={environment}"
        self._names = schedules

    def route(self) -> Document | None:
        """The route to what serves; None if there is none, or the cluster doesn't know of any."""
        return self._get(ROUTE, self._pipeline)

    def stop(self, route: Document, override: Override) -> Document:
        """Lead no request to the model any more. The route as it is then.

        The fallback that the route names has them all; without one the gateway answers each with an error.
        """
        head = _head(route, uid=route["metadata"]["uid"])
        turned = turned_back_of(route["metadata"])  # which is so again once it is resumed
        head["metadata"]["annotations"] = annotations_of(override) | (annotations_of(turned) if turned else {})
        return self._objects.applied({**head, "spec": {"rules": _away(route, self._pipeline)}}, force=True)

    def answers(self, fallback: str) -> bool:
        """Whether a pod of what is called so takes requests."""
        found = self._get(_DEPLOYMENT, fallback)
        return found is not None and bool((found.get("status") or {}).get("availableReplicas"))

    def turn_back(self, route: Document, turned: TurnedBack, rules: Document | None = None) -> Document:
        """Lead all requests to the earlier release, whatever git says. The route as it is then.

        One that is stopped stays so. `rules` is a route by whose rules that is done, by default its own; if it is
        given, a stop is over by that.
        """
        head = _head(route, uid=route["metadata"]["uid"])
        stop = override_of(route["metadata"]) if rules is None else None
        head["metadata"]["annotations"] = annotations_of(turned) | (annotations_of(stop) if stop else {})
        led = route["spec"].get("rules") if stop else _to_one(rules or route, turned.to_service)
        return self._objects.applied({**head, "spec": {"rules": led}}, force=True)

    def lift(self, route: Document) -> None:
        """End a stop: leave the route to others, who have said by now where requests go."""
        live = self.route()
        if live is not None and override_of(live["metadata"]) is not None:  # else it was turned back by that
            self._objects.applied(_head(route, uid=route["metadata"]["uid"]), force=True)

    def suspend(self) -> list[str]:
        """Let no schedule begin anything; the names of those that were to. What git suspends is left to git."""
        going = [each for each in self._schedules() if not (each.get("spec") or {}).get("suspend")]
        for each in going:
            self._objects.applied({**_head(each, uid=each["metadata"]["uid"]), "spec": {"suspend": True}}, force=True)
        return [each["metadata"]["name"] for each in going]

    def let_go_on(self) -> list[str]:
        """Let schedules begin again what they are for; the names of those that rested because of an override."""
        heads = self._objects.heads(_SCHEDULE.api_version, _SCHEDULE.kind, self._namespace, self._selector)
        resting = [each for each in heads if _SUSPEND in owned(each.managed_fields, OVERRIDE_MANAGER)]
        for each in resting:
            self._objects.applied(_head_of(each), force=True)
        return [each.key.name for each in resting]

    def _schedules(self) -> list[Document]:
        if self._names is None:
            return self._objects.listed(_SCHEDULE.api_version, _SCHEDULE.kind, self._namespace, self._selector)
        return [found for name in self._names if (found := self._get(_SCHEDULE, name)) is not None]

    def _get(self, resource: Resource, name: str) -> Document | None:
        group, _, _ = resource.api_version.partition("/")
        return self._objects.get(Key(group, resource.kind, self._namespace, name), resource.api_version)


def fallback_of(route: Document) -> str:
    """The name of what answers in place of the model; empty if nothing does."""
    return str((route["metadata"].get("annotations") or {}).get(FALLBACK, ""))


def end_override(objects: Objects, route: Document) -> None:
    """Leave a route to git, which has said by now where requests go. Raises ClusterError."""
    people = Objects(objects.connection, objects.resources, OVERRIDE_MANAGER)
    people.applied(_head(route, uid=route["metadata"]["uid"]), force=True)


def _away(route: Document, pipeline: str) -> list[dict[str, Any]]:
    """The rules of a route for the same requests as now, which don't lead to the model. What sends elsewhere stays."""
    instead = fallback_of(route)
    rules = (route.get("spec") or {}).get("rules") or ()
    usual = {"path": {"type": "PathPrefix", "value": f"/{pipeline}"}}
    backend = {"name": instead, "port": _PORT}
    return [_led_to(rule, backend) if instead else _unled(rule) for rule in rules] or [{"matches": [usual]}]


def _unled(rule: Mapping[str, Any]) -> dict[str, Any]:
    if "backendRefs" not in rule:
        return dict(rule)
    # A filter might answer by itself.
    return {name: value for name, value in rule.items() if name in ("name", "matches")}


def _to_one(route: Document, service: str) -> list[dict[str, Any]]:
    """The rules of a route, leading to what serves one version in place of all."""
    rules = (route.get("spec") or {}).get("rules") or ()
    said = {"name": f"{service}{_PREDICTOR}", "weight": _ALL}
    return [_led_to(rule, {**next(iter(rule.get("backendRefs") or ()), {}), **said}) for rule in rules]


def _led_to(rule: Mapping[str, Any], backend: Mapping[str, Any]) -> dict[str, Any]:
    """The rule with one backend in place of all, and nothing that copies requests elsewhere."""
    if not rule.get("backendRefs"):  # one that sends elsewhere
        return dict(rule)
    filters = [each for each in rule.get("filters") or () if each.get("type") != "RequestMirror"]
    rest = {name: value for name, value in rule.items() if name not in ("filters", "backendRefs")}
    return rest | ({"filters": filters} if filters else {}) | {"backendRefs": [dict(backend)]}


def _head(document: Document, *, uid: str) -> dict[str, Any]:
    """What an object is known by. Its uid lets nothing be made anew that went meanwhile."""
    key = key_of(document)
    metadata = {"name": key.name, "namespace": key.namespace, "uid": uid}
    return {"apiVersion": document["apiVersion"], "kind": document["kind"], "metadata": metadata}


def _head_of(head: Head) -> dict[str, Any]:
    metadata = {"name": head.key.name, "namespace": head.key.namespace, "uid": head.uid}
    return {"apiVersion": head.api_version, "kind": head.key.kind, "metadata": metadata}
