"""Which data, code and requirements led to which runs, models and endpoints: one set of edges, asked both ways.

A node is a thing by its digest, a run, a commit, or a release at an endpoint. An edge leads from what was there before
to what came of it, so that what is found forward from one node is what that node is found back from.
"""

from collections.abc import Iterable, Iterator

from mlopsctl.engine.origins import made_by, read_by
from mlopsctl.frozen import frozen
from mlopsctl.release.history import History, Served
from mlopsctl.store import Artifact, RunRecord, RunStage

_USED = ("code", "requirements")
_DIGESTED = ("artifact", *_USED)


@frozen(order=True)
class Node:
    """`kind` is `artifact`, `code`, `requirements`, `commit`, `run` or `endpoint`."""

    kind: str
    id: str


Edge = tuple[Node, Node]


@frozen(kw_only=True)
class Data:
    """A thing with this digest in a run; `stage` made it. `trains` says whether models of the run were made from it."""

    stage: str
    artifact: Artifact
    rows: int | None
    trains: bool


@frozen(kw_only=True)
class Seen:
    """A run that saw something, as what its stages named `stages` made or read.

    `models` are those of its models that were made from it; of a run without any it was only judged with. `served` are
    the releases of the run, or of others with these models. `rejected` says why the run was, if it was.
    """

    run: RunRecord
    stages: tuple[str, ...]
    models: tuple[Artifact, ...]
    served: tuple[Served, ...]
    rejected: str | None


@frozen(kw_only=True)
class WayOut:
    """What serves and saw it, and the newest earlier release there that never did; `run` is empty if there is none."""

    served: Served
    run: str


@frozen(kw_only=True)
class Forward:
    """What came of something; `names` are what its files were called."""

    digest: str
    names: tuple[str, ...]
    rows: int | None
    seen: tuple[Seen, ...]
    ways_out: tuple[WayOut, ...]


@frozen(kw_only=True)
class Back:
    """Where a run's models came from. `served` are the endpoints that its release is or was at."""

    run: RunRecord
    models: tuple[Artifact, ...]
    data: tuple[Data, ...]
    requirements: tuple[str, ...]
    served: tuple[Served, ...]
    rejected: str | None


@frozen
class Lineage:
    """The edges of a history, to be followed from any node."""

    history: History
    onward: dict[Node, frozenset[Node]]
    backward: dict[Node, frozenset[Node]]

    def forward(self, node: Node) -> frozenset[Node]:
        """All that came of it, itself not counted."""
        return _reached(self.onward, node)

    def back(self, node: Node) -> frozenset[Node]:
        """All that it came from, itself not counted."""
        return _reached(self.backward, node)


def lineage_of(history: History) -> Lineage:
    """The lineage of all that a history knows."""
    onward: dict[Node, set[Node]] = {}
    backward: dict[Node, set[Node]] = {}
    for before, after in _edges(history):
        onward.setdefault(before, set()).add(after)
        backward.setdefault(after, set()).add(before)
    return Lineage(
        history,
        {node: frozenset(found) for node, found in onward.items()},
        {node: frozenset(found) for node, found in backward.items()},
    )


def endpoint(served: Served) -> Node:
    """The node of a release where it serves or served."""
    return Node("endpoint", f"{served.environment}/{served.pipeline}/{served.run}")


def digests(lineage: Lineage, beginning: str) -> list[str]:
    """The digests of things that begin so, with or without `sha256:`."""
    whole = beginning if beginning.startswith("sha256:") else f"sha256:{beginning}"
    nodes = {*lineage.onward, *lineage.backward}
    return sorted({node.id for node in nodes if node.kind in _DIGESTED and node.id.startswith(whole)})


def forward_from(lineage: Lineage, digest: str) -> Forward:
    """What came of the thing with this digest: runs, models and endpoints, the newest run first."""
    reached = frozenset.union(
        *(lineage.forward(Node(kind, digest)) for kind in _DIGESTED), frozenset({Node("artifact", digest)})
    )
    history = lineage.history
    seen = tuple(_seen(history, run, reached, digest) for run in history.runs if Node("run", run.run) in reached)
    own = [(each, rows) for run in history.runs for _, each, rows in _made(run) if each.digest == digest]
    now = [served for served in history.served if served.is_now and endpoint(served) in reached]
    return Forward(
        digest=digest,
        names=tuple(dict.fromkeys(artifact.name for artifact, _ in own)),
        rows=next((rows for _, rows in own if rows is not None), None),
        seen=seen,
        ways_out=tuple(WayOut(served=served, run=_way_out(history, served, reached)) for served in now),
    )


