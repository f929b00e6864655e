"""What serves a version of a model that no run has built yet: the objects for it, with places for what a run decides.

Apply makes a draft from templates and patches, checks it as it does any object, and lets it travel in the contract. A
run's pod puts its version into the places, as values of a document that is read already: none can break out of there.
"""

from collections.abc import Mapping
from typing import Any

from mlopsctl.frozen import frozen

Object = dict[str, Any]  # as Kubernetes has it

# What stands where a version's own goes: unlike anything else, and fit for names, labels and addresses.
SHORT = "released"
_DIGITS = 8
MODEL, URI, RUN, RELEASE = "model-of-the-release", "uri-of-the-release", "run-of-the-release", "digest-of-the-release"


@frozen(kw_only=True)
class Version:
    """What a run puts into a draft: the name of what serves it, its model by digest and address, its run, its release.

    `release` is the digest of the description that its server starts from.
    """

    service: str
    model: str
    uri: str
    run: str
    release: str


@frozen(kw_only=True)
class Draft:
    """The InferenceService of any version, and the rules of the HTTPRoute that leads to it; None without a gateway."""

    service: Object
    route: Object | None

    def service_for(self, digest: str) -> str:
        """The name of the InferenceService of the version whose description has this digest."""
        return service_name(str(self.service["metadata"]["name"]).removesuffix(f"-{SHORT}"), digest)

    def service_of(self, version: Version) -> Object:
        """The InferenceService of a version."""
        found: Object = _filled(self.service, _places(self.service, version))
        return found

    def route_to(self, versions: Mapping[Version, int]) -> Object | None:
        """The route with these versions in place of the one it was drafted with, each with its weight in percent."""
        if self.route is None:
            return None
        rules = [self._led(rule, versions) for rule in self.route["spec"]["rules"]]
        return {**self.route, "spec": {"rules": rules}}

    def _led(self, rule: Object, versions: Mapping[Version, int]) -> Object:
        if "backendRefs" not in rule:  # one that sends elsewhere
            return rule
        return {**rule, "backendRefs": [made for each in rule["backendRefs"] for made in self._shared(each, versions)]}

    def _shared(self, backend: Object, versions: Mapping[Version, int]) -> list[Object]:
        """A backend for each of the versions, or the backend itself if it is another's, such as a patch adds."""
        drafted = str(self.service["metadata"]["name"])
        if drafted not in str(backend.get("name", "")):
            return [backend]
        filled = {version: _filled(backend, _places(self.service, version)) for version in versions}
        return [{**filled[version], "weight": weight} for version, weight in versions.items()]

    def to_json(self) -> dict[str, Any]:
        """As the contract carries it."""
        return {"service": self.service, "route": self.route}


def service_name(route: str, digest: str) -> str:
    """The name of the InferenceService of what has this digest; `route` is what those of all versions begin with."""
    return f"{route}-{digest.removeprefix('sha256:')[:_DIGITS]}"


def drafted_name(route: str) -> str:
    """The name that an InferenceService has in a draft."""
    return f"{route}-{SHORT}"


def _places(service: Object, version: Version) -> dict[str, str]:
    name = str(service["metadata"]["name"])
    return {
        name: version.service,
        MODEL: version.model,
        URI: version.uri,
        RUN: version.run,
        RELEASE: version.release,
    }


def _filled(value: Any, places: Mapping[str, str]) -> Any:
    """The value with all places filled, also within longer texts, as a template may have put them."""
    if isinstance(value, dict):
        return {key: _filled(inner, places) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, places) for inner in value]
    if isinstance(value, str):
        for place, filling in places.items():
            value = value.replace(place, filling)
    return value
