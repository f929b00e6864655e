"""Where the objects of a kind are: discovery, which says so to everybody, asked once for each version of a group."""

import threading
from collections.abc import Iterable
from urllib.parse import quote

from mlopsctl.cluster.connection import Connection
from mlopsctl.cluster.errors import Absent
from mlopsctl.frozen import frozen


@frozen
class Resource:
    """A kind as a server has it; `root` is where its version is, such as `/apis/apps/v1`."""

    api_version: str
    kind: str
    plural: str
    is_namespaced: bool

    @property
    def root(self) -> str:
        """The path of its version."""
        return f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"


class Resources:
    """The kinds of one server, remembered once they are asked for; may be used by several threads."""

    def __init__(self, connection: Connection, known: Iterable[Resource] = ()) -> None:
        self._connection = connection
        self._known = {(each.api_version, each.kind): each for each in known}  # which needn't be asked for
        self._lock = threading.Lock()
        self._versions: dict[str, _Version] = {}

    def of(self, api_version: str, kind: str) -> Resource | None:
        """The resource of a kind such as `argoproj.io/v1alpha1`, `Workflow`; None if the server doesn't know it."""
        if known := self._known.get((api_version, kind)):
            return known
        with self._lock:
            version = self._versions.setdefault(api_version, _Version(self._connection, api_version))
        return version.resources().get(kind)

    def of_any_version(self, group: str, kind: str) -> Resource | None:
        """The resource of a kind in the version that is asked for already, else in that which the server prefers."""
        if not group:
            return self.of("v1", kind)
        with self._lock:
            asked = [name for name in self._versions if name.startswith(f"{group}/")]
        found = (self.of(name, kind) for name in (*asked, *self._served(group, but=asked)))
        return next((resource for resource in found if resource is not None), None)

    def path(self, resource: Resource, namespace: str, name: str = "") -> str:
        """The path of an object, or without a name that of all objects of the kind, in the namespace if they have one.

        Without a namespace it is that of the objects in all of them.
        """
        inside = f"/namespaces/{quote(namespace, safe='')}" if resource.is_namespaced and namespace else ""
        return f"{resource.root}{inside}/{resource.plural}" + (f"/{quote(name, safe=':')}" if name else "")

    def forget(self) -> None:
        """Ask anew from now on, as after a definition was applied."""
        with self._lock:
            self._versions = {}

    def _served(self, group: str, *, but: list[str]) -> list[str]:
        """The versions of a group, the preferred one first; none if it isn't there."""
        try:
            found = self._connection.get(f"/apis/{group}")
        except Absent:
            return []
        versions = [found.get("preferredVersion") or {}, *(found.get("versions") or ())]
        names = dict.fromkeys(str(version.get("groupVersion") or "") for version in versions)
        return [name for name in names if name and name not in but]


class _Version:
    """What one version of a group holds, asked for by the first who wants to know while others wait for the answer."""

    def __init__(self, connection: Connection, api_version: str) -> None:
        self._connection = connection
        self._api_version = api_version
        self._lock = threading.Lock()
        self._found: dict[str, Resource] | None = None

    def resources(self) -> dict[str, Resource]:
        """The resources by kind; none if there is no such version."""
        with self._lock:
            if self._found is None:
                self._found = self._asked()
            return self._found

    def _asked(self) -> dict[str, Resource]:
        root = Resource(self._api_version, "", "", is_namespaced=False).root
        try:
            listed = self._connection.get(root).get("resources") or ()
        except Absent:
            return {}
        return {
            each["kind"]: Resource(self._api_version, each["kind"], each["name"], bool(each["namespaced"]))
            for each in listed
            if "/" not in each["name"]  # what is below an object, such as its status
        }
