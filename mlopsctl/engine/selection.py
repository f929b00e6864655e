"""Which stages of a pipeline a run is about, by what was asked for: `--from`, `--only`, `--force`."""

from collections.abc import Collection

from mlopsctl.diagnostics import DiagnosedError, similar
from mlopsctl.engine import faults
from mlopsctl.frozen import frozen
from mlopsctl.ir.model import Pipeline, Stage


@frozen(kw_only=True)
class Selection:
    """The stages that run even if they are cached, those that may run at all, and these with all that they need."""

    again: frozenset[str]
    only: frozenset[str]
    needed: frozenset[str]


def select(pipeline: Pipeline, *, begin: str | None, only: str | None, force: bool) -> Selection:
    """What a run is about. Raises DiagnosedError for a stage that the pipeline doesn't have."""
    names = frozenset(pipeline.stages)
    for option, name in (("--from", begin), ("--only", only)):
        if name is not None and name not in names:
            known = tuple(pipeline.stages)
            raise DiagnosedError(faults.unknown_stage(option, name, similar(name, known), known))
    again = frozenset[str]()
    if force:
        again = names
    elif begin is not None:
        again = _and_downstream(pipeline, begin)
    if only is None:
        return Selection(again=again, only=names, needed=names)
    return Selection(again=again & {only}, only=frozenset({only}), needed=_and_upstream(pipeline, only))


def why_skipped(pipeline: Pipeline, stage: Stage, *, opened: Collection[str], stopped: Collection[str]) -> str:
    """Why a stage that was asked for did not run. `opened` ended well; `stopped` ended so that nothing new begins."""
    blocking = [name for name in pipeline.needs(stage) if name not in opened]
    return f"needs {', '.join(blocking)}" if blocking else f"{', '.join(stopped)} did not pass"


def _and_downstream(pipeline: Pipeline, first: str) -> frozenset[str]:
    found = {first}
    for stage in pipeline.ordered():
        if found & set(pipeline.needs(stage)):
            found.add(stage.name)
    return frozenset(found)


def _and_upstream(pipeline: Pipeline, last: str) -> frozenset[str]:
    found = {last}
    for stage in reversed(pipeline.ordered()):
        if stage.name in found:
            found.update(pipeline.needs(stage))
    return frozenset(found)
