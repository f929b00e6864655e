"""What is told to those whom a pipeline's `notify` names: one message a run, and one for what a monitor found."""

import os
import shlex
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from mlopsctl.cluster.evidence import Evidence
from mlopsctl.cluster.run_faults import ended_silently
from mlopsctl.diagnostics import Diagnostic
from mlopsctl.engine.faults import store_failed
from mlopsctl.engine.notes import read_note
from mlopsctl.events import Outcome
from mlopsctl.frozen import frozen
from mlopsctl.ir.command import variable
from mlopsctl.ir.model import Pipeline
from mlopsctl.pod import faults
from mlopsctl.pod.printing import complain, say
from mlopsctl.runtime.webhook import Limits, tell_all
from mlopsctl.source.interpolation import Reference, Text
from mlopsctl.store import DriftCheck, RunRecord, Store, StoreError

_VERSION = 1
_WELL = (Outcome.DONE, Outcome.CACHED)
# What a chat would read as its own: `<!channel>` in a message of a program's would call all of them.
_CHAT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


@frozen(kw_only=True)
class Notice:
    """What happened. `event` is `run` or `drift`, `outcome` how that ended, `next` the command that shows more.

    `stage` and `fault` are there if a stage is at fault, and if it is known why.
    """

    event: str
    pipeline: str
    environment: str
    run: str
    outcome: str
    next: str
    stage: str = ""
    fault: Diagnostic | None = None

    def document(self) -> dict[str, object]:
        """As a webhook gets it: `schemas/output/v1/notice.json`. Of a fault no notes, which have lines of logs."""
        fault = self.fault
        return {
            "version": _VERSION,
            "event": self.event,
            "pipeline": self.pipeline,
            "environment": self.environment,
            "run": self.run,
            "outcome": self.outcome,
            "stage": self.stage,
            "diagnostic": {"code": fault.code, "message": fault.message} if fault else None,
            "next": self.next,
            "text": self._text().translate(_CHAT),
        }

    def _text(self) -> str:
        """What a chat shows."""
        sign = "✓" if self.outcome in _WELL else "✗"
        lines = [f"{sign} {self.pipeline} · {self.environment} · {self.event} {self.run}: {self.outcome}"]
        if self.fault:
            lines.append(f"{self.fault.message} ({self.fault.code})")
        return "\n".join([*lines, self.next])


def tell_of_run(
    store: Store, pipeline: Pipeline, record: RunRecord, failures: Mapping[str, str], *, is_cancelled: bool
) -> None:
    """Tell how a run ended; nobody if a person has cancelled it. `failures` are Argo's words by stage."""
    if record.outcome in _WELL:
        _send(_run_notice(pipeline, record.run, record.outcome), pipeline.notify.on_success)
    elif pipeline.notify.on_failure and not (is_cancelled and record.outcome == Outcome.INTERRUPTED):
        stage = next((name for name, found in record.stages.items() if found.outcome == record.outcome), "")
        why = failures.get(stage, "") or next(iter(failures.values()), "")
        fault = _noted(store, record.run, stage) or ended_silently(None, stage or pipeline.name, why, Evidence())
        _send(_run_notice(pipeline, record.run, record.outcome, stage, fault), pipeline.notify.on_failure)


def _noted(store: Store, run: str, stage: str) -> Diagnostic | None:
    """What the stage itself says went wrong, if it said so and that can be read."""
    try:
        note = read_note(store, run, stage) if stage else None
    except StoreError:
        return None
    return next(iter(note.faults), None) if note else None


def tell_of_lost_record(pipeline: Pipeline, run: str, error: StoreError) -> None:
    """Tell that nobody knows how a run ended, as the store, which would know, can't be used."""
    fault = store_failed(str(error), error.hint, "the end of the run")
    _send(_run_notice(pipeline, run, Outcome.FAILED, fault=fault), pipeline.notify.on_failure)


def tell_of_check(pipeline: Pipeline, check: DriftCheck, fault: Diagnostic) -> None:
    """Tell that a monitor found drift, or predictions worse than they may be, and that somebody has to look at it."""
    environment = pipeline.environment
    notice = Notice(
        event="drift",
        pipeline=pipeline.name,
        environment=environment,
        run=check.run,
        outcome=check.outcome if check.outcome == "drifted" else "worse",
        next=_command("drift", pipeline.name, "--monitor", check.monitor, "--env", environment),
        stage=check.monitor,
        fault=fault,
    )
    _send(notice, pipeline.notify.on_failure)


def _run_notice(pipeline: Pipeline, run: str, outcome: str, stage: str = "", fault: Diagnostic | None = None) -> Notice:
    # Of a refused run the checks are worth reading, of a failed one what the stage printed.
    shows = ["logs", run, *filter(None, [stage])] if fault and outcome != Outcome.REFUSED else ["runs", "show", run]
    return Notice(
        event="run",
        pipeline=pipeline.name,
        environment=pipeline.environment,
        run=run,
        outcome=outcome,
        next=_command(*shows, "--env", pipeline.environment),
        stage=stage,
        fault=fault,
    )


def _command(*words: str) -> str:
    """A command line as it is typed."""
    return shlex.join(("mlopsctl", *words))


def _send(notice: Notice, hooks: Sequence[Text]) -> None:
    """Tell all hooks, and say which couldn't be told: that fails nothing."""
    whole = [hook for hook in hooks if all(map(_value, hook.references()))]
    addresses = [hook.resolved(_value).strip() for hook in whole]
    whys = dict(zip(whole, tell_all(addresses, notice.document(), Limits()), strict=True))
    for hook in hooks:
        why = whys.get(hook, "its secret isn't set, or is empty")
        if why:
            complain([faults.not_told(_name(hook), why)])
        else:
            say(f"told {_name(hook)}")


def _value(reference: Reference) -> str:
    return os.environ.get(variable(reference), "")


def _name(hook: Text) -> str:
    """What a hook is called in a log, which is read by more people than may know its address."""
    if any(True for _ in hook.references()):
        return str(hook)
    return urlsplit(str(hook)).hostname or "a webhook"
