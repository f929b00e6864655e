"""A tap on a server: connections go through it byte by byte, and the exchanges on them are told to a listener.

The bytes of either side go to the other as they come. Only a copy is read along with, so that nothing that a message
says or fails to say keeps it from arriving: what can't be read goes through untold. See
docs/decisions/0026-one-tap-for-predictions.md.
"""

import asyncio
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from mlopsctl.frozen import frozen
from mlopsctl.runtime.http_messages import OUR_AGENT, Head, Messages, NotFramed, Reading

LONGEST_BODY = 1024 * 1024
_BACKLOG = 1024
_BODILESS = (204, 304)
_SWITCHED = 101
_OK = 200


@frozen(kw_only=True)
class Exchange:
    """A POST and its answer. Times are seconds, `began` since 1970.

    A body is None if it is above LONGEST_BODY, and if the exchange is not one of those that are kept: those whose
    random `chance`, 0 to 1, is below the share that was asked for.
    """

    path: str
    request_id: str
    began: float
    seconds: float
    status: int
    request: bytes | None
    response: bytes | None
    chance: float = 0.0
    content_type: str = ""


@dataclass(slots=True)
class _Asked:
    """A request whose answer isn't there yet."""

    method: str
    path: str
    request_id: str
    is_told: bool
    is_kept: bool
    chance: float
    content_type: str
    began: float
    started: float
    body: bytes | None = None
    status: int = 0


class _Watch:
    """Reads along on one connection, for as long as it understands what it sees."""

    def __init__(self, share: Callable[[], float], tell: Callable[[Exchange], None]) -> None:
        self._share, self._tell = share, tell
        self._asked: deque[_Asked] = deque()
        self._coming: _Asked | None = None  # whose body isn't there yet; an answer may overtake it
        self._requests = Messages(self._request, self._request_ended, longest=LONGEST_BODY)
        self._responses = Messages(self._response, self._response_ended, longest=LONGEST_BODY)
        self._watches = True

    def request(self, data: bytes) -> None:
        """Read along with the client."""
        self._read(lambda: self._requests.feed(data))

    def response(self, data: bytes) -> None:
        """Read along with the server."""
        self._read(lambda: self._responses.feed(data))

    def close(self) -> None:
        """Take note that the server has said all."""
        self._read(self._responses.close)

    def _read(self, step: Callable[[], None]) -> None:
        if not self._watches:
            return
        try:
            step()
        except Exception:  # noqa: BLE001 - whatever a copy of the traffic does to us, the traffic goes on
            self._watches = False

    def _request(self, head: Head) -> Reading:
        method, path, _ = head.first
        is_traffic = method == "POST" and head.headers.get("user-agent") != OUR_AGENT
        chance = random.random()  # noqa: S311 - nobody gains from guessing it
        is_kept = is_traffic and chance < self._share()
        self._coming = _Asked(
            method=method,
            path=path,
            request_id=head.headers.get("x-request-id", ""),
            is_told=is_traffic,
            is_kept=is_kept,
            chance=chance,
            content_type=head.headers.get("content-type", ""),
            began=time.time(),
            started=time.monotonic(),
        )
        self._asked.append(self._coming)
        return Reading(has_body=True, is_kept=is_kept)

    def _request_ended(self, body: bytes | None) -> None:
        if self._coming is not None:
            self._coming.body = body

    def _response(self, head: Head) -> Reading:
        if not self._asked:
            raise NotFramed("an answer without a request")
        asked, status = self._asked[0], head.first[1]
        asked.status = int(status) if status.isdecimal() else 0
        if asked.status == _SWITCHED:
            raise NotFramed("the connection goes on in another protocol")
        has_body = asked.status >= _OK and asked.status not in _BODILESS and asked.method != "HEAD"
        return Reading(has_body=has_body, is_kept=asked.is_kept, until_close=True)

    def _response_ended(self, body: bytes | None) -> None:
        if self._asked[0].status < _OK:
            return  # one that goes before the answer, such as 100 Continue
        asked = self._asked.popleft()
        if asked.is_told:
            seconds = time.monotonic() - asked.started
            self._tell(
                Exchange(
                    path=asked.path,
                    request_id=asked.request_id,
                    began=asked.began,
                    seconds=seconds,
                    status=asked.status,
                    request=asked.body,
                    response=body,
                    chance=asked.chance,
                    content_type=asked.content_type,
                )
            )


