"""Results are found by key while they are whole, and the next one says what moved."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlopsctl.engine.results import Results
from mlopsctl.store import StageRecord, Store, canonical_json, open_store

PARTS: dict[str, Any] = {
    "format": 1,
    "code": "",
    "params": {"trees": 1, "fast": False},
    "inputs": {"d": "sha256:d"},
    "command": "go",
    "requirements": "r",
    "python": "3.11",
    "environment": {},
}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "store")


@pytest.fixture
def results(store: Store) -> Results:
    return Results(store, "p", "local")


def record(store: Store, folder: Path, *, key: str = "a" * 64, run: str = "r1", **change: Any) -> StageRecord:
    """A finished result with an output."""
    (folder / "model.bin").write_bytes(b"model")
    output = store.put_artifact(folder / "model.bin")
    now = "2026-01-01T00:00:00+00:00"
    made = StageRecord(
        key=key,
        stage="model",
        kind="train",
        parts=PARTS,
        outcome="done",
        started=now,
        ended=now,
        seconds=1,
        attempts=1,
        run=run,
        outputs={"model": output},
    )
    return replace(made, **change)


def blobs(folder: Path) -> list[Path]:
    return [path for path in (folder / "store").rglob("*") if path.is_file() and path.read_bytes() == b"model"]


def test_what_is_kept_is_found(results: Results, store: Store, tmp_path: Path) -> None:
    kept = record(store, tmp_path)
    assert results.find(kept.key) is None
    results.keep(kept)
    assert results.find(kept.key) == kept
    assert results.find("b" * 64) is None


def test_another_pipeline_finds_it_too(results: Results, store: Store, tmp_path: Path) -> None:
    kept = record(store, tmp_path)
    results.keep(kept)
    assert Results(store, "other", "staging").find(kept.key) == kept


@pytest.mark.parametrize("harm", ["changed", "cut short", "gone"])
def test_a_result_that_is_no_longer_whole_is_none(results: Results, store: Store, tmp_path: Path, harm: str) -> None:
    kept = record(store, tmp_path)
    results.keep(kept)
    (blob,) = blobs(tmp_path)
    blob.chmod(0o644)
    match harm:
        case "changed":
            blob.write_bytes(b"MODEL")
        case "cut short":
            blob.write_bytes(b"mod")
        case _:
            blob.unlink()
    assert results.find(kept.key) is None


def test_a_failure_is_kept_and_not_found(results: Results, store: Store, tmp_path: Path) -> None:
    failed = record(store, tmp_path, outcome="failed")
    results.keep(failed)
    assert store.record_ids("stages") == [f"{failed.key}-r1-failed"]
    assert results.find(failed.key) is None
    results.keep(record(store, tmp_path))  # as a later attempt of the same run may
    assert results.find(failed.key) is not None


def test_of_two_results_of_one_key_the_last_is_found(results: Results, store: Store, tmp_path: Path) -> None:
    first, second = record(store, tmp_path), record(store, tmp_path, run="r2")
    results.keep(first)
    results.keep(second)
    results.keep(second)  # again, as of another stage that is the same
    assert results.find(first.key) == second


def test_two_that_write_at_once_both_succeed(results: Results, store: Store, tmp_path: Path) -> None:
    records = [record(store, tmp_path, run=f"r{number}") for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(results.keep, records))
    assert results.find(records[0].key) in records


def test_a_stage_that_never_ran_runs_first(results: Results) -> None:
    assert results.why("model", PARTS, {}) == "first run"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"params": {"trees": 2, "fast": True}}, "params changed: fast false → true, trees 1 → 2"),
        ({"params": {"trees": 1.0, "fast": False}}, "params changed: trees 1 → 1.0"),
        ({"params": {"trees": 1, "depth": 3}}, "params changed: fast false → –, depth – → 3"),
        ({"inputs": {"d": "sha256:e"}}, "new d"),
        ({"inputs": {"d": "sha256:e", "b": "sha256:b"}}, "new b and d"),
        ({"command": "stop"}, "command changed"),
        ({"requirements": "x"}, "requirements changed"),
        ({"python": "3.12"}, "python changed"),
        ({"format": 2}, "mlopsctl changed"),
        ({"environment": {"A": "b"}}, "environment changed"),
        ({"source": "x"}, "data changed"),
        ({"command": "stop", "inputs": {"d": "x"}}, "new d; command changed"),
        ({}, "its earlier result is no longer whole"),
    ],
    ids=str,
)
def test_the_words_for_what_moved(
    results: Results, store: Store, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    before = record(store, tmp_path)
    results.keep(before)
    results.note("model", before)
    assert results.why("model", {**PARTS, **change}, {}) == words


def test_changed_code_is_named_by_file(results: Results, store: Store, tmp_path: Path) -> None:
    manifest = store.put_bytes(canonical_json(dict.fromkeys("abcde", "1")))
    before = record(store, tmp_path, parts={**PARTS, "code": manifest.digest})
    results.keep(before)
    results.note("model", before)
    now = {**PARTS, "code": "sha256:other"}
    assert results.why("model", now, {**dict.fromkeys("abcde", "1"), "b": "2"}) == "code changed: b"
    assert results.why("model", now, dict.fromkeys("cdef", "1")) == "code changed: a, b, f"
    assert results.why("model", now, {}) == "code changed: a, b, c and 2 more"
    assert results.why("other", now, {}) == "first run"


def test_code_that_is_no_longer_kept_has_changed_all_the_same(results: Results, store: Store, tmp_path: Path) -> None:
    before = record(store, tmp_path, parts={**PARTS, "code": f"sha256:{'0' * 64}"})
    results.keep(before)
    results.note("model", before)
    assert results.why("model", {**PARTS, "code": "x"}, {"a": "1"}) == "code changed"
