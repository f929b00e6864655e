"""Run ids: 26 characters that sort as the runs began and can be said aloud.

Source: the ULID specification, https://github.com/ulid/spec.
"""

import hashlib
import re
from datetime import datetime

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TIME_LIMIT = 1 << 48
_RANDOM_BYTES = 10
_SHORT = 12
_TIME_CHARACTERS = 10
_ULID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")


def new_ulid(now_ms: int, random: bytes) -> str:
    """The ULID of a moment, in milliseconds since 1970, and 10 random bytes.

    An id of a later millisecond sorts after one of an earlier. Raises ValueError for a moment after the year 10889.
    """
    if not 0 <= now_ms < _TIME_LIMIT or len(random) != _RANDOM_BYTES:
        raise ValueError("a ULID takes 48 bits of milliseconds and 10 random bytes")
    number = now_ms << 80 | int.from_bytes(random)
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -5, -5))


def ulid_time(text: str) -> int | None:
    """The milliseconds since 1970 in a ULID, or None if it is none."""
    if not _ULID.fullmatch(text):
        return None
    milliseconds = 0
    for character in text[:_TIME_CHARACTERS]:
        milliseconds = milliseconds << 5 | _CROCKFORD.index(character)
    return milliseconds


def run_id(name: str, began: datetime) -> str:
    """The id of the run that Argo knows by this name: a ULID, the same wherever it is made, sorted by time."""
    if _ULID.fullmatch(name):
        return name
    milliseconds = int(began.timestamp() * 1000)
    return new_ulid(milliseconds, hashlib.sha256(name.encode()).digest()[:_RANDOM_BYTES])


def short_run(run: str) -> str:
    """A run as people name it: the first 12 characters of its ULID, ten for its millisecond and two more."""
    return run[:_SHORT]
