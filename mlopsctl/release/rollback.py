"""Turning back to a release that served before, where the store says what serves.

What it turns to is there and ready before anything moves; what it turns from is rejected, so that no run brings it
back; then the pointer moves, then the requests.
"""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.engine.audit import Did, entries
from mlopsctl.engine.releases import Decision, Serving, is_same, move_serving, read_serving
from mlopsctl.frozen import frozen
from mlopsctl.release import serving_faults as faults
from mlopsctl.release.faults import rejected
from mlopsctl.release.rejection import Rejection, keep, rejection_of, standing
from mlopsctl.store import PointerMoved, Release, RunRecord, Store, new_ulid, short_run, timestamp

_RANDOM_BYTES = 10
_AT_ONCE = 50  # records, as the release before is mostly among the newest
_MOST = 500  # runs, or entries of the log, that are looked through for those of one pipeline in one environment
_MOVES = (Did.SERVES, Did.ROLLED_BACK)


@frozen(kw_only=True)
class Asked:
    """Which pipeline is to be turned back where, by whom and why; `to` is the run that is meant, or empty.

    `leaves` is the run that is to be turned away from, where nothing is to be done once another serves.
    """

    pipeline: str
    environment: str
    who: str
    why: str
    to: str = ""
    leaves: str = ""


@frozen(kw_only=True)
class Left:
    """What is turned away from: a run, and the digest of its model."""

    run: str
    model: str


@frozen(kw_only=True)
class RolledBack:
    """What serves now, and what doesn't any more.

    `of_rollout` says that it had a share of the requests only; `stopped` that people have stopped the pipeline, so
    that none gets any until it is resumed.
    """

    release: Release
    left: Left
    of_rollout: bool = False
    stopped: bool = False


class Way(Protocol):
    """From callers to releases; what it raises ends a rollback, and doing that again does the rest."""

    def make_ready(self, release: Release) -> object:
        """See to it that a release could answer at once."""

    def lead_to(self, release: Release) -> bool:
        """Lead all requests to it; whether that was possible, and nobody has stopped the pipeline."""


class HereOnly:
    """Where the store alone says what serves, as on this machine: who serves looks there."""

    def make_ready(self, release: Release) -> None:
        """Nothing: it is started when it is asked for."""

    def lead_to(self, release: Release) -> bool:  # noqa: ARG002 - as the store has it already
        """Nothing more than what the store says."""
        return True


def roll_back(store: Store, asked: Asked, way: Way, candidate: Left | None = None) -> RolledBack:
    """Let an earlier release serve. `candidate` is what a rollout gives a share of the requests, if one is under way.

    Then that is what is turned away from, unless another is asked for. Raises DiagnosedError, StoreError, and what the
    way raises.
    """
    serving = read_serving(store, asked.pipeline, asked.environment)
    if serving.release is None:
        raise DiagnosedError(faults.nothing_earlier(asked.pipeline, asked.environment, ""))
    if asked.leaves and serving.release.run != asked.leaves:
        raise DiagnosedError(faults.moved_meanwhile(asked.pipeline, asked.environment))
    rejections = standing(store)
    now = serving.release
    is_of_rollout = candidate is not None and not asked.to
    left = candidate if candidate is not None else Left(run=now.run, model=now.model.digest)
    release = now if is_of_rollout else _target(store, asked, now, rejections)
    way.make_ready(release)
    if rejection_of(left.run, left.model, rejections) is None:
        keep(store, rejection_by(asked, left))
    _move(store, asked, serving, replace(release, since=timestamp(datetime.now(UTC))))
    return RolledBack(release=release, left=left, of_rollout=is_of_rollout, stopped=not way.lead_to(release))


def _move(store: Store, asked: Asked, serving: Serving, release: Release) -> None:
    """Also where it serves already: whoever rolls another out finds that the pointer has moved, and gives up."""
    decision = Decision(who=asked.who, did=Did.ROLLED_BACK, why=asked.why)
    try:
        move_serving(store, release, asked.environment, expect=serving.version, decision=decision)
    except PointerMoved as error:
        raise DiagnosedError(faults.moved_meanwhile(asked.pipeline, asked.environment)) from error


def _target(store: Store, asked: Asked, now: Release, rejections: Iterable[Rejection]) -> Release:
    if asked.to:
        return _asked_for(store, asked, now, rejections)
    rejections = tuple(rejections)
    for release in _earlier(store, asked, now):
        if not rejection_of(release.run, release.model.digest, rejections) and not is_same(release, now):
            return release
    raise DiagnosedError(faults.nothing_earlier(asked.pipeline, asked.environment, short_run(now.run)))


def _asked_for(store: Store, asked: Asked, now: Release, rejections: Iterable[Rejection]) -> Release:
    found = [release for release in _released(store, asked) if release.run.startswith(asked.to.upper())]
    release = found[0] if len(found) == 1 else None
    if release is None or is_same(release, now):
        why = "it serves already" if release else "several runs begin so" if found else "no such run served there"
        known = [short_run(each.run) for each in _released(store, asked)]
        raise DiagnosedError(faults.not_the_one(asked.to, asked.pipeline, asked.environment, why, known))
    if (rejection := rejection_of(release.run, release.model.digest, rejections)) is not None:
        raise DiagnosedError(rejected(short_run(release.run), rejection.by, rejection.at, rejection.reason))
    return release


def _earlier(store: Store, asked: Asked, now: Release) -> Iterator[Release]:
    """Those that served before this one did first, the newest first.

    The log knows the order; the ids of runs are as good as the clocks of the machines that made them, and only tell of
    releases that are older than the log.
    """
    first: dict[str, int] = {}  # the number of the entry by which a run came to serve
    for entry in entries(store, asked.environment, limit=_MOST):
        if entry.deed.pipeline == asked.pipeline and entry.deed.did in _MOVES:
            first[entry.deed.run] = entry.number
    before = [run for run, number in first.items() if number < first.get(now.run, 0)]
    yield from _of_runs(store, asked, sorted(before, key=first.__getitem__, reverse=True))
    yield from (each for each in _released(store, asked) if each.run < now.run and each.run not in first)


def _released(store: Store, asked: Asked) -> Iterator[Release]:
    """The releases that runs of the pipeline let serve in the environment, the newest first."""
    return _of_runs(store, asked, store.record_ids("runs")[:_MOST])


def _of_runs(store: Store, asked: Asked, names: Sequence[str]) -> Iterator[Release]:
    for first in range(0, len(names), _AT_ONCE):
        for document in store.read_records("runs", names[first : first + _AT_ONCE]).values():
            record = RunRecord.from_json(document)
            if (record.pipeline, record.environment) == (asked.pipeline, asked.environment) and record.release:
                yield record.release


def rejection_by(asked: Asked, left: Left, *, turned_to: str = "") -> Rejection:
    """What keeps from coming back what was turned away from; `turned_to` as of `Rejection`."""
    return Rejection(
        id=new_ulid(time.time_ns() // 1_000_000, os.urandom(_RANDOM_BYTES)),
        run=left.run,
        pipeline=asked.pipeline,
        model=left.model,
        by=asked.who,
        at=timestamp(datetime.now(UTC)),
        reason=f"rolled back in {asked.environment}" + (f": {asked.why}" if asked.why else ""),
        turned_to=turned_to,
    )
