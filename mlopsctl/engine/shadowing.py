"""A version in shadow, as the store tells of it: to the servers who copies go to, and back what came of them.

The pod that puts the version into service says so by a pointer, which it renews for as long as it looks on. The servers
of what serves read the pointer, send copies, and keep a record of what they saw every now and then. Nobody has to be
told that it is over: what isn't renewed ends. See docs/decisions/0042-servers-copy-requests.md.
"""

from collections.abc import Mapping
from dataclasses import field
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from mlopsctl.engine.predictions import moment_id
from mlopsctl.frozen import frozen
from mlopsctl.store import PointerMoved, Store, timestamp
from mlopsctl.store.records import Kept

LEASE = timedelta(seconds=90)
LOOKED = 5.0  # seconds until a server knows of a shadow, or of its end
_MOST_TOLD = 300.0  # seconds between two records of one server
_TOLD = 100  # times that a server tells, unless it takes longer than that


@frozen
class Place:
    """The deploy stage whose requests are copied."""

    environment: str
    pipeline: str
    stage: str

    @property
    def pointer(self) -> str:
        """The name of the pointer that says who gets copies."""
        return f"shadow/{self.environment}/{self.pipeline}/{self.stage}"


@frozen(kw_only=True)
class Shadow(Kept):
    """Who gets copies: a `share` of the requests, 0 to 1, goes to `service` at the base URL `address`, until then.

    Those copy who serve what `copied_by` describes, by digest: versions that are kept warm, and the one in shadow, know
    of it too. What comes of it is kept under its `id`, by each server `every` so many seconds.
    """

    what: ClassVar[str] = "shadow"

    id: str
    copied_by: str
    service: str
    address: str
    share: float
    every: float
    until: str

    def is_on(self, now: datetime) -> bool:
        """Whether copies are to be made."""
        return self.until > timestamp(now)


@frozen(kw_only=True)
class Tally(Kept):
    """What came of copies: how many were answered or failed, how many of these failed, and how many were left out.

    `compared` answers could be held against those of what serves, `differing` were others. Milliseconds are rounded up
    and counted, those of the copies and those of what serves with the same requests. `first` is the first fault.
    """

    what: ClassVar[str] = "tally of a shadow"

    copies: int = 0
    errors: int = 0
    left_out: int = 0
    compared: int = 0
    differing: int = 0
    first: str = ""
    milliseconds: Mapping[str, int] = field(default_factory=dict)
    served_in: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: "Tally") -> "Tally":
        """What came of both."""
        return Tally(
            copies=self.copies + other.copies,
            errors=self.errors + other.errors,
            left_out=self.left_out + other.left_out,
            compared=self.compared + other.compared,
            differing=self.differing + other.differing,
            first=self.first or other.first,
            milliseconds=_sum(self.milliseconds, other.milliseconds),
            served_in=_sum(self.served_in, other.served_in),
        )


def new_shadow(copied_by: str, *, service: str, address: str, share: float, seconds: float) -> Shadow:
    """A shadow that is to last so long."""
    now, every = datetime.now(UTC), min(max(seconds / _TOLD, 1.0), _MOST_TOLD)
    return Shadow(
        id=moment_id(now),
        copied_by=copied_by,
        service=service,
        address=address,
        share=share,
        every=every,
        until=timestamp(now + LEASE),
    )


def read_shadow(store: Store, place: Place) -> Shadow | None:
    """Who gets copies, or got them last. Raises StoreError."""
    pointer = store.read_pointer(place.pointer)
    return None if pointer is None else Shadow.from_json(pointer.value)


def shadowing(store: Store, place: Place) -> tuple[str, ...]:
    """The service that gets copies now, if any does. Raises StoreError."""
    found = read_shadow(store, place)
    return (found.service,) if found is not None and found.is_on(datetime.now(UTC)) else ()


def write_shadow(store: Store, place: Place, shadow: Shadow) -> None:
    """Say who gets copies, whoever did before: deployments of a pipeline wait for each other. Raises StoreError."""
    while True:
        before = store.read_pointer(place.pointer)
        try:
            store.move_pointer(place.pointer, shadow.to_json(), expect=before.version if before else None)
        except PointerMoved:
            continue
        return


def add_tally(store: Store, shadow: Shadow, tally: Tally, now: datetime) -> None:
    """Keep what a server saw: at first nothing, which tells that it knows of the shadow. Raises StoreError."""
    store.add_record(_kind(shadow), moment_id(now), tally.to_json())


def is_noticed(store: Store, shadow: Shadow) -> bool:
    """Whether a server knows of it. Raises StoreError."""
    return bool(store.record_ids(_kind(shadow)))


def read_tally(store: Store, shadow: Shadow) -> Tally:
    """What all servers saw. Raises StoreError."""
    documents = store.read_records(_kind(shadow), reversed(store.record_ids(_kind(shadow)))).values()
    return sum(map(Tally.from_json, documents), start=Tally())


def rank(counts: Mapping[str, int], percent: int) -> int | None:
    """The least of the counted milliseconds that at least `percent` don't exceed; None if nothing was counted."""
    needed = -(-sum(counts.values()) * percent // 100)
    for value in sorted(map(int, counts)):
        needed -= counts[str(value)]
        if needed <= 0:
            return value
    return None


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {key: one.get(key, 0) + other.get(key, 0) for key in {**one, **other}}


def _kind(shadow: Shadow) -> str:
    return f"shadow.{shadow.id}"
