"""What is said of an apply while it goes on, line by line, and what it came to."""

from collections.abc import Iterator
from typing import assert_never

from mlopsctl.manifest import Key
from mlopsctl.plan.health import State
from mlopsctl.plan.model import Action
from mlopsctl.plan.progress import (
    ApplyEnded,
    ApplyEvent,
    ApplyOutcome,
    ApplyStarted,
    Counts,
    LockAwaited,
    ObjectApplied,
    ObjectReady,
    Pruned,
    Result,
    Serving,
    Task,
    WaitingFor,
)
from mlopsctl.report.colour import Colour, painter
from mlopsctl.report.display import ELLIPSIS, shown
from mlopsctl.report.planned_page import Page, listed
from mlopsctl.report.wording import counted, duration, moment, short_run

_DONE = {
    Action.CREATE: ("+", "added", Colour.GOOD),
    Action.UPDATE: ("~", "changed", Colour.GOOD),
    Action.REPLACE: ("±", "replaced", Colour.GOOD),
    Action.DELETE: ("-", "deleted", Colour.GOOD),
}
_UNCHANGED = ("=", "unchanged", Colour.FAINT)
_FAILED = ("✗", "failed", Colour.ERROR)
_WORD, _TIME = 9, 7  # columns
_INDENT = 2 + 2 + _WORD + 1 + _TIME + 2
_NAMES = 3
_UNLISTED = 20  # pipelines; of more, only the number that serves is said


class ApplyLines:
    """Words each event of one apply; remembers in which namespace it is, and what is waited for."""

    def __init__(self, *, colour: bool, width: int) -> None:
        self._page = Page(painter(colour=colour), width, explain=False)
        self._namespace = ""
        self._awaited: set[Key] = set()

    def of(self, event: ApplyEvent) -> Iterator[str]:
        """The lines to show for `event` while the apply goes on, without line breaks."""
        match event:
            case ApplyStarted():
                self._namespace = event.target.namespace
                yield from self._started(event)
            case LockAwaited():
                since = f" since {moment(event.since)}" if event.since else ""
                yield from self._page.said(f"Waiting for another apply{since}: {shown(event.holder)}", 0)
            case ObjectApplied():
                yield from self._object(event.key, _mark(event.action, event.result), event.seconds, event.why)
            case Pruned():
                yield from self._object(event.key, _mark(Action.DELETE, event.result), event.seconds, event.why)
            case WaitingFor():
                self.expect(event.key)
                hue = Colour.FAINT if event.state is State.PROGRESSING else Colour.WARNING
                yield from self._object(event.key, (ELLIPSIS, "waiting", hue), None, event.why)
            case ObjectReady() if event.key in self._awaited or event.why:
                yield from self._object(event.key, ("✓", "ready", Colour.GOOD), event.seconds, event.why)
            case ObjectReady() | ApplyEnded():
                pass  # what is ready as soon as it is there goes without saying
            case _:
                assert_never(event)

    def expect(self, key: Key) -> None:
        """Have it said when this object is ready, as it was seen that it is waited for."""
        self._awaited.add(key)

    def named(self, key: Key, why: str) -> str:
        """An object, where it is if that is elsewhere, and what is said of it."""
        elsewhere = f" in {key.namespace}" if key.namespace not in ("", self._namespace) else ""
        return shown(f"{key}{elsewhere}{': ' if why else ''}{why}")

    def _started(self, event: ApplyStarted) -> Iterator[str]:
        """Where it goes to and what there is to do; nothing, if that is nothing."""
        doing = "Deleting from" if event.task is Task.DESTROY else "Applying to"
        where = f"{doing} {shown(event.target.environment)}, context {shown(event.target.context)}"
        if planned := _planned(event.planned):
            yield from self._page.said(f"{where}: {planned}", 0)

    def _object(self, key: Key, mark: tuple[str, str, Colour], seconds: float | None, why: str) -> Iterator[str]:
        sign, word, hue = mark
        time = "" if seconds is None else duration(seconds)
        head = f"  {self._page.paint(f'{sign} {word}', hue)}{' ' * (_WORD - len(word))} {time:>{_TIME}}  "
        yield from self._page.hung(head, [self.named(key, why)], _INDENT)


def render_ended(ended: ApplyEnded, *, colour: bool, width: int) -> str:
    """What an apply did, how long that took, what isn't done or not ready, and what serves now."""
    page = Page(painter(colour=colour), width, explain=False)
    lines = [page.paint(line, Colour.STRONG) for line in page.said(_sentence(ended), 0)]
    if ended.unready:
        lines += page.said(f"Not ready: {listed([str(key) for key in ended.unready], _NAMES)}", 0)
    lines += [line for text in _served(ended.serving) for line in page.said(text, 0)]
    if ended.outcome is not ApplyOutcome.DONE:
        again = f"mlopsctl {ended.task} --env {shown(ended.target.environment)}"
        lines.append(f"To go on from here: {again}")
    return "\n".join(lines) + "\n"


def _planned(counts: Counts) -> str:
    verbs = {
        "add": counts.added,
        "change": counts.changed,
        "replace": counts.replaced,
        "delete": counts.deleted,
    }
    return ", ".join(f"{count:,} to {verb}" for verb, count in verbs.items() if count)


def _done(counts: Counts) -> str:
    words = {
        "added": counts.added,
        "changed": counts.changed,
        "replaced": counts.replaced,
        "deleted": counts.deleted,
        "unchanged": counts.unchanged,
    }
    return ", ".join(f"{count:,} {word}" for word, count in words.items() if count)


def _sentence(ended: ApplyEnded) -> str:
    environment, took = shown(ended.target.environment), duration(ended.seconds)
    done = _done(ended.done) or "nothing changed"
    left = f"; {counted(ended.left, 'object')} not done" if ended.left else ""
    match ended.outcome:
        case ApplyOutcome.DONE if ended.task is Task.DESTROY:
            return f"Deleted from {environment} in {took}: {counted(ended.done.deleted, 'object')}"
        case ApplyOutcome.DONE:
            return f"Applied to {environment} in {took}: {done}"
        case ApplyOutcome.UNHEALTHY:
            return f"Applied to {environment}, but not ready after {took}: {done}{left}"
        case ApplyOutcome.CONFLICT:
            return f"Stopped after {took}, as {environment} was changed by someone else: {done}{left}"
        case ApplyOutcome.INTERRUPTED:
            return f"Interrupted after {took}: {done}{left}"
        case ApplyOutcome.FAILED:
            return f"Failed after {took}: {done}{left}"
        case _:
            assert_never(ended.outcome)


def _served(serving: tuple[Serving, ...]) -> list[str]:
    if len(serving) > _UNLISTED:
        return [f"{len(serving):,} deployments serve"]
    return [_serves(one) for one in serving]


def _serves(one: Serving) -> str:
    what = f"serves run {short_run(one.run)}" if one.run else "serves"
    return shown(f"{one.pipeline} {what}{f' at {one.url}' if one.url else ''}")


def _mark(action: Action, result: Result) -> tuple[str, str, Colour]:
    return {Result.DONE: _DONE[action], Result.UNCHANGED: _UNCHANGED, Result.FAILED: _FAILED}[result]
