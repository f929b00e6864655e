"""Records come back from JSON as they went."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlopsctl.store import Artifact, Release, RunRecord, RunStage, StageRecord, StoreError, canonical_json

KEPT = (StageRecord, RunRecord, Release)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
OBJECT = st.dictionaries(TEXT, st.none() | st.booleans() | NUMBER | TEXT | st.dictionaries(TEXT, TEXT), max_size=3)
ARTIFACT = st.builds(Artifact, TEXT, st.integers(0), st.sampled_from(["file", "folder"]), TEXT)
PLAIN: dict[str, Any] = {
    "checks": st.lists(OBJECT, max_size=2),
    "metrics": st.dictionaries(TEXT, NUMBER, max_size=2),
    "seconds": NUMBER,
}
STAGE = st.builds(
    StageRecord,
    **PLAIN,
    parts=OBJECT.map(lambda value: {name: part for name, part in value.items() if isinstance(part, str | dict)}),
    outputs=st.dictionaries(TEXT, ARTIFACT, max_size=2),
    metrics_document=st.none() | OBJECT,
    data=OBJECT,
    log=st.none() | ARTIFACT,
)
RELEASE = st.builds(Release, model=ARTIFACT, metrics=PLAIN["metrics"], server=OBJECT)
RUN = st.builds(
    RunRecord,
    params=OBJECT,
    stages=st.dictionaries(TEXT, st.builds(RunStage, **PLAIN), max_size=2),
    release=st.none() | RELEASE,
)


@given(record=STAGE | RUN | RELEASE)
def test_a_record_comes_back(record: StageRecord | RunRecord | Release) -> None:
    document = json.loads(canonical_json(record.to_json()))
    assert document["version"] == 1
    assert type(record).from_json(document) == record


@pytest.mark.parametrize("kind", KEPT, ids=lambda kind: kind.what)
def test_a_newer_record_asks_for_an_upgrade(kind: type[StageRecord | RunRecord | Release]) -> None:
    with pytest.raises(StoreError, match="has version 2, and this mlopsctl reads up to version 1") as fault:
        kind.from_json({"version": 2})
    assert fault.value.hint == "upgrade mlopsctl"


@pytest.mark.parametrize("kind", KEPT, ids=lambda kind: kind.what)
@pytest.mark.parametrize(
    "document", [{}, {"version": 1}, {"version": "1"}, {"version": 1, "stages": [], "model": 3, "outputs": 3}], ids=str
)
def test_what_is_no_record(kind: type[StageRecord | RunRecord | Release], document: dict[str, object]) -> None:
    with pytest.raises(StoreError, match=f"not a {kind.what}"):
        kind.from_json(document)


@given(record=RELEASE)
def test_what_a_record_does_not_know_it_leaves_out(record: Release) -> None:
    assert Release.from_json({**record.to_json(), "later": 1}) == record
