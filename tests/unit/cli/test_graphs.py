"""What is drawn of a pipeline: every stage once, every reason to wait once."""

from mlopsctl.cli.graphs import graph_of
from tests.unit.ir.documents import stages

PIPELINE = stages("""\
data: {kind: data, source: d.csv}
parts: {kind: task, run: go, inputs: {d: data}, outputs: {list: l.json, t: t.csv}}
model: {kind: train, run: go, inputs: {d: parts.t, again: parts.t}, outputs: {m: m}, each: {part: parts.list}}
quality: {kind: evaluate, run: go, inputs: {m: "model[*]"}}
serve: {kind: deploy, model: model.m, requires: [quality], server: {format: sklearn}}
drift: {kind: monitor, watches: serve, reference: data}
""")


def test_stages_are_boxes_in_the_order_written() -> None:
    found = [(node.name, node.kind, node.note) for node in graph_of(PIPELINE).nodes]
    assert found == [
        ("data", "data", ""),
        ("parts", "task", ""),
        ("model", "train", "fans out"),
        ("quality", "evaluate", ""),
        ("serve", "deploy", ""),
        ("drift", "monitor", ""),
    ]


def test_what_a_stage_needs_is_an_arrow_once() -> None:
    found = [(edge.source, edge.target, edge.label, edge.dashed) for edge in graph_of(PIPELINE).edges]
    assert found == [
        ("data", "parts", "", False),
        ("parts", "model", "t", False),
        ("parts", "model", "list", False),
        ("model", "quality", "[*]", False),
        ("model", "serve", "m", False),
        ("quality", "serve", "", True),
        ("serve", "drift", "watches", True),
        ("data", "drift", "", False),
    ]
