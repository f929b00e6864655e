"""The stages of a pipeline and what they read of each other, for the terminal and for Mermaid."""

from collections.abc import Iterator
from graphlib import TopologicalSorter

from mlopsctl.frozen import frozen
from mlopsctl.report.display import display_width, padded, shown, wrapped

_NARROWEST = 24  # columns for what a stage reads, even if the terminal is narrower
_MERMAID_COLOURS = {
    "data": "fill:#ddf4ff,stroke:#0969da,color:#1f2328",
    "train": "fill:#fbefff,stroke:#8250df,color:#1f2328",
    "evaluate": "fill:#fff8c5,stroke:#9a6700,color:#1f2328",
    "deploy": "fill:#dafbe1,stroke:#1a7f37,color:#1f2328",
    "monitor": "fill:#ffeff7,stroke:#bf3989,color:#1f2328",
    "task": "fill:#f6f8fa,stroke:#59636e,color:#1f2328",
}


@frozen
class Node:
    """A stage; `note` is a short remark that is shown with its kind."""

    name: str
    kind: str
    note: str = ""


@frozen
class Edge:
    """`target` needs `source`: reads what it made or, dashed, only waits for it. `label` says what is read."""

    source: str
    target: str
    label: str = ""
    dashed: bool = False


@frozen
class Graph:
    """Nodes in the order of the file; edges name nodes that are there, and there is no cycle."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def ranks(graph: Graph) -> dict[str, int]:
    """How many steps are before each node on the longest way to it; 0 for those that need nothing.

    Raises graphlib.CycleError, which is a ValueError, if there is a cycle.
    """
    sources: dict[str, list[str]] = {node.name: [] for node in graph.nodes}
    for edge in graph.edges:
        sources[edge.target].append(edge.source)
    found: dict[str, int] = {}
    for name in TopologicalSorter(sources).static_order():
        found[name] = max((found[source] + 1 for source in sources[name]), default=0)
    return found


def render_text(graph: Graph, *, width: int) -> str:
    """A line for each stage: the step it belongs to, name, kind, and after an arrow what it reads.

    Stages of one step don't need each other; the number of the step stands before the first of them.
    """
    if not graph.nodes:
        return ""
    step = ranks(graph)
    ordered = sorted(graph.nodes, key=lambda node: step[node.name])
    digits = len(str(max(step.values()) + 1))
    names = max(display_width(shown(node.name)) for node in ordered)
    kinds = max(display_width(_caption(node)) for node in ordered)
    lines: list[str] = []
    before = -1
    for node in ordered:
        number = str(step[node.name] + 1) if step[node.name] != before else ""
        before = step[node.name]
        head = f"{number:>{digits}}  {padded(shown(node.name), names)}  {padded(_caption(node), kinds)}  "
        lines.extend(_hanging(head, _needs(graph, node.name), width))
    return "\n".join(lines) + "\n"


def render_mermaid(graph: Graph) -> str:
    """A Mermaid flowchart from left to right, with a class for each kind."""
    identifiers = {node.name: f"s{number}" for number, node in enumerate(graph.nodes)}
    lines = ["flowchart LR"]
    for node in graph.nodes:
        text = f"{_mermaid(node.name)}<br/><small>{_mermaid(_caption(node))}</small>"
        known = f":::{node.kind}" if node.kind in _MERMAID_COLOURS else ""
        lines.append(f'  {identifiers[node.name]}(["{text}"]){known}')
    for edge in graph.edges:
        arrow = "-.->" if edge.dashed else "-->"
        label = f'|"{_mermaid(edge.label)}"|' if edge.label else ""
        lines.append(f"  {identifiers[edge.source]} {arrow}{label} {identifiers[edge.target]}")
    kinds = sorted({node.kind for node in graph.nodes} & _MERMAID_COLOURS.keys())
    lines.extend(f"  classDef {kind} {_MERMAID_COLOURS[kind]}" for kind in kinds)
    return "\n".join(lines) + "\n"


def _caption(node: Node) -> str:
    return shown(f"{node.kind} · {node.note}" if node.note else node.kind)


def _needs(graph: Graph, name: str) -> str:
    edges = [edge for edge in graph.edges if edge.target == name]
    read = dict.fromkeys(_read(edge) for edge in edges if not edge.dashed)
    awaited = dict.fromkeys(shown(edge.source) for edge in edges if edge.dashed)
    parts = [f"← {', '.join(read)}" if read else "", f"after {', '.join(awaited)}" if awaited else ""]
    return " · ".join(part for part in parts if part)


def _read(edge: Edge) -> str:
    return shown(f"{edge.source} ({edge.label})" if edge.label else edge.source)


def _hanging(head: str, text: str, width: int) -> Iterator[str]:
    indent = display_width(head)
    first, *others = wrapped(text, max(width - indent, _NARROWEST))
    yield f"{head}{first}".rstrip()
    yield from (f"{' ' * indent}  {line}" for line in others)


def _mermaid(text: str) -> str:
    """Text that Mermaid takes for nothing but text."""
    return "".join(f"#{ord(each)};" if each in '"#&<>`|\\' else each for each in shown(text))
