"""What the stages of a run tell each other through the store: how each ended, and what it made."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from mlopsctl.diagnostics import Diagnostic, Severity
from mlopsctl.engine.ranks import RankEnd
from mlopsctl.engine.result import StageResult, as_kept
from mlopsctl.engine.results import record_name
from mlopsctl.frozen import frozen
from mlopsctl.store import Artifact, PointerMoved, RunStage, Store, TrialRecord, timestamp

_TRIES = 3


@frozen
class Note:
    """How a stage of a run ended. `outputs` are there if the stages behind it may go on, `faults` say why not.

    Faults have no place in any source: in a pod there is none.
    """

    stage: RunStage
    outputs: Mapping[str, Artifact]
    opens_the_way: bool
    faults: tuple[Diagnostic, ...] = ()


def leave_note(store: Store, run: str, result: StageResult) -> None:
    """Say how the stage ended, in place of what an earlier attempt said, unless that ended well. Raises StoreError.

    An attempt that was taken for dead may end after the one that followed it.
    """
    record = result.record
    value: dict[str, Any] = {
        "record": record_name(record.key, record.run) if record else "",
        "stage": asdict(as_kept(result)),
        "outputs": {name: asdict(artifact) for name, artifact in record.outputs.items()} if record else {},
        "opens": result.opens_the_way,
        "faults": _faults(result.diagnostics),
    }
    _leave(store, _name(run, result.stage), value, is_good=lambda said: bool(said["opens"]))


def read_note(store: Store, run: str, stage: str) -> Note | None:
    """How a stage of a run ended, or None if nobody said so. Raises StoreError."""
    pointer = store.read_pointer(_name(run, stage))
    if pointer is None:
        return None
    value = pointer.value
    return Note(
        stage=RunStage.from_json(value["stage"]),
        outputs={name: Artifact(**artifact) for name, artifact in value["outputs"].items()},
        opens_the_way=value["opens"],
        faults=tuple(_fault(found) for found in value["faults"]),
    )


def leave_beginning(store: Store, run: str, stage: str, moment: datetime) -> None:
    """Say when the search of a stage began. Raises StoreError."""
    _leave(store, _beginning_name(run, stage), {"began": timestamp(moment)}, is_good=lambda _: True)


def read_beginning(store: Store, run: str, stage: str) -> datetime | None:
    """When the search of a stage began, if somebody said so. Raises StoreError."""
    pointer = store.read_pointer(_beginning_name(run, stage))
    return datetime.fromisoformat(pointer.value["began"]) if pointer else None


def leave_trial(store: Store, run: str, stage: str, trial: TrialRecord) -> None:
    """Say how a trial of a stage's search ended, as `leave_note` does of a stage. Raises StoreError."""
    _leave(store, _trial_name(run, stage, trial.number), asdict(trial), is_good=lambda said: said["value"] is not None)


def read_trial(store: Store, run: str, stage: str, number: int) -> TrialRecord | None:
    """How a trial of a run ended, or None if nobody said so. Raises StoreError."""
    pointer = store.read_pointer(_trial_name(run, stage, number))
    return TrialRecord(**pointer.value) if pointer else None


def leave_rank(store: Store, run: str, nodes: str, end: RankEnd) -> None:
    """Say how a rank of a stage ended. `nodes` is the name of those that one attempt has. Raises StoreError."""
    value = {**end.to_json(), "faults": _faults(end.faults)}
    _leave(store, _rank_name(run, nodes, end.rank), value, is_good=lambda _: True)


def read_rank(store: Store, run: str, nodes: str, rank: int) -> RankEnd | None:
    """How a rank ended, or None if it didn't say so. Raises StoreError."""
    pointer = store.read_pointer(_rank_name(run, nodes, rank))
    if pointer is None:
        return None
    return RankEnd.from_json(pointer.value, tuple(_fault(found) for found in pointer.value["faults"]))


def _leave(store: Store, name: str, value: Mapping[str, Any], *, is_good: Callable[[Mapping[str, Any]], bool]) -> None:
    for _ in range(_TRIES):
        there = store.read_pointer(name)
        if there is not None and is_good(there.value) and not is_good(value):
            return
        try:
            store.move_pointer(name, json.loads(json.dumps(value)), expect=there.version if there else None)
        except PointerMoved:
            continue  # another attempt was at it, too: of two of a kind the last word counts
        return


def _faults(found: Iterable[Diagnostic]) -> list[dict[str, Any]]:
    return [{"code": one.code, "message": one.message, "notes": one.notes, "helps": one.helps} for one in found]


def _fault(said: Mapping[str, Any]) -> Diagnostic:
    return Diagnostic(
        code=said["code"],
        severity=Severity.ERROR,
        message=said["message"],
        notes=tuple(said["notes"]),
        helps=tuple(said["helps"]),
    )


def _name(run: str, stage: str) -> str:
    return f"runs/{run}/{stage}"


def _trial_name(run: str, stage: str, number: int) -> str:
    return f"{_name(run, stage)}.{number}"  # stages have no dots in their names


def _rank_name(run: str, nodes: str, rank: int) -> str:
    return f"runs/{run}/{nodes}.rank.{rank}"


def _beginning_name(run: str, stage: str) -> str:
    return f"{_name(run, stage)}.began"