def back_from(lineage: Lineage, run: RunRecord) -> Back:
    """Where a run's models came from, and where they serve."""
    history = lineage.history
    models = tuple(_models(run))
    before = frozenset[Node]().union(*(lineage.back(Node("artifact", model.digest)) for model in models))
    data = (
        Data(stage=name, artifact=made, rows=rows, trains=Node("artifact", made.digest) in before)
        for name, made, rows in _made(run)
        if run.stages[name].kind == "data"
    )
    requirements = (str(stage.made_from.get("requirements", "")) for stage in run.stages.values())
    return Back(
        run=run,
        models=models,
        data=tuple(data),
        requirements=tuple(sorted({digest for digest in requirements if digest})),
        served=tuple(served for served in history.served if served.run == run.run),
        rejected=history.rejected.get(run.run),
    )


def _edges(history: History) -> Iterator[Edge]:
    for run in history.runs:
        yield from _edges_of(run)
    for served in history.served:
        yield Node("run", served.run), endpoint(served)
        yield Node("artifact", served.model), endpoint(served)


def _edges_of(run: RunRecord) -> Iterator[Edge]:
    node = Node("run", run.run)
    if run.commit:
        yield Node("commit", run.commit), node
    for before, after in made_by(run.stages):
        yield Node("artifact", before), Node("artifact", after)
    for stage in run.stages.values():
        made = [Node("artifact", output.digest) for output in stage.outputs.values()]
        used = [Node(kind, str(stage.made_from[kind])) for kind in _USED if stage.made_from.get(kind)]
        # What a stage made of it may be the same by chance, as metrics are: that is no way from one run to another.
        brought = made if stage.kind == "data" else []
        read = [Node("artifact", digest) for digest in read_by(stage)]
        yield from ((each, node) for each in (*brought, *used, *read))
        if stage.kind != "deploy":  # which makes nothing: it passes a model on
            yield from ((each, output) for each in used for output in made)


def _reached(edges: dict[Node, frozenset[Node]], start: Node) -> frozenset[Node]:
    found: set[Node] = set()
    new = set(edges.get(start, frozenset()))
    while new:
        found |= new
        new = {after for node in new for after in edges.get(node, frozenset())} - found
    return frozenset(found - {start})


def _seen(history: History, run: RunRecord, reached: frozenset[Node], digest: str) -> Seen:
    models = tuple(model for model in _models(run) if Node("artifact", model.digest) in reached)
    own = {model.digest for model in models}
    stages = (name for name, stage in run.stages.items() if digest in _touched(stage))
    served = (each for each in history.served if each.run == run.run or each.model in own)
    return Seen(
        run=run,
        stages=tuple(stages),
        models=models,
        served=tuple(served),
        rejected=history.rejected.get(run.run),
    )


def _way_out(history: History, served: Served, reached: frozenset[Node]) -> str:
    """The newest earlier release of the endpoint that never saw it."""
    there = (served.environment, served.pipeline)
    earlier = [
        each
        for each in history.served
        if (each.environment, each.pipeline) == there
        and not each.is_now
        and endpoint(each) not in reached
        and each.run not in history.rejected
    ]
    return max(earlier, key=lambda each: each.since).run if earlier else ""


def _touched(stage: RunStage) -> Iterable[str]:
    code = (str(stage.made_from.get(kind, "")) for kind in _USED)
    return {*(made.digest for made in stage.outputs.values()), *read_by(stage), *code}


def _made(run: RunRecord) -> Iterator[tuple[str, Artifact, int | None]]:
    for name, stage in run.stages.items():
        for made in stage.outputs.values():
            yield name, made, stage.rows


def _models(run: RunRecord) -> Iterator[Artifact]:
    """The models that trainings of the run made, and those it served without."""
    made = {artifact.digest: artifact for name, artifact, _ in _made(run) if run.stages[name].kind == "train"}
    if run.release is not None:
        made.setdefault(run.release.model.digest, run.release.model)
    yield from made.values()
