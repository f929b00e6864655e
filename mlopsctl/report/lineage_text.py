"""Lineage as a tree that people read, and the same tree as a Mermaid diagram."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from datetime import tzinfo

from mlopsctl.frozen import frozen
from mlopsctl.release.history import Served
from mlopsctl.release.lineage import Back, Forward, Seen, WayOut
from mlopsctl.report.display import shown
from mlopsctl.report.wording import counted, metric, moment, short_run, size
from mlopsctl.store import Artifact, RunRecord

_DIGEST = len("sha256:") + 12
_MOST_METRICS = 6


@frozen
class Branch:
    """A line and what comes below it."""

    text: str
    branches: tuple["Branch", ...] = field(default=())


def render_text(trees: Sequence[Branch], after: Sequence[str] = ()) -> str:
    """The trees one below the other, and then the lines of `after`."""
    return "".join(f"{line}\n" for line in (*(line for tree in trees for line in _drawn(tree)), *after))


def render_mermaid(trees: Sequence[Branch]) -> str:
    """The same as a Mermaid flowchart."""
    lines = ["flowchart LR"]
    for tree in trees:
        _add(lines, tree, "")
    return "\n".join(lines) + "\n"


def forward_tree(found: Forward, *, zone: tzinfo | None = None) -> Branch:
    """What came of a thing: runs, their models, and where they serve."""
    names = ", ".join(map(shown, found.names))
    rows = f", {counted(found.rows, 'row')}" if found.rows is not None else ""
    seen = (Branch(_seen(each, zone)) for each in found.seen)
    return Branch(f"{shown(found.digest)} {names}{rows}".rstrip(), tuple(seen) or (Branch("no run saw it"),))


def ways_out(found: Forward) -> list[str]:
    """What can be done if it is bad, a line for each endpoint that it reached."""
    return [_way_out(each) for each in found.ways_out]


def back_tree(found: Back, head: str, wrong: str | None, *, zone: tzinfo | None = None) -> Branch:
    """Where a run came from. `wrong` is what is wrong with its provenance, None if it has none to look at."""
    run = found.run
    rejected = f" · rejected: {shown(found.rejected)}" if found.rejected is not None else ""
    title = f"run {short_run(run.run)} · {shown(run.outcome)}, {moment(run.ended, zone)} · {shown(run.environment)}"
    parts = tuple(Branch(text) for text in _origins(found, wrong))
    tree = Branch(f"{title}{rejected}", parts)
    return Branch(head, (tree,)) if head else tree


def endpoint_line(served: Served, stopped: str | None, *, zone: tzinfo | None = None) -> str:
    """An endpoint and what it does: `flight-delays · prod · serves since 2026-03-01 12:00 +00:00, ann@laptop`."""
    said = "serves" if served.is_now else "served"
    when = f" since {moment(served.since, zone)}" if served.since else " what git pins"
    until = f" until {moment(served.until, zone)}" if served.until else ""
    who = f", {shown(served.who)}" if served.who else ""
    halted = "" if stopped is None or not served.is_now else f" · stopped: {shown(stopped)}"
    return f"{shown(served.pipeline)} · {shown(served.environment)} · {said}{when}{until}{who}{halted}"


def unreached(unreachable: Mapping[str, str]) -> list[str]:
    """A line for each environment that couldn't be asked."""
    return [f"{shown(name)}: not reached: {shown(why)}" for name, why in unreachable.items()]


def _seen(seen: Seen, zone: tzinfo | None) -> str:
    run = seen.run
    said = f"run {short_run(run.run)} {shown(run.pipeline)} · {shown(run.environment)}, {moment(run.started, zone)}"
    models = ", ".join(_short(model.digest) for model in seen.models)
    said += f" → model {models}" if models else " · no model was made from it"
    if seen.rejected is not None:
        said += f" · rejected: {shown(seen.rejected)}"
    elif run.outcome not in ("done", "cached"):
        said += f" · {shown(run.outcome)}"
    places = {f"{shown(each.environment)} ({'serves' if each.is_now else 'served'})": None for each in seen.served}
    return said + (f" → {', '.join(places)}" if places else "")


def _way_out(way: WayOut) -> str:
    name = f"{shown(way.served.pipeline)} --env {shown(way.served.environment)}"
    stop = f"If it is bad: mlopsctl stop {name}"
    if not way.run:
        return f"{stop}; no earlier release there never saw it"
    return f"{stop}, or mlopsctl rollback {name} --to {short_run(way.run)}, the newest release that never saw it"


def _origins(found: Back, wrong: str | None) -> Iterator[str]:
    run = found.run
    for model in found.models:
        yield f"model {_artifact(model)}"
    metrics = [f"{shown(name)} {metric(value)}" for name, value in _metrics(run).items()]
    if metrics:
        more = f" and {len(metrics) - _MOST_METRICS} more" if len(metrics) > _MOST_METRICS else ""
        yield f"metrics {', '.join(metrics[:_MOST_METRICS])}{more}"
    changed = f" ({counted(run.changed_files, 'file')} changed since)" if run.changed_files else ""
    yield f"commit {shown(run.commit)}{changed}" if run.commit else "commit none: it was run outside of git"
    yield from (f"requirements {shown(digest)}" for digest in found.requirements)
    for data in found.data:
        rows = f", {counted(data.rows, 'row')}" if data.rows is not None else ""
        use = "trained on" if data.trains else "judged with, or not used by a model"
        yield f"data {shown(data.stage)} {_artifact(data.artifact)}{rows} · {use}"
    if run.release is not None and run.release.evidence:
        yield f"evidence {shown(run.release.evidence)}"
    for digest in dict.fromkeys(run.provenance.values()):
        yield f"provenance {shown(digest)}{_verdict(wrong)}"


def _verdict(wrong: str | None) -> str:
    if wrong is None:
        return ""
    return f", but {shown(wrong)}" if wrong else ", verified"


def _metrics(run: RunRecord) -> dict[str, float]:
    from mlopsctl.report.comparison import metrics_of

    return {name: value for name, value in metrics_of(run).items() if "slices" not in name.split(".")[:2]}


def _artifact(artifact: Artifact) -> str:
    return f"{shown(artifact.digest)} {shown(artifact.name)}, {size(artifact.size)}"


def _short(digest: str) -> str:
    return shown(digest[:_DIGEST])


def _drawn(tree: Branch) -> Iterator[str]:
    yield tree.text
    for number, branch in enumerate(tree.branches, 1):
        is_last = number == len(tree.branches)
        first, *others = _drawn(branch)
        yield ("└─ " if is_last else "├─ ") + first
        yield from (("   " if is_last else "│  ") + other for other in others)


def _add(lines: list[str], tree: Branch, above: str) -> None:
    name = f"n{len(lines)}"
    label = tree.text.replace('"', "#quot;").replace("\n", "<br>")  # as Mermaid writes them
    link = f"{above} --> " if above else ""
    lines.append(f'  {link}{name}["{label}"]')
    for branch in tree.branches:
        _add(lines, branch, name)
