"""Where the boxes and lines of a drawn graph lie.

The method is that of Sugiyama, Tagawa and Toda, "Methods for Visual Understanding of Hierarchical System Structures",
IEEE Transactions on Systems, Man, and Cybernetics 11 (1981): layers by longest path, a place of its own for a line in
each layer that it passes, an order within layers by barycentres, then coordinates. The last step puts all of a layer as
near to their neighbours as order and distances allow, which is isotonic regression by pooling adjacent violators.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, combinations, pairwise

from mlopsctl.frozen import frozen
from mlopsctl.report.graph import Edge, Graph, ranks

BOX_HEIGHT = 46
_BETWEEN_BOXES = 22  # pixels, as all distances here
_BETWEEN_LINES = 14
_SWEEPS = 12
_STRAIGHTNESS = 4  # how much more a line wants to stay where its neighbours are than a box does


@frozen
class Box:
    """The rectangle of a node, from its upper left corner."""

    x: float
    y: float
    width: float
    height: float = BOX_HEIGHT


@frozen
class Route:
    """The way of an edge: through the gaps it curves, along the stretches in between it is level.

    `stops` are (from x, to x, y) for the source's side, each layer passed and the target's side.
    """

    edge: Edge
    stops: tuple[tuple[float, float, float], ...]


@frozen
class Drawing:
    """All that is to be drawn and how large it is; nothing lies left of or above 0."""

    boxes: dict[str, Box]
    routes: tuple[Route, ...]
    width: float
    height: float


@dataclass(slots=True)
class _Layers:
    """Nodes and the places of lines, by layer from left to right and from top to bottom."""

    order: list[list[int]]  # numbers of places
    node: list[str | None] = field(default_factory=list)  # of a place; None where a line passes
    chains: list[list[int]] = field(default_factory=list)  # the places of each edge, source to target

    def links(self) -> list[tuple[int, int]]:
        return [link for chain in self.chains for link in pairwise(chain)]

    def add(self, layer: int, node: str | None) -> int:
        self.node.append(node)
        self.order[layer].append(len(self.node) - 1)
        return len(self.node) - 1


def lay_out(graph: Graph, widths: Mapping[str, float], gaps: Mapping[int, float]) -> Drawing:
    """A drawing of `graph` from left to right. `widths` are those of the boxes, `gaps` lie before the layers.

    The same graph gives the same drawing. Raises ValueError if there is a cycle.
    """
    if not graph.nodes:
        return Drawing({}, (), 0, 0)
    layers = _layers(graph)
    _untangle(layers)
    centres = _centres(layers)
    columns = [
        max((widths[name] for place in layer if (name := layers.node[place]) is not None), default=0)
        for layer in layers.order
    ]
    steps = [width + gaps[number + 1] for number, width in enumerate(columns[:-1])]
    lefts = list(accumulate(steps, initial=0.0))
    boxes: dict[str, Box] = {}
    for layer, left, column in zip(layers.order, lefts, columns, strict=True):
        for place in layer:
            name = layers.node[place]
            if name is not None:
                boxes[name] = Box(left, centres[place] - BOX_HEIGHT / 2, column)
    at = {place: index for index, layer in enumerate(layers.order) for place in layer}
    ports = _ports(layers, centres)
    routes = []
    for number, (edge, chain) in enumerate(zip(graph.edges, layers.chains, strict=True)):
        first, *passed, last = chain
        start = lefts[at[first]] + columns[at[first]]
        bends = [(lefts[at[place]], lefts[at[place]] + columns[at[place]], centres[place]) for place in passed]
        leaves, enters = (start, start, ports[number, first]), (lefts[at[last]], lefts[at[last]], ports[number, last])
        routes.append(Route(edge, (leaves, *bends, enters)))
    height = max((box.y + box.height for box in boxes.values()), default=0)
    lowest = max((y for route in routes for _, _, y in route.stops), default=0)
    return Drawing(boxes, tuple(routes), lefts[-1] + columns[-1], max(height, lowest))


def _layers(graph: Graph) -> _Layers:
    rank = ranks(graph)
    layers = _Layers([[] for _ in range(max(rank.values(), default=-1) + 1)])
    places = {node.name: layers.add(rank[node.name], node.name) for node in graph.nodes}
    for edge in graph.edges:
        passed = [layers.add(layer, None) for layer in range(rank[edge.source] + 1, rank[edge.target])]
        layers.chains.append([places[edge.source], *passed, places[edge.target]])
    return layers


def _untangle(layers: _Layers) -> None:
    """Order each layer by the barycentres of its neighbours, to and fro, and keep what crosses least."""
    links = layers.links()
    before, after = _neighbours(links)
    best, fewest = [list(layer) for layer in layers.order], _crossings(layers.order, links)
    for sweep in range(_SWEEPS):
        order, neighbours = (layers.order, before) if sweep % 2 == 0 else (layers.order[::-1], after)
        for fixed, moving in pairwise(order):
            rank = {place: index for index, place in enumerate(fixed)}
            own = {place: index for index, place in enumerate(moving)}
            moving.sort(key=lambda place: _mean([rank[each] for each in neighbours.get(place, ())], own[place]))
        crossings = _crossings(layers.order, links)
        if crossings < fewest:
            best, fewest = [list(layer) for layer in layers.order], crossings
    layers.order = best


def _crossings(order: Sequence[Sequence[int]], links: Sequence[tuple[int, int]]) -> int:
    layer = {place: number for number, places in enumerate(order) for place in places}
    rank = {place: index for places in order for index, place in enumerate(places)}
    by_gap: dict[int, list[tuple[int, int]]] = {}
    for source, target in links:
        by_gap.setdefault(layer[source], []).append((rank[source], rank[target]))
    return sum((a - c) * (b - d) < 0 for gap in by_gap.values() for (a, b), (c, d) in combinations(gap, 2))


def _centres(layers: _Layers) -> dict[int, float]:
    """How far down the middle of each place is."""
    before, after = _neighbours(layers.links())
    centres = {place: y for layer in layers.order for place, y in zip(layer, _distances(layers, layer), strict=True)}
    for sweep in range(_SWEEPS):
        order, neighbours = (layers.order, before) if sweep % 2 == 0 else (layers.order[::-1], after)
        for layer in order:
            wanted = [_mean([centres[each] for each in neighbours.get(place, ())], centres[place]) for place in layer]
            weights = [_STRAIGHTNESS if layers.node[place] is None else 1 for place in layer]
            centres.update(zip(layer, _nearest(wanted, weights, _distances(layers, layer)), strict=True))
    top = min((y - (0 if layers.node[place] is None else BOX_HEIGHT / 2) for place, y in centres.items()), default=0)
    return {place: round(y - top, 1) for place, y in centres.items()}


def _distances(layers: _Layers, layer: Sequence[int]) -> list[float]:
    """How far below the first place of a layer each must at least be."""
    gaps = []
    for upper, lower in pairwise(layer):
        boxes = [layers.node[place] for place in (upper, lower)].count(None)
        gaps.append([BOX_HEIGHT + _BETWEEN_BOXES, BOX_HEIGHT / 2 + _BETWEEN_BOXES, _BETWEEN_LINES][boxes])
    return list(accumulate(gaps, initial=0.0))


def _nearest(wanted: Sequence[float], weights: Sequence[float], distances: Sequence[float]) -> list[float]:
    """The positions nearest to the wanted ones, by least squares, that keep their order and distances."""
    pools: list[tuple[float, float, int]] = []  # mean, weight and how many
    for want, weight, distance in zip(wanted, weights, distances, strict=True):
        mean, total, count = want - distance, float(weight), 1
        while pools and pools[-1][0] > mean:
            other, heft, more = pools.pop()
            mean, total, count = (mean * total + other * heft) / (total + heft), total + heft, count + more
        pools.append((mean, total, count))
    flat = [mean for mean, _, count in pools for _ in range(count)]
    return [position + distance for position, distance in zip(flat, distances, strict=True)]


def _ports(layers: _Layers, centres: Mapping[int, float]) -> dict[tuple[int, int], float]:
    """How far down each edge leaves its source and enters its target, so that edges don't lie on each other."""
    sides: dict[tuple[int, bool], list[tuple[float, int]]] = {}
    for number, chain in enumerate(layers.chains):
        sides.setdefault((chain[0], True), []).append((centres[chain[1]], number))
        sides.setdefault((chain[-1], False), []).append((centres[chain[-2]], number))
    ports = {}
    for (place, _), ends in sides.items():
        step = min(9.0, (BOX_HEIGHT - 18) / max(len(ends) - 1, 1))
        for index, (_, number) in enumerate(sorted(ends)):
            ports[number, place] = round(centres[place] + (index - (len(ends) - 1) / 2) * step, 1)
    return ports


def _neighbours(links: Sequence[tuple[int, int]]) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    before: dict[int, list[int]] = {}
    after: dict[int, list[int]] = {}
    for source, target in links:
        before.setdefault(target, []).append(source)
        after.setdefault(source, []).append(target)
    return before, after


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
