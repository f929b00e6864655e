"""How a stage of a run ended, for the stages behind it, the record and the reader."""

from mlopsctl.diagnostics import Diagnostic
from mlopsctl.events import Check, Outcome
from mlopsctl.frozen import frozen
from mlopsctl.store import Artifact, StageRecord


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
    bug: Exception | None = None  # ours, on its way to the main thread

    @property
    def opens_the_way(self) -> bool:
        """Whether the stages behind it may run."""
        return self.outcome in (Outcome.DONE, Outcome.CACHED)

    def artifact(self, output: str) -> Artifact | None:
        """What the stage made under that name; its default output where the name is empty."""
        outputs = self.record.outputs if self.record else {}
        return next(iter(outputs.values()), None) if not output else outputs.get(output)
