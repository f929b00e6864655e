"""Plans made at random, and small ones made by hand."""

from dataclasses import replace
from typing import Any, Final

from hypothesis import strategies as st

from mlopsctl.diagnostics import Position, Span
from mlopsctl.manifest import DIGEST, Document, Key
from mlopsctl.plan.model import (
    ABSENT,
    Action,
    Check,
    Drift,
    Effect,
    FieldChange,
    Inventory,
    ObjectChange,
    Plan,
    Provenance,
    StageChange,
    Target,
)
from mlopsctl.store import digest_json
from tests.unit.plan.documents import SCALARS, VALUES

TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
COUNTS = st.integers(0, 2**53)
POSITIONS = st.builds(Position, st.integers(1, 999), st.integers(1, 200))
SPANS = st.builds(Span, TEXTS, POSITIONS, POSITIONS)
KEYS = st.builds(Key, TEXTS, st.sampled_from(["ConfigMap", "Secret", "Role"]), TEXTS, TEXTS)
FIELDS = st.builds(
    FieldChange,
    path=TEXTS,
    before=VALUES | st.just(ABSENT),
    after=VALUES | st.just(ABSENT),
    place=st.none() | SPANS,
)
MANY_FIELDS = st.lists(FIELDS, max_size=3).map(tuple)
WANTED = VALUES.map(lambda spec: {"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "é"}, "spec": spec})
CHANGES = st.builds(
    ObjectChange,
    action=st.sampled_from(Action),
    key=KEYS,
    api_version=TEXTS,
    pipeline=TEXTS,
    stage=TEXTS,
    origin=st.none() | SPANS,
    fields=MANY_FIELDS,
    wanted=st.none() | WANTED,
    uid=TEXTS,
    version=TEXTS,
    is_predicted=st.booleans(),
    note=TEXTS,
)
PARTS = st.dictionaries(TEXTS, SCALARS, max_size=3)
STAGES = st.builds(
    StageChange,
    pipeline=TEXTS,
    stage=TEXTS,
    kind=TEXTS,
    effect=st.sampled_from(Effect),
    reason=TEXTS,
    moved=st.lists(TEXTS, max_size=2).map(tuple),
    before=PARTS,
    after=PARTS,
    last=st.none() | st.floats(0, 1e9),
)
PLANS = st.builds(
    Plan,
    target=st.builds(Target, environment=TEXTS, context=TEXTS, server=TEXTS, namespace=TEXTS, cluster=TEXTS),
    provenance=st.builds(
        Provenance, project=TEXTS, version=TEXTS, commit=TEXTS, branch=TEXTS, changed_files=COUNTS, made=TEXTS
    ),
    inventory=st.builds(Inventory, id=TEXTS, version=TEXTS, size=COUNTS),
    drift=st.lists(
        st.builds(Drift, key=KEYS, manager=TEXTS, at=TEXTS, fields=MANY_FIELDS, is_reverted=st.booleans()), max_size=2
    ).map(tuple),
    changes=st.lists(CHANGES, max_size=3).map(tuple),
    unchanged=COUNTS,
    stages=st.lists(STAGES, max_size=2).map(tuple),
    checks=st.lists(st.builds(Check, pipeline=TEXTS, stage=TEXTS, what=TEXTS), max_size=2).map(tuple),
)


def span(line: int) -> Span:
    return Span("pipeline.yaml", Position(line, 1), Position(line, 9))


def config(name: str, **data: str) -> Document:
    """A ConfigMap as it is applied, with its stamp."""
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "team"}, "data": data}
    stamps = {"annotations": {DIGEST: digest_json(document)}}
    return {**document, "metadata": {"name": name, "namespace": "team", **stamps}}


def change(action: Action, name: str, *fields: FieldChange, **parts: Any) -> ObjectChange:
    lives = action is not Action.CREATE
    known: dict[str, Any] = {
        "api_version": "v1",
        "pipeline": "flights",
        "stage": "",
        "origin": span(3),
        "wanted": None if action is Action.DELETE else config(name),
        "uid": f"uid-{name}" if lives else "",
        "version": "7" if lives else "",
        "is_predicted": True,
        "key": Key("", "ConfigMap", "team", name),
    }
    return ObjectChange(action=action, fields=fields, **known | parts)


EMPTY: Final = Plan(
    target=Target(
        environment="staging", context="staging", server="https://10.0.0.1:6443", namespace="team", cluster="uid-1"
    ),
    provenance=Provenance(
        project="flights",
        version="0.1.0",
        commit="3f2c91a",
        branch="main",
        changed_files=0,
        made="2026-11-03T14:02:11Z",
    ),
    inventory=Inventory(id="applyset-1-v1", version="17", size=12),
    drift=(),
    changes=(),
    unchanged=0,
    stages=(),
    checks=(),
)


def plan(*changes: ObjectChange, unchanged: int = 0) -> Plan:
    return replace(EMPTY, changes=changes, unchanged=unchanged)
