"""A graph as text, as Mermaid and as SVG."""

import re
from graphlib import CycleError
from itertools import combinations, pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from mlopsctl.report.display import display_width
from mlopsctl.report.graph import Edge, Graph, Node, ranks, render_mermaid, render_text
from mlopsctl.report.layout import BOX_HEIGHT, Drawing, lay_out
from mlopsctl.report.svg import render_svg
from tests.unit.report.graphs import FIVE, GRAPHS, TWELVE

GAP = 50


@pytest.mark.parametrize("name", GRAPHS)
def test_text(name: str, snapshot: SnapshotAssertion) -> None:
    text = render_text(GRAPHS[name], width=80)
    assert text == snapshot
    assert max(map(display_width, text.splitlines())) <= 80


def test_mermaid(snapshot: SnapshotAssertion) -> None:
    assert render_mermaid(FIVE) == snapshot


@pytest.mark.parametrize("name", ["five", "twelve"])
def test_svg(name: str, snapshot: SnapshotAssertion) -> None:
    assert render_svg(GRAPHS[name], title="flight-delays") == snapshot


def test_a_cycle_is_refused() -> None:
    with pytest.raises(CycleError):
        ranks(Graph((Node("a", "task"), Node("b", "task")), (Edge("a", "b"), Edge("b", "a"))))


def test_an_empty_graph_is_drawn_as_nothing() -> None:
    assert render_text(Graph((), ()), width=80) == ""
    assert ET.fromstring(render_svg(Graph((), ()), title="")).get("width") == "24"


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Any graph without a cycle; names and remarks may be anything."""
    texts = st.text(st.characters(), max_size=40)
    names = draw(st.lists(texts, max_size=14, unique=True))
    nodes = tuple(Node(name, draw(st.sampled_from(["data", "train", "strange kind"])), draw(texts)) for name in names)
    pairs = list(combinations(names, 2))
    chosen = draw(st.lists(st.sampled_from(pairs), max_size=30)) if pairs else []
    edges = tuple(Edge(source, target, draw(texts), draw(st.booleans())) for source, target in chosen)
    return Graph(tuple(draw(st.permutations(nodes))), edges)


def drawn(graph: Graph) -> Drawing:
    gaps = dict.fromkeys(ranks(graph).values(), float(GAP))
    return lay_out(graph, {node.name: 100.0 for node in graph.nodes}, gaps)


@given(graph=graphs())
def test_boxes_keep_apart(graph: Graph) -> None:
    for one, other in combinations(drawn(graph).boxes.values(), 2):
        assert abs(one.x - other.x) >= one.width + GAP or abs(one.y - other.y) >= BOX_HEIGHT + 10


@given(graph=graphs())
def test_edges_go_from_box_to_box_and_through_none(graph: Graph) -> None:
    drawing = drawn(graph)
    for route in drawing.routes:
        source, target = drawing.boxes[route.edge.source], drawing.boxes[route.edge.target]
        (start, _, leaves), *passed, (end, _, enters) = route.stops
        assert start == source.x + source.width
        assert end == target.x
        assert source.y < leaves < source.y + BOX_HEIGHT
        assert target.y < enters < target.y + BOX_HEIGHT
        for (_, before, _), (after, _, _) in pairwise(route.stops):
            assert after - before == GAP  # curves are in the gaps between layers only, where no box is
        for left, right, y in passed:
            crossed = [box for box in drawing.boxes.values() if left < box.x + box.width and box.x < right]
            assert all(y < box.y or y > box.y + BOX_HEIGHT for box in crossed)


@given(graph=graphs())
def test_all_lies_within_the_drawing(graph: Graph) -> None:
    drawing = drawn(graph)
    for box in drawing.boxes.values():
        assert box.x >= 0
        assert box.y >= 0
        assert box.x + box.width <= drawing.width
        assert box.y + box.height <= drawing.height + 0.1
    for route in drawing.routes:
        assert all(0 <= y <= drawing.height for _, _, y in route.stops)


@given(graph=graphs())
def test_svg_is_well_formed_and_says_all_names(graph: Graph) -> None:
    root = ET.fromstring(render_svg(graph, title="a <title> & more"))
    titles = [title.text or "" for title in root.iter("{http://www.w3.org/2000/svg}title")]
    assert titles[0] == "a <title> & more"
    assert len(titles) == 1 + len(graph.nodes)


@given(graph=graphs(), width=st.integers(0, 200))
def test_text_is_printable(graph: Graph, width: int) -> None:
    assert all(line.isprintable() for line in render_text(graph, width=width).split("\n"))


@given(graph=graphs())
def test_mermaid_has_a_line_for_each_node_and_edge_whatever_their_names(graph: Graph) -> None:
    lines = render_mermaid(graph).splitlines()
    nodes = [line for line in lines if re.fullmatch(r'  s\d+\(\["[^"]*<br/><small>[^"<>]*</small>"\]\)(:::\w+)?', line)]
    edges = [line for line in lines if re.fullmatch(r'  s\d+ -[-.]+>(\|"[^"<>|]*"\|)? s\d+', line)]
    assert (len(nodes), len(edges)) == (len(graph.nodes), len(graph.edges))


def test_edges_enter_a_box_in_the_order_they_come() -> None:
    stops = [route.stops[-2:] for route in drawn(TWELVE).routes if route.edge.target == "choose"]
    entered = [enters for _, (_, _, enters) in sorted(stops, key=lambda pair: pair[0][2])]
    assert entered == sorted(entered)


def test_lines_that_need_not_cross_do_not() -> None:
    nodes = tuple(Node(name, "task") for name in "abcxyz")
    graph = Graph(nodes, (Edge("a", "z"), Edge("b", "y"), Edge("c", "x")))
    for one, other in combinations(drawn(graph).routes, 2):
        assert (one.stops[0][2] < other.stops[0][2]) == (one.stops[1][2] < other.stops[1][2])
