"""Results that are there already: found by key, checked to be whole, and compared to say why another one is needed."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from mlopsctl.frozen import frozen
from mlopsctl.ir.fingerprint import moved
from mlopsctl.ir.reasons import listed, worded
from mlopsctl.store import PointerMoved, RecordDamaged, RecordExists, RunStage, StageRecord, Store, StoreError

RECORDS = "stages"
_NOT_WHOLE = "its earlier result is no longer whole"


@frozen
class Results:
    """The results in a store, as one pipeline in one environment sees them."""

    store: Store
    pipeline: str
    environment: str

    def find(self, key: str) -> StageRecord | None:
        """The finished result with this key, if it is there and whole."""
        pointer = self.store.read_pointer(f"results/{key}")
        if pointer is None:
            return None
        record = self._read(str(pointer.value.get("record", "")))
        if record is None or not all(self.store.artifact_is_whole(output) for output in record.outputs.values()):
            return None
        return record

    def keep(self, record: StageRecord) -> None:
        """Keep a result; one that is done is found again by its key.

        A failure has a name of its own, as an attempt in a later pod of the same run may still end well.
        """
        name = record_name(record.key, record.run) + ("-failed" if record.outcome == "failed" else "")
        try:
            self.store.add_record(RECORDS, name, record.to_json())
        except RecordExists:
            return  # of another stage that is the same but for its name, and so has the same result
        if record.outcome == "done":
            self._point(f"results/{record.key}", {"record": name})

    def note(self, stage: str, record: StageRecord) -> None:
        """Remember which result the stage has now, to compare the next one with."""
        name = f"latest/{self.environment}/{self.pipeline}/{stage}"
        value = {"record": record_name(record.key, record.run)}
        pointer = self.store.read_pointer(name)
        if pointer is None or pointer.value != value:
            self._point(name, value)

    def latest(self, stage: str) -> StageRecord | None:
        """The result that the stage has now, if it has one that can be read."""
        return self._read(self._latest(stage) or "")

    def why(self, stage: str, parts: Mapping[str, Any], code: Mapping[str, str]) -> str:
        """Why the stage needs another result than it has: `code changed: train.py`. `code` are marks by file."""
        name = self._latest(stage)
        if name is None:
            return "first run"
        record = self._read(name)
        if record is None:
            return _NOT_WHOLE
        before = record.parts
        changes = [self._change(name, before.get(name), parts.get(name), code) for name in moved(before, parts)]
        return "; ".join(changes) or _NOT_WHOLE

    def _change(self, part: str, before: Any, now: Any, code: Mapping[str, str]) -> str:
        if part == "code" and before:
            return f"code changed{listed(_code_changes(str(before), code, self.store))}"
        return worded(part, before, now)

    def _latest(self, stage: str) -> str | None:
        pointer = self.store.read_pointer(f"latest/{self.environment}/{self.pipeline}/{stage}")
        return None if pointer is None else str(pointer.value.get("record", ""))

    def _read(self, name: str) -> StageRecord | None:
        try:
            document = self.store.read_record(RECORDS, name) if name else None
            return StageRecord.from_json(document) if document else None
        except RecordDamaged:
            return None  # a result that nobody can read is none, and is made again

    def _point(self, name: str, value: Mapping[str, object]) -> None:
        # Of two runs that finish the same stage at once either result will do.
        with suppress(PointerMoved):
            pointer = self.store.read_pointer(name)
            self.store.move_pointer(name, value, expect=pointer.version if pointer else None)


def result_in(store: Store, run: str, stage: RunStage) -> StageRecord | None:
    """What a stage of a run came to, made in it or in an earlier one; None if it has none. Raises StoreError."""
    document = store.read_record(RECORDS, record_name(stage.key, stage.cached_from or run)) if stage.key else None
    return StageRecord.from_json(document) if document else None


def record_name(key: str, run: str) -> str:
    """The id of a stage's record."""
    return f"{key}-{run}"


def _code_changes(before: str, now: Mapping[str, str], store: Store) -> list[str]:
    try:
        old: dict[str, str] = json.loads(store.get_bytes(before))
    except (StoreError, ValueError):
        return []
    return sorted(path for path in {**old, **now} if old.get(path) != now.get(path))
