"""HTTP/1.1 as somebody sees it who reads along: where messages begin and end in the bytes of one direction.

Nothing here changes the bytes. What isn't HTTP/1.1 raises NotFramed, and whoever reads along has to give up on the
connection. Framing is that of RFC 9112, section 6.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

# What the header `User-Agent` says where we try a server ourselves, which is no traffic of its users.
OUR_AGENT = "mlopsctl"
_LONGEST_HEAD = 64 * 1024
_LINE = b"\r\n"
_HEAD_END = b"\r\n\r\n"
_HEXADECIMAL = 16


class NotFramed(Exception):
    """These bytes are no messages of HTTP/1.1."""


class Head(NamedTuple):
    """The first line of a message in its three parts, and the headers by their names in small letters."""

    first: tuple[str, str, str]
    headers: Mapping[str, str]


class Reading(NamedTuple):
    """What is to be done with the body of a message: whether there may be one, whether it is kept, and how it ends."""

    has_body: bool
    is_kept: bool
    until_close: bool = False  # where the head says nothing of its length


class Messages:
    """The messages of one direction of a connection.

    `begin` is told the head of each and says how to read on; `end` gets its body, None if it wasn't kept or has more
    than `longest` bytes.
    """

    def __init__(self, begin: Callable[[Head], Reading], end: Callable[[bytes | None], None], *, longest: int) -> None:
        self._begin, self._end, self._longest = begin, end, longest
        self._buffer = bytearray()
        self._state: Callable[[], bool] = self._head
        self._left = 0
        self._body: bytearray | None = None

    def feed(self, data: bytes) -> None:
        """Read on. Raises NotFramed."""
        self._buffer += data
        while self._state():
            pass

    def close(self) -> None:
        """Say that no more bytes come, which is how some messages end."""
        if self._state == self._until_close:
            self._ended()

    def _head(self) -> bool:
        while self._buffer.startswith(_LINE):  # which may stand between messages
            del self._buffer[: len(_LINE)]
        found = self._buffer.find(_HEAD_END)
        if found < 0:
            if len(self._buffer) > _LONGEST_HEAD:
                raise NotFramed("a head without an end")
            return False
        head = _parsed(bytes(self._buffer[:found]))
        del self._buffer[: found + len(_HEAD_END)]
        reading = self._begin(head)
        self._body = bytearray() if reading.is_kept else None
        self._state = self._body_state(head.headers, reading)
        return True

    def _body_state(self, headers: Mapping[str, str], reading: Reading) -> Callable[[], bool]:
        if not reading.has_body:
            self._left = 0
            return self._counted
        if headers.get("transfer-encoding", "").lower().endswith("chunked"):
            return self._chunk_size
        length = headers.get("content-length")
        if length is None and reading.until_close:
            return self._until_close
        self._left = _number(length or "0", 10)
        return self._counted

    def _counted(self) -> bool:
        self._take(min(self._left, len(self._buffer)))
        if self._left:
            return False
        self._ended()
        return True

    def _chunk_size(self) -> bool:
        line = self._next_line()
        if line is None:
            return False
        self._left = _number(line.partition(b";")[0].decode("latin-1").strip(), _HEXADECIMAL)
        self._state = self._chunk if self._left else self._trailer
        return True

    def _chunk(self) -> bool:
        self._take(min(self._left, len(self._buffer)))
        if self._left or len(self._buffer) < len(_LINE):
            return False
        if self._next_line() != b"":
            raise NotFramed("a chunk of another length")
        self._state = self._chunk_size
        return True

    def _trailer(self) -> bool:
        line = self._next_line()
        if line == b"":
            self._ended()
        return line is not None

    def _until_close(self) -> bool:
        self._left = len(self._buffer)
        self._take(self._left)
        return False

    def _next_line(self) -> bytes | None:
        found = self._buffer.find(_LINE)
        if found < 0:
            if len(self._buffer) > _LONGEST_HEAD:
                raise NotFramed("a line without an end")
            return None
        line = bytes(self._buffer[:found])
        del self._buffer[: found + len(_LINE)]
        return line

    def _take(self, size: int) -> None:
        if self._body is not None:
            self._body += self._buffer[:size]
            if len(self._body) > self._longest:
                self._body = None
        del self._buffer[:size]
        self._left -= size

    def _ended(self) -> None:
        body, self._body = self._body, None
        self._state = self._head
        self._end(None if body is None else bytes(body))


def _parsed(head: bytes) -> Head:
    first, *lines = head.decode("latin-1").split("\r\n")
    parts = first.split(" ", 2)
    if len(parts) < 2 or "HTTP/1." not in first:  # noqa: PLR2004 - an answer needs no reason
        raise NotFramed("no HTTP/1.1")
    fields = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, colon, value in fields if colon}
    return Head((parts[0], parts[1], "".join(parts[2:])), headers)


def _number(text: str, base: int) -> int:
    try:
        found = int(text, base)
    except ValueError as error:
        raise NotFramed(f"no length: {text[:20]}") from error
    if found < 0:
        raise NotFramed("a negative length")
    return found
