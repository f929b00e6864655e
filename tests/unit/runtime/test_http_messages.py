"""Where messages begin and end, whatever the pieces are in which their bytes come."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlopsctl.runtime.http_messages import Head, Messages, NotFramed, Reading

LONGEST = 100
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\nWiki\r\nc\r\npedia \r\nok!!\r\n0\r\nT: 1\r\n\r\n"
)
COUNTED = b"POST /infer HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
BARE = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Seen:
    def __init__(self, reading: Reading | None = None) -> None:
        self.heads: list[Head] = []
        self.bodies: list[bytes | None] = []
        self._reading = reading or Reading(has_body=True, is_kept=True)
        self.messages = Messages(self._begin, self.bodies.append, longest=LONGEST)

    def _begin(self, head: Head) -> Reading:
        self.heads.append(head)
        return self._reading


@given(st.lists(st.integers(0, 400), max_size=20))
def test_pieces_do_not_matter(cuts: list[int]) -> None:
    text = COUNTED + b"\r\n" + BARE + CHUNKED + COUNTED
    seen, places = Seen(), sorted({0, len(text), *cuts} & set(range(len(text) + 1)))
    for begin, end in pairwise(places):
        seen.messages.feed(text[begin:end])
    assert seen.bodies == [b"hello", b"", b"Wikipedia \r\nok!!", b"hello"]
    assert seen.heads[0] == Head(("POST", "/infer", "HTTP/1.1"), {"host": "x", "content-length": "5"})
    assert seen.heads[2].first == ("HTTP/1.1", "200", "OK")


def test_a_body_that_is_not_kept_or_too_long_is_skipped() -> None:
    seen = Seen(Reading(has_body=True, is_kept=False))
    seen.messages.feed(COUNTED * 2)
    assert seen.bodies == [None, None]
    long = Seen()
    long.messages.feed(b"POST / HTTP/1.1\r\nContent-Length: 101\r\n\r\n" + b"x" * 101 + COUNTED)
    assert long.bodies == [None, b"hello"]


def test_what_has_no_body_has_none_whatever_its_head_says() -> None:
    seen = Seen(Reading(has_body=False, is_kept=True))
    seen.messages.feed(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n" * 2)
    assert seen.bodies == [b"", b""]


def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    seen = Seen(Reading(has_body=True, is_kept=True, until_close=True))
    seen.messages.feed(b"HTTP/1.0 200 OK\r\n\r\nall ")
    seen.messages.feed(b"of it")
    assert seen.bodies == []
    seen.messages.close()
    assert seen.bodies == [b"all of it"]


@pytest.mark.parametrize(
    "text",
    [
        b"\x16\x03\x01 no http\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"x" * 70_000,
        b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nlonger\r\n",
    ],
)
def test_what_is_no_http_is_not_guessed_at(text: bytes) -> None:
    with pytest.raises(NotFramed):
        Seen().messages.feed(text)
