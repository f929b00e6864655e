"""Lineage of histories that hypothesis thinks of: what is found forward is found back, and what was not seen is not."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlopsctl.engine.audit import Deed, Did, append
from mlopsctl.engine.releases import Decision, move_serving
from mlopsctl.release.history import History, Place, Served, intervals, read_history
from mlopsctl.release.lineage import Node, back_from, digests, endpoint, forward_from, lineage_of
from mlopsctl.store import Artifact, Release, RunRecord, RunStage, digest_bytes, open_store
from tests.counting import counting_store

RUNS = 1000
PARTS: dict[str, Any] = {"metrics": {}, "server": {}, "requirements": "", "evidence": ""}
FIELDS: dict[str, Any] = {"reason": "", "seconds": 1.0, "summary": "", "outcome": "done"}


def artifact(name: str) -> Artifact:
    return Artifact(digest_bytes(name.encode()), len(name), "file", name)


def run_of(run: str, data: str, *, holdout: str = "holdout", trees: int = 1) -> RunRecord:
    model = artifact(f"model of {data}, {trees}")
    stages = {
        "flights": RunStage(key="f", kind="data", outputs={"data": artifact(data)}, rows=3, **FIELDS),
        "holdout": RunStage(key="h", kind="data", outputs={"data": artifact(holdout)}, **FIELDS),
        "model": RunStage(
            key="m",
            kind="train",
            made_from={"inputs": {"flights": artifact(data).digest}, "code": artifact("code").digest},
            outputs={"model": model},
            **FIELDS,
        ),
        "quality": RunStage(
            key="q",
            kind="evaluate",
            made_from={"inputs": {"model": model.digest, "holdout": artifact(holdout).digest}},
            outputs={"metrics": artifact("the same metrics always")},
            **FIELDS,
        ),
    }
    named = {"pipeline": "p", "environment": "dev", "project": "", "commit": "c" * 40, "changed_files": 0}
    times = {"started": "2026-03-01T10:00:00+00:00", "ended": "2026-03-01T11:00:00+00:00"}
    return RunRecord(run=run, outcome="done", params={}, stages=stages, **named, **times)


def released(run: RunRecord) -> Release:
    model = run.stages["model"].outputs["model"]
    return Release(
        run=run.run, commit="", pipeline="p", model=model, data={}, since="2026-03-01T00:00:00+00:00", **PARTS
    )


def served(run: RunRecord, since: int, *, is_now: bool) -> Served:
    model = run.stages["model"].outputs["model"].digest
    return Served(
        environment="prod", pipeline="p", run=run.run, model=model, since=f"2026-03-{since:02}", is_now=is_now
    )


def history(runs: list[RunRecord], serving: list[Served], **more: Any) -> History:
    nothing: dict[str, Any] = {"stopped": {}, "rejected": {}, "unreachable": {}}
    return History(runs=tuple(runs), served=tuple(serving), **(nothing | more))


small = st.integers(0, 3)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(small, small, small), min_size=1, max_size=8))
def test_what_is_found_forward_is_found_back(made: list[tuple[int, int, int]]) -> None:
    runs = [run_of(f"R{n}", f"d{d}", holdout=f"h{h}", trees=t) for n, (d, h, t) in enumerate(made)]
    found = lineage_of(history(runs, [served(run, 1 + n, is_now=n == 0) for n, run in enumerate(runs)]))
    nodes = {*found.onward, *found.backward}
    assert all((one in found.back(other)) == (other in found.forward(one)) for one in nodes for other in nodes)
    for n, (d, h, t) in enumerate(made):
        for other in range(4):
            data = Node("artifact", artifact(f"d{other}").digest)
            same_models = {m for m, (e, _, u) in enumerate(made) if (e, u) == (d, t)}
            assert (data in found.back(endpoint(served(runs[n], 1 + n, is_now=False)))) == (other == d)
            assert (data in found.back(Node("run", f"R{n}"))) == (other == d)
            judged = Node("artifact", artifact(f"h{other}").digest)
            assert (judged in found.back(Node("run", f"R{n}"))) == (other == h)
            assert same_models >= {n}


def test_what_must_be_pulled_and_the_way_out() -> None:
    clean, poisoned, later = run_of("A", "clean"), run_of("B", "bad"), run_of("C", "bad", trees=2)
    serving = [served(clean, 1, is_now=False), served(poisoned, 2, is_now=False), served(later, 3, is_now=True)]
    found = lineage_of(history([later, poisoned, clean], serving, rejected={"B": "leaked label"}))
    forward = forward_from(found, artifact("bad").digest)
    assert [(seen.run.run, seen.stages, seen.rejected) for seen in forward.seen] == [
        ("C", ("flights", "model"), None),
        ("B", ("flights", "model"), "leaked label"),
    ]
    assert [len(seen.models) for seen in forward.seen] == [1, 1]
    assert [(way.served.run, way.run) for way in forward.ways_out] == [("C", "A")]
    rejected = lineage_of(history([later, poisoned, clean], serving, rejected={"A": "too old"}))
    assert [way.run for way in forward_from(rejected, artifact("bad").digest).ways_out] == [""]
    judged = forward_from(found, artifact("holdout").digest)
    assert [seen.models for seen in judged.seen] == [(), (), ()]
    assert [data.trains for data in back_from(found, later).data] == [True, False]
    code = forward_from(found, artifact("code").digest)
    assert [len(seen.models) for seen in code.seen] == [1, 1, 1]
    assert digests(found, artifact("bad").digest[7:15]) == [artifact("bad").digest]


def test_a_release_that_came_from_another_store_is_found_by_its_model() -> None:
    here = run_of("A", "bad")
    elsewhere = replace(served(here, 1, is_now=True), run="NOT-HERE")
    forward = forward_from(lineage_of(history([here], [elsewhere])), artifact("bad").digest)
    assert forward.seen[0].served == (elsewhere,)
    assert [way.served.run for way in forward.ways_out] == ["NOT-HERE"]


def test_a_thousand_runs_are_one_listing_and_a_request_each(tmp_path: Path) -> None:
    store, asked = counting_store(tmp_path / "store")
    for number in range(RUNS):
        run = run_of(f"R{number:04}", f"d{number}")
        store.add_record("runs", run.run, run.to_json())
    asked.clear()
    found = read_history([Place(environment=name, store=store) for name in ("dev", "prod")], ["p"])
    assert len(found.runs) == RUNS
    listed = [what for method, what in asked if method == "names"]
    assert listed == ["records/runs"]
    assert len(asked) <= RUNS + 8  # heads of logs and pointers of two environments


def test_what_served_is_read_from_the_log_and_put_right_by_the_pointer(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store")
    runs = [run_of(name, name) for name in ("A", "B")]
    pointer = move_serving(store, released(runs[0]), "prod", expect=None, decision=Decision(who="ann"))
    append(store, "prod", Deed(did=Did.STOPPED, pipeline="p", why="wrong labels"), who="ann")
    append(store, "prod", Deed(did=Did.REJECTED, run="A", why="a mistake"), who="ann")
    append(store, "prod", Deed(did=Did.REJECTED, run="B", why="leaked"), who="ann")
    append(store, "prod", Deed(did=Did.READMITTED, run="A"), who="ann")
    found = read_history([Place(environment="prod", store=store)], [])
    assert [(each.run, each.is_now, each.who) for each in found.served] == [("A", True, "ann")]
    assert (found.stopped, found.rejected) == ({("prod", "p"): "wrong labels"}, {"B": "leaked"})
    store.move_pointer("serving/prod/p", released(runs[1]).to_json(), expect=pointer.version)  # by hand
    again = read_history([Place(environment="prod", store=store)], [])
    assert [(each.run, each.is_now) for each in again.served] == [("A", False), ("B", True)]


@pytest.mark.parametrize("served_runs", [["A", "A", "B"], ["A", "B", "A"]])
def test_intervals_end_where_the_next_begins(tmp_path: Path, served_runs: list[str]) -> None:
    store = open_store(tmp_path / "store")
    log = [append(store, "prod", Deed(did=Did.SERVES, pipeline="p", run=run), who="ann") for run in served_runs]
    found = sorted(intervals(log), key=lambda each: each.since)
    changes = [
        entry
        for before, entry in zip([None, *log], log, strict=False)
        if not before or before.deed.run != entry.deed.run
    ]
    assert [(each.run, each.since) for each in found] == [(entry.deed.run, entry.at) for entry in changes]
    assert [each.until for each in found] == [*(entry.at for entry in changes[1:]), ""]
