"""Fan-outs in a run: the lists that stages make for others, what the parts of a stage read, and their common end."""

import json
from collections.abc import Callable, Iterable, Mapping

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.engine import faults
from mlopsctl.engine.result import StageResult
from mlopsctl.engine.session import Session
from mlopsctl.events import Outcome
from mlopsctl.ir.fan_out import UnusableListError, entry_name, items_of, list_of, part_name, written_items
from mlopsctl.ir.model import Pipeline, Stage
from mlopsctl.ir.parts import Item
from mlopsctl.store import Artifact, Store

# What a stage of this run made, or a part of one, by its name.
Made = Callable[[str], Mapping[str, Artifact]]

LARGEST_LIST = 1024 * 1024  # bytes
_MOST_NAMED = 5


def items(pipeline: Pipeline, store: Store, stage: Stage, made: Made) -> tuple[Item, ...]:
    """What the stage fans out over in this run. Raises DiagnosedError, StoreError."""
    reference = list_of(stage)
    if reference is None:
        return written_items(stage)
    output = pipeline.output_of(reference)
    (param,) = stage.each
    try:
        return items_of(param, _list(store, made(reference.stage).get(output)))
    except UnusableListError as error:
        span = stage.origin.value("each", param)
        written = f"{reference.stage}.{output}"
        raise DiagnosedError(faults.list_unusable(span, stage.name, written, str(error))) from error


def lists_made(session: Session, stage: Stage, result: StageResult) -> dict[str, tuple[Item, ...]]:
    """The lists among a stage's outputs that others fan out over, by output.

    Raises DiagnosedError for one that can't be fanned out over, so that it is its maker who fails.
    """
    if result.record is None or not result.opens_the_way:
        return {}
    outputs = result.record.outputs
    found: dict[str, tuple[Item, ...]] = {}
    for other in session.pipeline.stages.values():
        reference = list_of(other)
        if reference is not None and reference.stage == stage.name:
            output = session.pipeline.output_of(reference)
            found[output] = items(session.pipeline, session.store, other, lambda _: outputs)
    return found


def inputs_of(session: Session, stage: Stage, made: Made) -> dict[str, Artifact]:
    """What a stage reads, by the names of its inputs; outputs that nobody had to make may be missing.

    `stage[*]` is a folder with the outputs of all parts. Of a stage that fans out alike a part reads the part for its
    own item. Raises DiagnosedError, StoreError.
    """
    pipeline, store = session.pipeline, session.store
    found: dict[str, Artifact | None] = {}
    for name, read in stage.inputs.items():
        source, output = pipeline.stages[read.stage], pipeline.output_of(read)
        if read.every:
            parts = {item.name: part_name(source.name, item.name) for item in items(pipeline, store, source, made)}
            outputs = {item: made(part).get(output) for item, part in parts.items()}
            found[name] = _joined(store, source.name, outputs)
        elif source.each and stage.item is not None:
            found[name] = made(part_name(source.name, stage.item.name)).get(output)
        else:
            found[name] = made(source.name).get(output)
    return {name: artifact for name, artifact in found.items() if artifact is not None}


def common_end(stage: Stage, ends: Mapping[str, Outcome], *, seconds: float) -> StageResult:
    """How a stage ended whose parts, by item, ended so; `seconds` are what all of them took together."""
    for grave in (Outcome.FAILED, Outcome.INTERRUPTED, Outcome.REFUSED, Outcome.SKIPPED):
        if grave in ends.values():
            outcome = grave
            break
    else:
        is_cached = bool(ends) and set(ends.values()) <= {Outcome.CACHED}
        outcome = Outcome.CACHED if is_cached else Outcome.DONE
    return StageResult(
        stage=stage.name,
        kind=stage.kind,
        outcome=outcome,
        summary=", ".join(_counts(ends)) or "no parts: the list is empty",
        seconds=seconds,
    )


def _counts(ends: Mapping[str, Outcome]) -> Iterable[str]:
    if not ends:
        return
    yield f"{len(ends):,} part{'' if len(ends) == 1 else 's'}"
    cached = sum(outcome is Outcome.CACHED for outcome in ends.values())
    if cached:
        yield f"{'all' if cached == len(ends) else f'{cached:,}'} from cache"
    for outcome in (Outcome.FAILED, Outcome.REFUSED, Outcome.INTERRUPTED, Outcome.SKIPPED):
        names = [item for item, ended in ends.items() if ended is outcome]
        more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        if names:
            yield f"{len(names):,} {outcome.value}: {' '.join(names[:_MOST_NAMED])}{more}"


def _list(store: Store, artifact: Artifact | None) -> object:
    if artifact is None:
        raise UnusableListError("it was not made")
    if artifact.kind == "folder":
        raise UnusableListError("it is a folder, and a list is a JSON file")
    if artifact.size > LARGEST_LIST:
        raise UnusableListError("it is larger than 1 MiB")
    try:
        return json.loads(store.get_bytes(artifact.digest))
    except (ValueError, RecursionError) as error:
        raise UnusableListError(f"it is no JSON: {error}") from error


def _joined(store: Store, name: str, outputs: Mapping[str, Artifact | None]) -> Artifact:
    """A folder with an entry for each item, called after it."""
    return store.join(
        name,
        {
            entry_name(item, artifact.name) if artifact.kind == "file" else item: artifact
            for item, artifact in outputs.items()
            if artifact is not None
        },
    )