class _Side(asyncio.Protocol):
    """One side of a connection: what comes from it goes to the other, as fast as that takes it."""

    def __init__(self, watch: Callable[[bytes], None], *, stays: bool) -> None:
        self._watch = watch
        self._stays = stays  # for the answer, where this side has said all
        self.transport: asyncio.Transport | None = None
        self.other: _Side | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport), "TCP has nothing else"
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.other and self.other.transport:
            self.other.transport.write(data)
        self._watch(data)

    def eof_received(self) -> bool:
        if not self._stays:
            return False
        if self.other and self.other.transport:
            self.other.transport.write_eof()
        return True

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the reason is for neither side
        if self.other and self.other.transport:
            self.other.transport.close()  # after what is still to be written

    def pause_writing(self) -> None:
        if self.other and self.other.transport:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other and self.other.transport:
            self.other.transport.resume_reading()


class _Client(_Side):
    """The side that connected; the server's is there as soon as it can be."""

    def __init__(self, watch: _Watch, server: tuple[str, int], clients: "set[_Client]") -> None:
        super().__init__(watch.request, stays=True)
        self._whole_watch, self._server, self._clients = watch, server, clients
        # Some Pythons read on after a pause that is asked for as early as here.
        self._early = bytearray()
        self._ended_early = False
        self._connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self.transport is not None, "it was just made"
        self._clients.add(self)
        self.transport.pause_reading()
        self._connecting = asyncio.get_running_loop().create_task(self._connect(self.transport))

    def data_received(self, data: bytes) -> None:
        if self.other is None:
            self._early += data
        super().data_received(data)

    def eof_received(self) -> bool:
        self._ended_early = self.other is None
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._clients.discard(self)
        super().connection_lost(exc)

    async def _connect(self, transport: asyncio.Transport) -> None:
        server = _Server(self._whole_watch)
        server.other = self
        try:
            await asyncio.get_running_loop().create_connection(lambda: server, *self._server)
        except OSError:
            transport.abort()  # as if there were nobody in between
            return
        assert server.transport is not None, "it is connected"
        self.other = server
        server.transport.write(bytes(self._early))
        self._early.clear()
        if self._ended_early:
            server.transport.write_eof()
        if transport.is_closing():
            server.transport.close()
        else:
            transport.resume_reading()


class _Server(_Side):
    """The side that answers."""

    def __init__(self, watch: _Watch) -> None:
        super().__init__(watch.response, stays=False)
        self._end = watch.close

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        super().connection_lost(exc)


class Tap:
    """Listens on `host` and `port`, 0 for a free one, for as long as the `with` block does, for the server at `server`.

    `tell` gets the POSTs with their answers, a random `share` of them with what they said, in a thread that it must not
    hold up; neither may `share`, which is asked for each. Entering raises OSError if the port can't be listened on.
    """

    def __init__(
        self,
        server: tuple[str, int],
        *,
        host: str,
        port: int,
        share: Callable[[], float],
        tell: Callable[[Exchange], None],
    ) -> None:
        self._server, self._host, self.port = server, host, port
        self._share, self._tell = share, tell
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tap", daemon=True)
        self._listening: asyncio.Server | None = None
        self._clients: set[_Client] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._listening = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        except BaseException:
            self._end()
            raise
        self.port = int(self._listening.sockets[0].getsockname()[1])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._end()

    async def _listen(self) -> asyncio.Server:
        return await self._loop.create_server(
            lambda: _Client(_Watch(self._share, self._tell), self._server, self._clients),
            self._host,
            self.port,
            backlog=_BACKLOG,
        )

    async def _close(self) -> None:
        if self._listening is not None:
            self._listening.close()
        sides = [side for client in self._clients for side in (client, client.other) if side is not None]
        for side in sides:
            if side.transport is not None:
                side.transport.abort()
        waiting = [task for task in asyncio.all_tasks(self._loop) if task is not asyncio.current_task()]
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await asyncio.sleep(0)  # in which the connections are closed

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
