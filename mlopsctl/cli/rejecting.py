"""`reject`: a run that can't be promoted and whose model can't come back, in every environment that knows it."""

import os
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from mlopsctl.cli.run_names import no_such_run
from mlopsctl.cli.screen import Screen, screen_of
from mlopsctl.cli.stores import store_of
from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.frozen import frozen

if TYPE_CHECKING:
    from mlopsctl.release.rejection import Rejection
    from mlopsctl.store import RunRecord, Store

_RANDOM_BYTES = 10
_SECONDS = 10.0  # for a store that doesn't answer
ENV_HELP = "Only in the store of this environment; by default in all that have the run."


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(reject)


def reject(
    context: typer.Context,
    run: str = typer.Argument(..., help="The run, by the beginning of its id.", metavar="RUN"),
    *,
    reason: str = typer.Option(..., "--reason", help="Why, for whoever wants to promote it.", metavar="TEXT"),
    env: str = typer.Option("", "--env", "-e", help=ENV_HELP, metavar="NAME"),
    withdraw: bool = typer.Option(False, "--withdraw", help="Take back what rejections of it there are."),
) -> None:
    """Let a run never be promoted, and its model never come back."""
    from mlopsctl.release import rejection
    from mlopsctl.store import short_run

    if not reason.strip():
        raise typer.BadParameter("--reason says why: it can't be empty")
    screen = screen_of(context)
    places, unreachable = _places(screen, env)
    known = _known(places, run)
    made = _said(screen, known[0], reason)
    for place in known:
        against = [each.id for each in place.standing if rejection.rejection_of(made.run, made.model, [each])]
        if withdraw and against:
            _keep(place, replace(made, withdraws=against))
        elif not withdraw and not any(each.run == made.run for each in place.standing):
            _keep(place, made)
    how = "is not rejected any more" if withdraw else "is rejected: it can't be promoted, and its model can't come back"
    where = ", ".join(name for place in known for name in place.environments)
    sys.stdout.write(f"Run {short_run(made.run)} {how}.\nSo it stands in the stores of {where}.\n")
    if unreachable:
        from mlopsctl.release.faults import not_everywhere

        screen.complain([not_everywhere(short_run(made.run), unreachable)])


@frozen(kw_only=True)
class _Place:
    """A store that has the run, the environments that it belongs to, and the rejections that stand there."""

    store: "Store"
    environments: tuple[str, ...]
    record: "RunRecord"
    standing: "tuple[Rejection, ...]"


def _keep(place: _Place, made: "Rejection") -> None:
    """Keep a rejection or a withdrawal, and note it in the log of each environment."""
    from mlopsctl.engine.audit import Deed, Did, append
    from mlopsctl.release import rejection

    did = Did.READMITTED if made.withdraws else Did.REJECTED
    deed = Deed(did=did, pipeline=made.pipeline, run=made.run, model=made.model, why=made.reason)
    rejection.keep(place.store, made)
    for environment in place.environments:
        append(place.store, environment, deed, who=made.by)


def _places(screen: Screen, env: str) -> "tuple[list[tuple[Store, list[str]]], list[str]]":
    """The stores of the environments, each once with their names, and which of them don't answer."""
    from mlopsctl.compilation import LOCAL
    from mlopsctl.compiler import compile_project
    from mlopsctl.release.copying import address_of
    from mlopsctl.store import Patience, StoreError

    sources = screen.load()
    names = [env] if env else [LOCAL, *(each.name for each in sources.environments if each.name != LOCAL)]
    found: dict[str, tuple[Store, list[str]]] = {}
    unreachable = []
    for name in names:
        try:
            store = store_of(compile_project(sources, name), "", patience=Patience(seconds=_SECONDS, retries=1))
            store.record_ids("runs", prefix="-")
            found.setdefault(address_of(store), (store, []))[1].append(name)
        except StoreError as error:
            unreachable.append(f"{name}: {error}")
    return list(found.values()), unreachable


def _known(places: "list[tuple[Store, list[str]]]", run: str) -> list[_Place]:
    """The places that have the run. Raises DiagnosedError unless it is one run."""
    from mlopsctl.release.rejection import standing
    from mlopsctl.store import RunRecord

    having = [(store, names, store.record_ids("runs", prefix=run.upper())) for store, names in places]
    ids = sorted({each for _, _, found in having for each in found})
    if len(ids) != 1:
        raise DiagnosedError(no_such_run(run, ids))
    return [
        _Place(
            store=store,
            environments=tuple(names),
            record=RunRecord.from_json(store.read_record("runs", ids[0]) or {}),
            standing=tuple(standing(store)),
        )
        for store, names, found in having
        if found
    ]


def _said(screen: Screen, place: _Place, reason: str) -> "Rejection":
    from mlopsctl.engine.actor import who_here
    from mlopsctl.release.rejection import Rejection, model_of
    from mlopsctl.store import new_ulid, timestamp

    return Rejection(
        id=new_ulid(time.time_ns() // 1_000_000, os.urandom(_RANDOM_BYTES)),
        run=place.record.run,
        pipeline=place.record.pipeline,
        model=model_of(place.store, place.record),
        by=who_here(screen.environ),
        at=timestamp(datetime.now(UTC)),
        reason=reason.strip(),
    )
