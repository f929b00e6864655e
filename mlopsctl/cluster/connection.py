"""Requests to an API server, and its answers: plain JSON, bounded in time, every fault in words.

Typed clients know only the objects of Kubernetes itself, in the version that they were made from. What mlopsctl applies
is mostly of others, so objects are here what they are in YAML.
"""

import json
import re
import time
from collections.abc import Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mlopsctl.cluster import faults
from mlopsctl.cluster.access import Access, Identity, Patience
from mlopsctl.cluster.errors import (
    Absent,
    ClusterError,
    Conflicted,
    Forbidden,
    Outdated,
    Refused,
    Unreachable,
    causes_of,
)
from mlopsctl.cluster.request import JSON, Request, is_busy, may_be_repeated, waits
from mlopsctl.cluster.transport import no_api_server, short, unreachable
from mlopsctl.cluster.troubles import NO_ANSWER, Troubles, trouble_of
from mlopsctl.frozen import frozen

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

Json = dict[str, Any]

_FIRST_ERROR, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _CONFLICT = 400, 401, 403, 404, 409
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
        self._troubles = Troubles(patience.repeat)

    def waiting(self, patience: Patience) -> "Connection":
        """The same connection for who waits longer, or less."""
        return Connection(self.access, self._pool, patience, self._identity)

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

    def text(self, path: str, **query: str) -> str:
        """What is at a path that holds no document, such as a pod's log; asked for once. Raises Absent."""
        response = self._sent(Request(method="GET", path=path, query=query))
        if response.status >= _FIRST_ERROR:
            raise self._refusal(response, _document(response.data))
        return response.data.decode("utf-8", "replace")

    def lines(self, path: str, *, accept: str = JSON, **query: str) -> Generator[str, None, None]:
        """The lines of an answer that goes on for as long as the server has more, each as it comes; asked for once.

        Raises Absent, and Unreachable if it breaks off or nothing comes for as long as the connection waits.
        """
        from urllib3.exceptions import HTTPError

        response = self._sent(Request(method="GET", path=path, query=query, accept=accept), is_stream=True)
        try:
            if response.status >= _FIRST_ERROR:
                data = response.read()
                raise self._refusal(response, _document(data))
            yield from _decoded(response)
        except (HTTPError, OSError) as error:
            raise unreachable(error, self.access, self._patience) from error
        finally:
            response.close()

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

        It is repeated only if the server says that it was too busy to begin with it, or if it is a GET and the
        connection's patience says so.
        """
        return self.send(Request(method=method, path=path, query=query or {}, body=body))

    def send(self, request: Request) -> Answer:
        """The answer to a request, which is repeated for as long as the connection's patience says.

        That is if its failure may pass and the request says that it may be repeated. What keeps many requests from
        their answers is waited for once, not by each anew.
        """
        waiting, met = waits(self._patience.repeat), ""
        until = time.monotonic() + self._patience.repeat
        while True:
            try:
                answer = self._once(request)
            except ClusterError as error:
                trouble = trouble_of(error) if may_be_repeated(request) else ""
                if trouble != met:
                    self._troubles.over(met)
                met, left = trouble, self._troubles.left(trouble)
                wait = next(waiting, None) if left or is_busy(error) else None
                if wait is None:
                    raise
                asked_for = error.again_after if isinstance(error, Refused) else None
            else:
                self._troubles.over(met, NO_ANSWER)
                return answer
            # A server that wants to be left alone for hours isn't waited for longer than for others.
            time.sleep(max(wait, min(asked_for or 0.0, until - time.monotonic())))

    def _once(self, request: Request) -> Answer:
        asked = time.time()
        response = self._sent(request)
        document = _document(response.data)
        if response.status >= _FIRST_ERROR:
            raise self._refusal(response, document)
        if document is None:
            raise no_api_server(self.access)
        return Answer(document, response.headers.get("Date", ""), asked, time.time())

    def _sent(self, request: Request, *, is_stream: bool = False) -> "BaseHTTPResponse":
        from urllib.parse import urlencode

        from urllib3 import Timeout
        from urllib3.exceptions import HTTPError

        encoding = "identity" if is_stream else "gzip"  # which waits until there is enough to be worth packing
        headers = {"Accept": request.accept, "Accept-Encoding": encoding, "Content-Type": request.content_type}
        query = f"?{urlencode(request.query)}" if request.query else ""
        try:
            return self._pool.request(
                request.method,
                f"{self.access.server}{request.path}{query}",
                body=json.dumps(request.body).encode() if request.body is not None else None,
                headers={**headers, "User-Agent": "mlopsctl", **self._identity()},
                timeout=Timeout(connect=self._patience.connect, read=self._patience.read),
                retries=False,
                redirect=False,
                preload_content=not is_stream,
            )
        except (HTTPError, OSError) as error:
            raise unreachable(error, self.access, self._patience) from error

    def _refusal(self, response: "BaseHTTPResponse", document: Json | None) -> ClusterError:
        """What an answer that is an error means."""
        access, status = self.access, response.status
        said = str((document or {}).get("message") or "") or response.data.decode("utf-8", "replace") or "nothing more"
        if status == _UNAUTHORIZED:
            return Unreachable(faults.unauthorized(access.span, access.server, access.context, access.notes))
        if status == _FORBIDDEN and (match := _NO_RIGHT.search(said)):
            action, scope = _action(match), _scope(match)
            return Forbidden(faults.forbidden(access.span, match["user"], action, scope), action, scope)
        found = faults.refused(access.span, access.server, status, short(said))
        details, causes = (document or {}).get("details") or {}, causes_of(document)
        if status == _NOT_FOUND:
            return Absent(found, kind=str(details.get("kind") or ""), name=str(details.get("name") or ""))
        if status == _CONFLICT and any(cause.reason == "FieldManagerConflict" for cause in causes):
            return Conflicted(found, status, said, causes=causes)
        refusal = Outdated if status == _CONFLICT else Refused
        return refusal(found, status, said, causes=causes, again_after=_seconds(response.headers.get("Retry-After")))


def _decoded(response: "BaseHTTPResponse") -> Iterator[str]:
    rest = b""
    for chunk in response.stream():
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line.decode("utf-8", "replace") for line in lines)
    if rest:
        yield rest.decode("utf-8", "replace")


def _seconds(retry_after: str | None) -> float | None:
    """What the header says that asks for time; servers of Kubernetes write seconds, not dates."""
    return float(retry_after) if retry_after and retry_after.isdecimal() else None


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
