"""What was applied, by whom and how it ended: the last applies of a project in an environment, in a ConfigMap."""

import json
import random
import time
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from mlopsctl.cluster.applyset import PROJECT, Estate
from mlopsctl.cluster.errors import Absent, Outdated
from mlopsctl.cluster.objects import Objects
from mlopsctl.frozen import frozen
from mlopsctl.manifest import ENVIRONMENT, MANAGED_BY, TOOL, Document, Key
from mlopsctl.store import canonical_json

MOST = 20  # applies that are kept
LARGEST = 200_000  # bytes of all of them, a fifth of what a ConfigMap holds
_LONGEST_TEXT = 1_000
_ATTEMPTS = 50
_LONGEST_PAUSE = 0.2


@frozen(kw_only=True)
class AppliedRecord:
    """One apply. `number` counts them from 1 and is given as it is appended.

    `id` is the lock's, `at` when it began (RFC 3339), `plan` the digest of its plan, `counts` how many objects each
    action happened to, `result` a word such as `applied` with what went wrong in `why`, and `seconds` how long it took.
    """

    number: int = 0
    id: str
    user: str
    host: str
    run: str
    at: str
    version: str  # of mlopsctl
    commit: str
    plan: str
    counts: Mapping[str, int]
    result: str
    why: str = ""
    seconds: float


class History:
    """The last applies of a project in an environment. Methods raise ClusterError."""

    def __init__(self, objects: Objects, estate: Estate) -> None:
        self._objects = objects
        self._estate = estate
        self.key = Key("", "ConfigMap", estate.namespace, f"{estate.name}-history")

    def read(self) -> tuple[AppliedRecord, ...]:
        """What is kept, oldest first. What somebody has damaged is left out."""
        found = self._objects.get(self.key, "v1")
        return _records(found) if found is not None else ()

    def append(self, record: AppliedRecord) -> AppliedRecord:
        """The record with its number, once it is kept; the oldest go when there are too many. Raises Outdated."""
        for attempt in range(1, _ATTEMPTS + 1):
            found = self._objects.get(self.key, "v1")
            last = _records(found)[-1:] if found is not None else ()
            if last and replace(last[0], number=0) == replace(_short(record), number=0):
                return last[0]  # the answer to our last attempt got lost
            try:
                return self._written(found, record)
            except (Absent, Outdated):
                if attempt == _ATTEMPTS or (found is None and not self._is_there()):
                    raise
            # Those who write at once don't come again at once.
            time.sleep(_LONGEST_PAUSE * random.random())  # noqa: S311 - it keeps no secret
        raise AssertionError("the last attempt has raised")

    def _is_there(self) -> bool:
        return self._objects.get(self.key, "v1") is not None

    def _written(self, found: Document | None, record: AppliedRecord) -> AppliedRecord:
        data: dict[str, str] = (found or {}).get("data") or {}
        last = max((int(name) for name in data if name.isdecimal()), default=0)
        numbered = replace(_short(record), number=last + 1)
        entry = canonical_json(asdict(numbered)).decode()
        name = f"{numbered.number:06}"
        if found is None:
            self._objects.created(self._document({name: entry}))
        else:
            patch = {"data": {**dict.fromkeys(_surplus(data, entry)), name: entry}}
            self._objects.merged(self.key, "v1", patch, version=found["metadata"]["resourceVersion"])
        return numbered

    def _document(self, data: Mapping[str, str]) -> Document:
        own = {PROJECT: self._estate.project, ENVIRONMENT: self._estate.environment}
        metadata = {"name": self.key.name, "namespace": self.key.namespace, "labels": {MANAGED_BY: TOOL, **own}}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(data)}


def _records(document: Document) -> tuple[AppliedRecord, ...]:
    data: Mapping[str, str] = document.get("data") or {}
    found = (_record(data[name]) for name in sorted(name for name in data if name.isdecimal()))
    return tuple(record for record in found if record is not None)


def _record(text: str) -> AppliedRecord | None:
    """What an entry says; fields that another version has written, and this one doesn't know, are left out."""
    try:
        said: dict[str, Any] = json.loads(text)
        known = {each.name for each in fields(AppliedRecord)}
        return AppliedRecord(**{name: value for name, value in said.items() if name in known})
    except (ValueError, TypeError, AttributeError):
        return None


def _short(record: AppliedRecord) -> AppliedRecord:
    """The record without more text than it needs."""
    return replace(record, why=record.why[:_LONGEST_TEXT], run=record.run[:_LONGEST_TEXT])


def _surplus(data: Mapping[str, str], entry: str) -> list[str]:
    """The entries that go, so that there is room for one more."""
    room, kept = LARGEST - len(entry.encode()), 1
    surplus = []
    for name in sorted(data, reverse=True):
        room, kept = room - len(data[name].encode()), kept + 1
        if room < 0 or kept > MOST or not name.isdecimal():
            surplus.append(name)
    return surplus
