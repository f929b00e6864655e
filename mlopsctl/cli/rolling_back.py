"""`rollback`: an earlier release serves again."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from mlopsctl.cli.screen import Screen, screen_of
from mlopsctl.cli.stopping import ENV, PIPELINE, REASON, located_in, reached_route, telling
from mlopsctl.cli.stores import in_cluster, store_of
from mlopsctl.diagnostics import DiagnosedError

if TYPE_CHECKING:
    from mlopsctl.compilation import Compilation
    from mlopsctl.release.rollback import Asked, Left, Way
    from mlopsctl.store import Store

TO = typer.Option("", "--to", help="The run to turn back to; by default the last one before.", metavar="RUN")
NOW_HELP = "Where git says what serves: lead requests there now, until git agrees."
PR_HELP = "Where git says what serves: push the branch and open a pull or merge request."
BRANCH_HELP = "Where git says what serves: the name of the branch."
NO_BRANCH_HELP = "With --now, in a job whose clone goes with it: by the commit that is checked out, and write none."


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(rollback)


def rollback(
    context: typer.Context,
    pipeline: str = PIPELINE,
    *,
    env: str = ENV,
    to: str = TO,
    reason: str = REASON,
    now: bool = typer.Option(False, "--now", help=NOW_HELP),
    request: bool = typer.Option(False, "--pr", help=PR_HELP),
    branch: str = typer.Option("", "--branch", help=BRANCH_HELP, metavar="NAME"),
    no_branch: bool = typer.Option(False, "--no-branch", help=NO_BRANCH_HELP),
) -> None:
    """Let the release before serve again.

    Where runs say what serves, that is at once. Where git does, it is a commit to merge, and at once with --now.
    """
    from mlopsctl.cli.reverting import Wish, revert, rules_of
    from mlopsctl.engine.actor import who_here
    from mlopsctl.release.rollback import Asked, HereOnly, roll_back
    from mlopsctl.report.rolled_back import render_text

    screen = screen_of(context)
    located = located_in(screen, pipeline, env)
    asked = Asked(pipeline=pipeline, environment=env, who=who_here(screen.environ), why=reason, to=to)
    if (rules := rules_of(located)) is not None and rules.releases == "pinned":
        if no_branch and (request or branch or not now):
            raise typer.BadParameter("--no-branch goes with --now alone: else there is nothing to be done")
        wish = Wish(at_once=now, is_requested=request, branch=branch, is_branchless=no_branch)
        sys.stdout.write(revert(screen, located, asked, wish))
        return
    if request or branch:
        raise typer.BadParameter(f"releases in {env} are not git's to say: nothing is to be merged")
    store = store_of(located, "")
    if in_cluster(located):
        with _way(screen, located, store, asked) as (way, candidate):
            found = roll_back(store, asked, way, candidate)
    else:
        found = roll_back(store, asked, HereOnly())
    sys.stdout.write(render_text(found, env))


@contextmanager
def _way(screen: Screen, located: "Compilation", store: "Store", asked: "Asked") -> "Iterator[tuple[Way, Left | None]]":
    """The way to the releases in a cluster, and what a rollout gives requests, or copies of some.

    Raises DiagnosedError, StoreError.
    """
    from mlopsctl.cluster.objects import Objects
    from mlopsctl.cluster.resources import Resources
    from mlopsctl.engine.releases import read_serving
    from mlopsctl.engine.shadowing import Place, shadowing
    from mlopsctl.plan.overrides import led_by
    from mlopsctl.release.serving import Versions, applied_contract
    from mlopsctl.release.serving_faults import nothing_applied
    from mlopsctl.runtime.stop import Stop

    pipeline = asked.pipeline
    there = reached_route(screen, located, pipeline)
    objects = Objects(there.connection, Resources(there.connection))
    contract = applied_contract(objects, there.route["metadata"]["namespace"], pipeline, asked.environment)
    if not contract.drafts:
        raise DiagnosedError(nothing_applied(pipeline, asked.environment, "its runs deploy nothing"))
    ((stage, draft),) = contract.drafts.items()
    with Stop() as stop:
        versions = Versions(objects, draft, store, telling(screen), stop)
        serving = read_serving(store, pipeline, asked.environment).release
        tried = (*led_by(there.route), *shadowing(store, Place(asked.environment, pipeline, stage)))
        yield versions, versions.candidate(serving, tried) if serving else None
