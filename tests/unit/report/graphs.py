"""Graphs of different sizes."""

from mlopsctl.report.graph import Edge, Graph, Node

FIVE = Graph(
    (
        Node("flights", "data"),
        Node("holdout", "data"),
        Node("model", "train", "40 trials"),
        Node("quality", "evaluate", "4 gates"),
        Node("serve", "deploy"),
        Node("drift", "monitor", "every 30 minutes"),
    ),
    (
        Edge("flights", "model"),
        Edge("model", "quality"),
        Edge("holdout", "quality"),
        Edge("model", "serve"),
        Edge("quality", "serve", dashed=True),
        Edge("serve", "drift"),
        Edge("flights", "drift", "reference"),
    ),
)
TWELVE = Graph(
    (
        Node("orders", "data"),
        Node("customers", "data"),
        Node("web-events", "data"),
        Node("features", "task"),
        Node("split", "task", "2 outputs"),
        Node("linear", "train"),
        Node("trees", "train", "40 trials"),
        Node("network", "train", "4 nodes"),
        Node("choose", "task"),
        Node("quality", "evaluate", "6 gates"),
        Node("serve", "deploy"),
        Node("drift", "monitor"),
    ),
    (
        *(Edge(source, "features") for source in ("orders", "customers", "web-events")),
        Edge("features", "split"),
        *(Edge("split", model, "train") for model in ("linear", "trees", "network")),
        *(Edge(model, "choose") for model in ("linear", "trees", "network")),
        Edge("choose", "quality"),
        Edge("split", "quality", "test"),
        Edge("choose", "serve"),
        Edge("quality", "serve", dashed=True),
        Edge("serve", "drift"),
        Edge("features", "drift", "reference"),
    ),
)
_REGIONS = ("north", "south", "east", "west", "coast", "islands", "capital", "airports")
FIFTY = Graph(
    (
        Node("flights", "data"),
        Node("weather", "data"),
        Node("features", "task"),
        *(Node(f"train-{region}", "train") for region in _REGIONS),
        *(Node(f"holdout-{region}", "data") for region in _REGIONS),
        *(Node(f"quality-{region}", "evaluate", "3 gates") for region in _REGIONS),
        *(Node(f"serve-{region}", "deploy") for region in _REGIONS),
        *(Node(f"drift-{region}", "monitor") for region in _REGIONS),
        Node("report", "task"),
        Node("costs", "task"),
        Node("fairness", "evaluate"),
        Node("ensemble", "train"),
        Node("ensemble-quality", "evaluate"),
        Node("ensemble-serve", "deploy"),
        Node("archive", "task"),
    ),
    (
        Edge("flights", "features"),
        Edge("weather", "features"),
        *(Edge("features", f"train-{region}") for region in _REGIONS),
        *(Edge(f"train-{region}", f"quality-{region}") for region in _REGIONS),
        *(Edge(f"holdout-{region}", f"quality-{region}") for region in _REGIONS),
        *(Edge(f"train-{region}", f"serve-{region}") for region in _REGIONS),
        *(Edge(f"quality-{region}", f"serve-{region}", dashed=True) for region in _REGIONS),
        *(Edge(f"serve-{region}", f"drift-{region}") for region in _REGIONS),
        *(Edge(f"quality-{region}", "report") for region in _REGIONS[:4]),
        Edge("report", "archive"),
        Edge("features", "costs"),
        Edge("train-north", "fairness"),
        *(Edge(f"train-{region}", "ensemble") for region in _REGIONS[::3]),
        Edge("ensemble", "ensemble-quality"),
        Edge("ensemble", "ensemble-serve"),
        Edge("ensemble-quality", "ensemble-serve", dashed=True),
    ),
)
GRAPHS = {"five": FIVE, "twelve": TWELVE, "fifty": FIFTY}
