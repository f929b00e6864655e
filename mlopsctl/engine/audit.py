"""The log of what came to serve and who decided it, one for each environment.

An entry is a record that holds the digest of the one before it, so that none can be changed, taken out or put between
without all after it. A pointer, the head, says which is the last; who appends puts the record first and then moves the
head. An entry that no later one leads back to was never counted: whoever wrote it was overtaken, or killed.

What serves is noted before it is moved, so nothing serves that the log doesn't know. A move that then fails because
another was faster is taken back by an entry that says so.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from mlopsctl.frozen import frozen
from mlopsctl.store import (
    Pointer,
    PointerMoved,
    RecordDamaged,
    RecordExists,
    Store,
    digest_json,
    timestamp,
)

Json = dict[str, Any]

_VERSION = 1
_ATTEMPTS = 100  # each of which fails only because another was appended
_DIGITS = 16  # of the digest in the name of an entry's record, which is read beside the whole of it anyway


class Did(StrEnum):
    """What can be noted. Whoever makes another thing that decides what serves adds its word here."""

    SERVES = "serves"  # a run let its release serve
    ROLLED_BACK = "rolled back"  # an earlier release serves again
    TURNED_BACK = "turned back"  # so it does, although git doesn't say so yet
    OVERTAKEN = "overtaken"  # what `takes_back` names never came to be: another was faster
    APPLIED = "applied"  # an apply brought what git pins, or a change of how it is served
    PROMOTED = "promoted"  # a release was proposed to the environment
    REJECTED = "rejected"  # a run may not be promoted or come back
    READMITTED = "readmitted"  # a rejection was a mistake
    STOPPED = "stopped"
    RESUMED = "resumed"
    VERIFIED = "verified"  # what serves was asked live, and nothing stood against it
    REFUSED = "refused"  # something did; `why` says what


@frozen(kw_only=True)
class Deed:
    """What is to be noted, `did` a word of `Did`; what doesn't apply is empty.

    `model` and `takes_back`, which names an entry, are digests; `commit` is git's.
    """

    did: str
    pipeline: str = ""
    run: str = ""
    model: str = ""
    commit: str = ""
    why: str = ""
    takes_back: str = ""


@frozen(kw_only=True)
class Entry:
    """A deed as the log has it, `number` from 1 on, `at` in ISO 8601 with UTC offset.

    `digest` is that of the whole record, `previous` that of the entry before it, empty for the first.
    """

    number: int
    digest: str
    previous: str
    at: str
    who: str
    environment: str
    deed: Deed

    @property
    def id(self) -> str:
        """The name of its record, by which names sort as they were appended."""
        return entry_id(self.number, self.digest)


@frozen
class Head:
    """Where a log ends: how many entries it has, and the digest of the last; 0 and empty where there is none."""

    number: int = 0
    digest: str = ""


def append(store: Store, environment: str, deed: Deed, *, who: str, at: datetime | None = None) -> Entry:
    """Note a deed as of now; what was appended. Three requests, if nobody else appends meanwhile. Raises StoreError."""
    moment = timestamp(at or datetime.now(UTC))
    pointer = store.read_pointer(_head_name(environment))
    for attempt in range(_ATTEMPTS):
        head = _head(pointer)
        document = {
            "version": _VERSION,
            "number": head.number + 1,
            "previous": head.digest,
            "at": moment,
            "who": who,
            "environment": environment,
            **asdict(deed),
        }
        entry = entry_of(document)
        with suppress(RecordExists):  # by its name it is this very entry
            store.add_record(kind_of(environment), entry.id, document)
        value = {"number": entry.number, "entry": entry.digest}
        try:
            store.move_pointer(_head_name(environment), value, expect=pointer.version if pointer else None)
        except PointerMoved as error:
            if attempt == _ATTEMPTS - 1:
                raise
            pointer = error.now
        else:
            return entry
    raise AssertionError("the last attempt has raised")


def read_head(store: Store, environment: str) -> Head:
    """Where the log ends. Raises StoreError."""
    return _head(store.read_pointer(_head_name(environment)))


def entries(store: Store, environment: str, *, limit: int | None = None) -> list[Entry]:
    """The newest entries, the newest first, as far as they can be read. Raises StoreError.

    Where the chain is broken the rest is left out: `release.chain` says where and how.
    """
    head = read_head(store, environment)
    names = store.record_ids(kind_of(environment)) if head.number else []
    oldest = 0 if limit is None else head.number - limit
    documents = store.read_records(kind_of(environment), [name for name in names if oldest < _number(name)])
    return list(_walk(head, documents, oldest))


def entry_of(document: Mapping[str, Any]) -> Entry:
    """The entry that a record holds; a field that this version doesn't know is left out. Raises RecordDamaged."""
    try:
        said = {name: str(document.get(name, "")) for name in Deed.__dataclass_fields__ if name != "did"}
        return Entry(
            number=int(document["number"]),
            digest=digest_json(document),
            previous=str(document["previous"]),
            at=str(document["at"]),
            who=str(document["who"]),
            environment=str(document["environment"]),
            deed=Deed(did=str(document["did"]), **said),
        )
    except (KeyError, ValueError, TypeError) as fault:
        raise RecordDamaged(f"this is no entry of an audit log: {fault}") from fault


def kind_of(environment: str) -> str:
    """The kind of the records of an environment's log."""
    return f"audit.{environment}"


def entry_id(number: int, digest: str) -> str:
    """The name of the record of the entry with this number and digest."""
    return f"{number:010}-{digest.removeprefix('sha256:')[:_DIGITS]}"


def _walk(head: Head, documents: Mapping[str, Json], oldest: int) -> Iterator[Entry]:
    number, digest = head.number, head.digest
    while number > oldest:
        document = documents.get(entry_id(number, digest))
        if document is None or digest_json(document) != digest:
            return
        try:
            entry = entry_of(document)
        except RecordDamaged:
            return
        yield entry
        number, digest = number - 1, entry.previous


def _number(name: str) -> int:
    number = name.partition("-")[0]
    return int(number) if number.isdecimal() else 0


def _head(pointer: Pointer | None) -> Head:
    if pointer is None:
        return Head()
    try:
        return Head(int(pointer.value["number"]), str(pointer.value["entry"]))
    except (KeyError, ValueError, TypeError) as fault:
        raise RecordDamaged(f"the head of the audit log says no entry: {fault}", "restore it from a backup") from fault


def _head_name(environment: str) -> str:
    return f"audit/{environment}"
