"""Requests to an API server, and its answers: plain JSON, bounded in time, every fault in words.

Typed clients know only the objects of Kubernetes itself, in the version that they were made from. What mlopsctl applies
is mostly of others, so objects are here what they are in YAML.
"""

import json
import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlopsctl.cluster import faults
from mlopsctl.cluster.access import Access, Identity, Patience
from mlopsctl.cluster.errors import Absent, ClusterError, Forbidden, Refused, Unreachable
from mlopsctl.cluster.transport import no_api_server, short, unreachable
from mlopsctl.frozen import frozen

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

Json = dict[str, Any]

_FIRST_ERROR, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _TOO_BUSY = 400, 401, 403, 404, 429
# In seconds. A server that has just begun to serve a definition is busy for a second or so.
_WAITS = (0.1, 0.3, 0.6, 1.0)
# As the API server words what RBAC refuses; others who refuse, such as webhooks, have words of their own.
_NO_RIGHT = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\S+) '
    r'(?:resource "(?P<resource>[^"]*)"(?: in API group "(?P<group>[^"]*)")?|path "(?P<path>[^"]*)")'
    r'(?: in the namespace "(?P<namespace>[^"]*)"|(?P<everywhere> at the cluster scope))?'
)


@frozen
class Answer:
    """A document with what only its envelope says: the server's time as written there, and when we asked and had it."""

    document: Json
    date: str
    asked: float  # seconds since the epoch, by the clock of this machine
    answered: float


class Connection:
    """One API server as one user sees it; may be used by several threads.

    Every method raises ClusterError, or the child of it that fits, and nothing else.
    """

    def __init__(self, access: Access, pool: "PoolManager", patience: Patience, identity: Identity) -> None:
        self.access = access
        self._pool = pool
        self._patience = patience
        self._identity = identity

    @property
    def namespace(self) -> str:
        """The namespace that is meant."""
        return self.access.namespace

    def get(self, path: str, **query: str) -> Json:
        """The document at a path such as `/api/v1/namespaces/flights`. Raises Absent if there is none."""
        return self.ask("GET", path, query=query).document

    def items(self, path: str, **query: str) -> list[Json]:
        """The objects of a list."""
        found = self.get(path, **query).get("items")
        return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []

    def post(self, path: str, body: Mapping[str, object], **query: str) -> Json:
        """What the server makes of `body` under a path."""
        return self.ask("POST", path, query=query, body=body).document

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> Answer:
        """The answer to one request.

        It is repeated only if the server says that it was too busy to begin with it: who asks knows what else is safe.
        """
        from urllib.parse import urlencode

        url = f"{self.access.server}{path}" + (f"?{urlencode(query)}" if query else "")
        for wait in (*_WAITS, None):
            asked = time.time()
            response = self._sent(method, url, body)
            if response.status != _TOO_BUSY or wait is None:
                break
            time.sleep(wait)
        document = _document(response.data)
        if response.status >= _FIRST_ERROR:
            raise self._refusal(response.status, document, response.data)
        if document is None:
            raise no_api_server(self.access)
        return Answer(document, response.headers.get("Date", ""), asked, time.time())

    def _sent(self, method: str, url: str, body: Mapping[str, object] | None) -> "BaseHTTPResponse":
        from urllib3 import Timeout
        from urllib3.exceptions import HTTPError

        headers = {"Accept": "application/json", "Accept-Encoding": "gzip", "Content-Type": "application/json"}
        try:
            return self._pool.request(
                method,
                url,
                body=json.dumps(body).encode() if body is not None else None,
                headers={**headers, "User-Agent": "mlopsctl", **self._identity()},
                timeout=Timeout(connect=self._patience.connect, read=self._patience.read),
                retries=False,
                redirect=False,
            )
        except (HTTPError, OSError) as error:
            raise unreachable(error, self.access, self._patience) from error

    def _refusal(self, status: int, document: Json | None, data: bytes) -> ClusterError:
        """What an answer that is an error means."""
        access = self.access
        said = str((document or {}).get("message") or "") or data.decode("utf-8", "replace") or "nothing more"
        if status == _UNAUTHORIZED:
            return Unreachable(faults.unauthorized(access.span, access.server, access.context, access.notes))
        if status == _FORBIDDEN and (match := _NO_RIGHT.search(said)):
            action, scope = _action(match), _scope(match)
            return Forbidden(faults.forbidden(access.span, match["user"], action, scope), action, scope)
        found = faults.refused(access.span, access.server, status, short(said))
        return Absent(found) if status == _NOT_FOUND else Refused(found, status, said)


def _document(data: bytes) -> Json | None:
    try:
        document = json.loads(data)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _action(match: re.Match[str]) -> str:
    if match["path"]:
        return f"{match['verb']} {match['path']}"
    return f"{match['verb']} {match['resource']}" + (f".{match['group']}" if match["group"] else "")


def _scope(match: re.Match[str]) -> str:
    if match["resource"] == "namespaces" and match["namespace"]:
        return f"`{match['namespace']}`"
    if match["namespace"]:
        return f"in the namespace `{match['namespace']}`"
    return "in the whole cluster" if match["everywhere"] else ""
