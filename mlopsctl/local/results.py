"""Results that are there already: found by key, checked to be whole, and compared to say why another one is needed."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from mlopsctl.frozen import frozen
from mlopsctl.ir.fingerprint import moved
from mlopsctl.ir.values import shown
from mlopsctl.store import PointerMoved, RecordDamaged, RecordExists, StageRecord, Store, StoreError

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
        """Keep a result; one that is done is found again by its key."""
        name = record_name(record.key, record.run)
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

    def why(self, stage: str, parts: Mapping[str, Any], code: Mapping[str, str]) -> str:
        """Why the stage needs another result than it has: `code changed: train.py`. `code` are marks by file."""
        pointer = self.store.read_pointer(f"latest/{self.environment}/{self.pipeline}/{stage}")
        if pointer is None:
            return "first run"
        record = self._read(str(pointer.value.get("record", "")))
        if record is None:
            return _NOT_WHOLE
        before = record.parts
        changes = [self._change(name, before.get(name), parts.get(name), code) for name in moved(before, parts)]
        return "; ".join(changes) or _NOT_WHOLE

    def _change(self, part: str, before: Any, now: Any, code: Mapping[str, str]) -> str:
        if part == "code" and before:
            return f"code changed{_listed(_code_changes(str(before), code, self.store))}"
        return _worded(part, before, now)

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


def record_name(key: str, run: str) -> str:
    """The id of a stage's record."""
    return f"{key}-{run}"


def _worded(part: str, before: Any, now: Any) -> str:
    match part:
        case "source":
            return "data changed"
        case "params":
            return f"params changed{_listed(_value_changes(before or {}, now or {}))}"
        case "inputs":
            changed = sorted(
                name for name in {*(before or {}), *(now or {})} if (before or {}).get(name) != now.get(name)
            )
            return f"new {' and '.join(changed)}"
        case "format":
            return "mlopsctl changed"
        case _:
            return f"{part} changed"


def _value_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    old, new = ({name: shown(value) for name, value in values.items()} for values in (before, now))
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return [f"{name} {old.get(name, '–')} → {new.get(name, '–')}" for name in names]


def _code_changes(before: str, now: Mapping[str, str], store: Store) -> list[str]:
    try:
        old: dict[str, str] = json.loads(store.get_bytes(before))
    except (StoreError, ValueError):
        return []
    return sorted(path for path in {**old, **now} if old.get(path) != now.get(path))


def _listed(names: list[str]) -> str:
    most = 3
    if not names:
        return ""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f": {', '.join(names[:most])}{more}"
