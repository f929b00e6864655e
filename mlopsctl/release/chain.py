"""Whether an audit log is as it was written: the chain walked from its head, every digest computed anew.

Whoever can write to a store can write a whole new log. That is found only by somebody who noted a digest elsewhere,
which is what `expected` is for; all lesser changes are found here.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from mlopsctl.engine.audit import Did, Entry, Head, entry_id, entry_of, kind_of, read_head
from mlopsctl.engine.releases import read_serving
from mlopsctl.frozen import frozen
from mlopsctl.store import RecordDamaged, Store, digest_json

Json = dict[str, Any]

MOVES = (Did.SERVES, Did.ROLLED_BACK)  # what moves the pointer to what serves


@frozen
class Break:
    """Something that is not as it was written; `what` is a sentence without its period."""

    what: str


@frozen(kw_only=True)
class Chain:
    """A log that was walked. `breaks` are what is wrong, the worst first, `uncounted` entries that nothing leads to.

    `entries` are those before the first break, the newest first. `backwards` are the numbers of those that are dated
    before the one before them.
    """

    environment: str
    head: Head
    entries: tuple[Entry, ...]
    breaks: tuple[Break, ...]
    uncounted: int
    backwards: tuple[int, ...]


def verified_chain(store: Store, environment: str, *, pipelines: Iterable[str] = (), expected: str = "") -> Chain:
    """Walk the log of an environment. Raises StoreError.

    `pipelines` are those of the project, of which what serves is compared with what the log says, and so is that of
    those that the log names. `expected` is a digest that somebody noted, or its beginning: it has to be in the chain.
    """
    head, kind = read_head(store, environment), kind_of(environment)
    documents = store.read_records(kind, ids := store.record_ids(kind))
    walked = list(_walked(head, documents, frozenset(ids)))
    entries = tuple(each for each in walked if isinstance(each, Entry))
    breaks = [each for each in walked if isinstance(each, Break)]
    uncounted = set(ids) - {entry.id for entry in entries}
    if not breaks:
        breaks += _cut(head, entries, {name: documents[name] for name in uncounted if name in documents})
        breaks += _moved(store, environment, entries, pipelines)
    if expected and not any(entry.digest.startswith(_whole(expected)) for entry in entries):
        breaks.append(Break(f"no entry has the digest {expected}: the log was written anew since that was noted"))
    return Chain(
        environment=environment,
        head=head,
        entries=entries,
        breaks=tuple(breaks),
        uncounted=len(uncounted) if not breaks else 0,
        backwards=tuple(_backwards(entries)),
    )


def standing(entries: Iterable[Entry]) -> Iterator[Entry]:
    """The entries that came to be: without those that were taken back, and without those that say so."""
    found = list(entries)
    taken_back = {entry.deed.takes_back for entry in found if entry.deed.did == Did.OVERTAKEN}
    return (entry for entry in found if entry.deed.did != Did.OVERTAKEN and entry.digest not in taken_back)


def _walked(head: Head, documents: Mapping[str, Json], ids: frozenset[str]) -> Iterator[Entry | Break]:
    """The entries from the head on, and the break that ends them, if one does."""
    number, digest = head.number, head.digest
    while number:
        name = entry_id(number, digest)
        after = f"entry {number + 1} was appended to" if number < head.number else "the head of the log names"
        if name not in ids:
            yield Break(f"entry {number} is missing: {after} {digest}")
            return
        found = digest_json(documents[name]) if name in documents else "unreadable"
        if found != digest:
            yield Break(f"entry {number} was altered: it is {found}, {after} {digest}")
            return
        try:
            entry = entry_of(documents[name])
        except RecordDamaged as error:
            yield Break(f"entry {number} can't be read: {error.message}")
            return
        if entry.number != number:
            yield Break(f"entry {number} says that it is entry {entry.number}")
            return
        yield entry
        number, digest = number - 1, entry.previous
    if digest:
        yield Break(f"entry 1 was appended to {digest}, and nothing is before it")


def _cut(head: Head, entries: Iterable[Entry], uncounted: Mapping[str, Json]) -> Iterator[Break]:
    """A head that was put back: who appends builds on the head alone, so nothing follows an uncounted entry."""
    counted = {entry.digest for entry in entries} | {""}
    later = [each for each in uncounted.values() if each.get("previous") not in counted]
    if later:
        last = max(later, key=lambda each: int(each.get("number", 0)))
        yield Break(
            f"the log was cut at entry {head.number}: there are later ones, up to entry {last.get('number')} "
            f"of {last.get('at')}, which the head no longer leads to"
        )


def _moved(store: Store, environment: str, entries: Iterable[Entry], pipelines: Iterable[str]) -> Iterator[Break]:
    """What serves although the log says something else."""
    said: dict[str, str] = {}
    first = ""
    for entry in standing(entries):  # the newest first
        first = entry.at
        if entry.deed.did in MOVES:
            said.setdefault(entry.deed.pipeline, entry.deed.run)
    for pipeline in sorted({*said, *pipelines}):
        release = read_serving(store, pipeline, environment).release
        run = release.run if release else ""
        began_before = release is not None and pipeline not in said and (not first or release.since < first)
        if run != said.get(pipeline, "") and not began_before:
            what = f"run {run}" if run else "nothing"
            logged = f"run {said[pipeline]}" if pipeline in said else "nothing"
            yield Break(f"{pipeline}: {what} serves, and the log says that {logged} does")


def _backwards(entries: Iterable[Entry]) -> Iterator[int]:
    later: Entry | None = None
    for entry in entries:
        if later is not None and datetime.fromisoformat(later.at) < datetime.fromisoformat(entry.at):
            yield later.number
        later = entry


def _whole(digest: str) -> str:
    return digest if digest.startswith("sha256:") else f"sha256:{digest}"
