"""From the IR to a picture's boxes and arrows."""

from collections.abc import Iterator

from mlopsctl.ir.model import MonitorStage, Pipeline, Stage
from mlopsctl.ir.parts import StageOutput
from mlopsctl.report.graph import Edge, Graph, Node


def graph_of(pipeline: Pipeline) -> Graph:
    """The stages of a pipeline, in the order written, and what each needs of which."""
    edges = {
        (edge.source, edge.target, edge.label): edge for stage in pipeline.stages.values() for edge in _edges(stage)
    }
    return Graph(
        nodes=tuple(Node(stage.name, stage.kind, _note(stage)) for stage in pipeline.stages.values()),
        edges=tuple(edges.values()),
    )


def _edges(stage: Stage) -> Iterator[Edge]:
    for upstream in stage.upstream():
        if isinstance(upstream, StageOutput):
            label = f"{upstream.output}{'[*]' if upstream.every else ''}"
            yield Edge(upstream.stage, stage.name, label)
        else:
            yield Edge(upstream.name, stage.name, "watches" if isinstance(stage, MonitorStage) else "", dashed=True)


def _note(stage: Stage) -> str:
    return "fans out" if stage.each else ""
