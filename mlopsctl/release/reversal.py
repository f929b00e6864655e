"""Turning back where git says what serves: the release that it named before, as a commit.

Whoever does that at once leads the requests there first; git is obeyed again once it names another release than the one
that was left.
"""

from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

from mlopsctl.cluster.objects import Objects
from mlopsctl.cluster.override import Overrides
from mlopsctl.cluster.unwell import Awaited, noted
from mlopsctl.cluster.waiting import Patience, Waiting, wait
from mlopsctl.diagnostics import DiagnosedError, Diagnostic, has_errors
from mlopsctl.frozen import frozen
from mlopsctl.ir.release import Release as Written
from mlopsctl.manifest import Document, Key, key_of
from mlopsctl.plan.overrides import TurnedBack
from mlopsctl.release import serving_faults as faults
from mlopsctl.release.git import Base, Repository
from mlopsctl.release.release_file import written_at
from mlopsctl.release.rollback import Asked
from mlopsctl.store import short_run

_MOST = 200  # changes of a release that are looked through
_READY_SECONDS, _ROUTE_SECONDS = 60.0, 30.0
_SERVICE = ("serving.kserve.io", "v1beta1", "InferenceService")


@frozen(kw_only=True)
class Named:
    """A release that git names or named, and the text of its file."""

    written: Written
    text: str


def history_of(repository: Repository, base: Base, path: PurePosixPath) -> list[Named]:
    """The releases that a file has named, the newest first; none if it names none now."""
    found: list[Named] = []
    for commit in repository.changes_of(base.commit, str(path), _MOST):
        text, written = written_at(repository, commit, path)
        if written is None and not found:
            return []
        if written is not None:
            found.append(Named(written=written, text=text))
    return found


def earlier(asked: Asked, history: Sequence[Named], wrong: Callable[[Written], Sequence[Diagnostic]]) -> Named:
    """The release to turn back to: the one that is asked for, else the newest before that nothing is `wrong` with.

    `history` begins with what git names now. Raises DiagnosedError.
    """
    now = history[0].written
    others = [each for each in history[1:] if each.written.run != now.run and each.written.digest != now.digest]
    if asked.to:
        return _asked_for(asked, history, others, wrong)
    found = next((each for each in others if not has_errors(wrong(each.written))), None)
    if found is None:
        raise DiagnosedError(faults.nothing_earlier(asked.pipeline, asked.environment, short_run(now.run)))
    return found


def _asked_for(
    asked: Asked, history: Sequence[Named], others: Sequence[Named], wrong: Callable[[Written], Sequence[Diagnostic]]
) -> Named:
    found = {each.written.run: each for each in reversed(others) if each.written.run.startswith(asked.to.upper())}
    if len(found) != 1:
        is_now = history[0].written.run.startswith(asked.to.upper())
        why = "several runs begin so" if found else "git names it now" if is_now else "git never named it there"
        known = list(dict.fromkeys(short_run(each.written.run) for each in others))
        raise DiagnosedError(faults.not_the_one(asked.to, asked.pipeline, asked.environment, why, known))
    (chosen,) = found.values()
    if has_errors(said := wrong(chosen.written)):
        raise DiagnosedError(*said)
    return chosen


def expect_ready(
    objects: Objects, namespace: str, turned: TurnedBack, environment: str, tell: Callable[[Waiting], None]
) -> None:
    """Raise DiagnosedError unless what answers for the earlier run is there and ready. Raises ClusterError."""
    group, version, kind = _SERVICE
    key = Key(group, kind, namespace, turned.to_service)
    awaited = Awaited(key=key, api_version=f"{group}/{version}", origin=None)
    if objects.get(awaited.key, awaited.api_version) is None:
        run = short_run(turned.to)
        raise DiagnosedError(faults.not_kept(turned.pipeline, run, turned.to_service, environment))
    for unwell in wait(objects, [awaited], patience=Patience(_READY_SECONDS), on_change=tell):
        why = unwell.health.why or "it doesn't say why"
        raise DiagnosedError(faults.not_servable(turned.pipeline, turned.to_service, why, noted(unwell)))


def turn_back(
    overrides: Overrides, objects: Objects, route: Document, turned: TurnedBack, tell: Callable[[Waiting], None]
) -> None:
    """Lead all requests to the earlier release, which is ready. Raises ClusterError, and DiagnosedError."""
    written = overrides.turn_back(route, turned)
    awaited = Awaited(key=key_of(written), api_version=written["apiVersion"], origin=None)
    for unwell in wait(objects, [awaited], patience=Patience(_ROUTE_SECONDS), on_change=tell):
        why = unwell.health.why or "it doesn't say why"
        raise DiagnosedError(faults.not_followed(turned.pipeline, why, noted(unwell)))
