"""Where a monitor stands between its checks: a pointer in the store, which one check at a time may move."""

from contextlib import suppress
from dataclasses import asdict, fields, replace
from datetime import datetime, timedelta
from typing import Self

from mlopsctl.frozen import frozen
from mlopsctl.store import DriftCheck, Pointer, RecordDamaged, Store, timestamp

FIRST_LOOK = timedelta(hours=24)  # how far the first check of a monitor looks back
LONGEST_LOOK = timedelta(days=7)


@frozen(kw_only=True)
class State:
    """Where a monitor stands: from when on it looks, how many checks in a row found what, and when it acted last.

    `breaches` counts checks that found drift, `failures` those in which predictions were worse than they may be; both
    are of the model of `run`. `did` is what it did when it acted, in words. `seen` is what the last check had seen that
    judged predictions, `last` the id of the last check that there was. `had_truth` says whether there was ever a truth.
    """

    since: str
    breaches: int = 0
    failures: int = 0
    run: str = ""
    acted: str = ""
    did: str = ""
    seen: str = ""
    last: str = ""
    had_truth: bool = False

    @classmethod
    def of(cls, pointer: Pointer | None, now: datetime) -> Self:
        """What the last check left, or the beginning."""
        earliest = timestamp(now - (LONGEST_LOOK if pointer else FIRST_LOOK))
        if pointer is None:
            return cls(since=earliest)
        known = {each.name: pointer.value[each.name] for each in fields(cls) if each.name in pointer.value}
        found = cls(**known)
        return replace(found, since=max(found.since, earliest))

    def of_model(self, run: str) -> Self:
        """The same for the model of a run; if it is another one, all counts begin anew."""
        if not run or self.run == run:
            return self
        return replace(self, run=run) if not self.run else replace(self, run=run, breaches=0, failures=0, seen="")


@frozen
class MonitorState:
    """Where the checks of a monitor are kept, in an environment, by names."""

    environment: str
    pipeline: str
    monitor: str

    @property
    def records(self) -> str:
        """The kind of the records of its checks."""
        return f"drift.{self.environment}.{self.pipeline}.{self.monitor}"

    def read(self, store: Store) -> Pointer | None:
        """Where it stands, None before its first check. Raises StoreError."""
        return store.read_pointer(self._name)

    def last(self, store: Store) -> DriftCheck | None:
        """The last check, with what was done by now; None if there is none that could be read. Raises StoreError."""
        pointer = self.read(store)
        document = store.read_record(self.records, str(pointer.value.get("last"))) if pointer else None
        if pointer is None or document is None:
            return None
        acted, did = (str(pointer.value.get(name, "")) for name in ("acted", "did"))
        with suppress(RecordDamaged):
            return replace(DriftCheck.from_json(document), acted=acted, did=did)
        return None

    def move(self, store: Store, state: State, *, expect: str | None) -> Pointer:
        """Let it stand there. Raises PointerMoved if it was moved since `expect` was read, StoreError."""
        return store.move_pointer(self._name, asdict(state), expect=expect)

    @property
    def _name(self) -> str:
        return f"drift/{self.environment}/{self.pipeline}/{self.monitor}"
