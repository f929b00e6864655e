"""How a stage of a run ended, for the stages behind it, the record and the reader."""

from dataclasses import asdict
from typing import Any

from mlopsctl.diagnostics import Diagnostic
from mlopsctl.events import Check, Outcome, StageEnded
from mlopsctl.frozen import frozen
from mlopsctl.store import Artifact, RunStage, StageRecord

_THINGS = ("inputs", "code", "requirements", "params", "source", "model")


@frozen(kw_only=True)
class StageResult:
    """`record` is the stage's result, if there is one; `diagnostics` say why there isn't, or why it was refused."""

    stage: str
    kind: str
    outcome: Outcome
    summary: str = ""
    reason: str = ""
    seconds: float = 0.0
    record: StageRecord | None = None
    cached_from: str | None = None
    checks: tuple[Check, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    log: Artifact | None = None  # of a stage that has no record
    why: str = ""  # how its last attempt failed, by the words of `retries.on` where one fits
    bug: Exception | None = None  # ours, on its way to the main thread
    part_of: str = ""  # the stage that fans out, if this is one of its parts

    @property
    def opens_the_way(self) -> bool:
        """Whether the stages behind it may run."""
        return self.outcome in (Outcome.DONE, Outcome.CACHED)

    def artifact(self, output: str) -> Artifact | None:
        """What the stage made under that name, if it did."""
        return self.record.outputs.get(output) if self.record else None


def as_kept(result: StageResult) -> RunStage:
    """What the record of a run keeps of a stage's result."""
    record = result.record
    return RunStage(
        kind=result.kind,
        key=record.key if record else None,
        outcome=result.outcome.value,
        reason=result.reason,
        seconds=result.seconds,
        summary=result.summary,
        cached_from=result.cached_from,
        checks=[asdict(check) for check in result.checks],
        metrics=record.metrics if record else {},
        log=record.log if record else result.log,
        part_of=result.part_of,
        made_from=made_from(record) if record else {},
        outputs=dict(record.outputs) if record else {},
        rows=record.data.get("rows") if record else None,
    )


def made_from(record: StageRecord) -> dict[str, Any]:
    """The parts of a result's key that say which things it was made from, as far as there are any."""
    return {name: record.parts[name] for name in _THINGS if record.parts.get(name)}


def as_told(name: str, kept: RunStage) -> StageEnded:
    """The end of a stage as it is told, from what a record keeps of it."""
    return StageEnded(
        stage=name,
        kind=kept.kind,
        outcome=Outcome(kept.outcome),
        seconds=kept.seconds,
        summary=kept.summary,
        reason=kept.reason,
        checks=tuple(Check(**check) for check in kept.checks),
        part_of=kept.part_of,
    )
