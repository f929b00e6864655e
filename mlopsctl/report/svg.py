"""A graph as an SVG image that stands alone and looks well on light and dark pages."""

from html import escape  # that of xml.sax takes 20 ms to import
from itertools import pairwise

from mlopsctl.report.display import cut, display_width, shown
from mlopsctl.report.graph import Graph, Node, ranks
from mlopsctl.report.layout import Box, Route, lay_out

_MARGIN = 12
_NARROWEST_GAP = 56
_NARROWEST_BOX = 96
_LONGEST_NAME = 30  # columns of text in a box; the title has all of it
_LONGEST_LABEL = 20
_BESIDE_LABEL = 44  # pixels in which the line is seen to go in and out
_NAME_COLUMN, _CAPTION_COLUMN = 8.8, 6.4  # pixels that a column of text needs at most in usual fonts
_ARROW = 7  # pixels
_COLOURS = {  # by kind: fill and line on light pages, then on dark ones
    "data": ("#ddf4ff", "#0969da", "#0c2d4d", "#58a6ff"),
    "train": ("#fbefff", "#8250df", "#2b1a4d", "#bc8cff"),
    "evaluate": ("#fff8c5", "#9a6700", "#3a2a05", "#d9a521"),
    "deploy": ("#dafbe1", "#1a7f37", "#0f2f1a", "#3fb950"),
    "monitor": ("#ffeff7", "#bf3989", "#42162f", "#f778ba"),
    "task": ("#f6f8fa", "#59636e", "#21262d", "#9198a1"),
}


def render_svg(graph: Graph, *, title: str) -> str:
    """An SVG document; `title` is what a screen reader says it is."""
    drawing = lay_out(graph, {node.name: _box_width(node) for node in graph.nodes}, _gaps(graph))
    width, height = (round(side + 2 * _MARGIN) for side in (drawing.width, drawing.height))
    size = f'width="{width}" height="{height}" viewBox="{-_MARGIN} {-_MARGIN} {width} {height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="mlopsctl-graph" role="img" {size}>',
        f"<title>{escape(shown(title))}</title>",
        f"<style>{_style()}</style>",
        *map(_route, drawing.routes),
        *(_box(node, drawing.boxes[node.name]) for node in graph.nodes),
        *(_label(route) for route in drawing.routes if route.edge.label),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _style() -> str:
    scope = ".mlopsctl-graph"
    light = [
        f"{scope} .{kind} rect{{fill:{f};stroke:{s}}}{scope} .{kind} .kind{{fill:{s}}}" for kind, f, s in _tones(0)
    ]
    dark = [f"{scope} .{kind} rect{{fill:{f};stroke:{s}}}{scope} .{kind} .kind{{fill:{s}}}" for kind, f, s in _tones(2)]
    font = "font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',sans-serif"
    rules = [
        f"{scope} text{{{font};fill:#1f2328}}",
        f"{scope} .name{{font-size:14px;font-weight:600}}{scope} .kind{{font-size:11px}}",
        f"{scope} .label{{font-size:11px;text-anchor:middle;paint-order:stroke;stroke:#fff;stroke-width:4px}}",
        f"{scope} rect{{stroke-width:1.25}}",
        f"{scope} .edge{{fill:none;stroke:#818b98;stroke-width:1.5}}{scope} .waits{{stroke-dasharray:5 4}}",
        f"{scope} .tip{{fill:#818b98}}",
        *light,
        "@media (prefers-color-scheme:dark){",
        f"{scope} text{{fill:#f0f6fc}}{scope} .label{{stroke:#0d1117}}",
        *dark,
        "}",
    ]
    return "\n".join(rules)


def _tones(first: int) -> list[tuple[str, str, str]]:
    return [(kind, colours[first], colours[first + 1]) for kind, colours in _COLOURS.items()]


def _box(node: Node, box: Box) -> str:
    full = shown(f"{node.name}: {node.kind}" + (f", {node.note}" if node.note else ""))
    kind = node.kind if node.kind in _COLOURS else "task"
    x, y = box.x + 14, box.y
    return (
        f'<g class="{kind}"><title>{escape(full)}</title>'
        f'<rect x="{box.x:g}" y="{y:g}" width="{box.width:g}" height="{box.height:g}" rx="9"/>'
        f'<text class="name" x="{x:g}" y="{y + 20:g}">{escape(_name(node))}</text>'
        f'<text class="kind" x="{x:g}" y="{y + 36:g}">{escape(_caption(node))}</text></g>'
    )


def _route(route: Route) -> str:
    """A curve through each gap, level where it passes a layer, and a tip at its end."""
    start, _, top = route.stops[0]
    end, _, bottom = route.stops[-1]
    path = [f"M{start:g} {top:g}"]
    for (_, left, upper), (right, level, lower) in pairwise(route.stops):
        reached = right - _ARROW if right == end else right
        middle = (left + reached) / 2
        path.append(f"C{middle:g} {upper:g} {middle:g} {lower:g} {reached:g} {lower:g}")
        if level > right:
            path.append(f"H{level:g}")
    classes = "edge waits" if route.edge.dashed else "edge"
    tip = f"M{end:g} {bottom:g}l{-_ARROW} {-_ARROW / 2:g}v{_ARROW}z"
    return f'<path class="{classes}" d="{"".join(path)}"/><path class="tip" d="{tip}"/>'


def _label(route: Route) -> str:
    (_, left, upper), (right, _, lower) = route.stops[-2:]
    text = escape(cut(shown(route.edge.label), _LONGEST_LABEL))
    return f'<text class="label" x="{(left + right - _ARROW) / 2:g}" y="{(upper + lower) / 2 + 4:g}">{text}</text>'


def _name(node: Node) -> str:
    return cut(shown(node.name), _LONGEST_NAME)


def _caption(node: Node) -> str:
    return cut(shown(f"{node.kind} · {node.note}" if node.note else node.kind), _LONGEST_NAME)


def _box_width(node: Node) -> float:
    name, caption = display_width(_name(node)) * _NAME_COLUMN, display_width(_caption(node)) * _CAPTION_COLUMN
    return max(round(max(name, caption) + 28), _NARROWEST_BOX)


def _gaps(graph: Graph) -> dict[int, float]:
    """How much room is before each layer; labels stand in the last gap that their edge goes through."""
    rank = ranks(graph)
    gaps = dict.fromkeys(rank.values(), float(_NARROWEST_GAP))
    for edge in graph.edges:
        label = display_width(cut(shown(edge.label), _LONGEST_LABEL)) * _CAPTION_COLUMN
        gaps[rank[edge.target]] = max(gaps[rank[edge.target]], round(label + _BESIDE_LABEL))
    return gaps
