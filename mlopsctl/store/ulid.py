"""Run ids: 26 characters that sort as the runs began and can be said aloud.

Source: the ULID specification, https://github.com/ulid/spec.
"""

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TIME_LIMIT = 1 << 48
_RANDOM_BYTES = 10
_SHORT = 12


def new_ulid(now_ms: int, random: bytes) -> str:
    """The ULID of a moment, in milliseconds since 1970, and 10 random bytes.

    An id of a later millisecond sorts after one of an earlier. Raises ValueError for a moment after the year 10889.
    """
    if not 0 <= now_ms < _TIME_LIMIT or len(random) != _RANDOM_BYTES:
        raise ValueError("a ULID takes 48 bits of milliseconds and 10 random bytes")
    number = now_ms << 80 | int.from_bytes(random)
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -5, -5))


def short_run(run: str) -> str:
    """A run as people name it: the first 12 characters of its ULID, ten for its millisecond and two more."""
    return run[:_SHORT]
