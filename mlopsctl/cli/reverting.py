"""`rollback` where git says what serves: the commit that names the release before, and the requests at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from mlopsctl.cli.screen import Screen
from mlopsctl.cli.stopping import reached_route, telling
from mlopsctl.cli.stores import named_at_fault, store_of
from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.frozen import frozen

if TYPE_CHECKING:
    from pathlib import PurePosixPath

    from mlopsctl.compilation import Compilation
    from mlopsctl.ir.environment import ReleaseRules
    from mlopsctl.ir.release import Release
    from mlopsctl.plan.overrides import TurnedBack
    from mlopsctl.release.git import Base, Repository
    from mlopsctl.release.proposal import Proposal
    from mlopsctl.release.reversal import Named
    from mlopsctl.release.rollback import Asked
    from mlopsctl.report.reverted import Reverted
    from mlopsctl.store import Store


@frozen(kw_only=True)
class Wish:
    """How git is to be told: whether requests go there at once, and how the commit is proposed.

    What `is_branchless` proposes none, and takes the commit that is checked out for what git says.
    """

    at_once: bool
    is_requested: bool
    branch: str
    is_branchless: bool = False


def rules_of(located: "Compilation") -> "ReleaseRules | None":
    """What the environment says of releases, if it says anything."""
    from mlopsctl.ir.environment import read_release_rules

    return read_release_rules(located.environment) if located.environment is not None else None


def revert(screen: Screen, located: "Compilation", asked: "Asked", wish: Wish) -> str:
    """Have git turn back to an earlier release; what is to be said of it. Raises DiagnosedError."""
    from mlopsctl.report import reverted

    rules = rules_of(located)
    assert rules is not None, "only an environment can have releases in git"
    with named_at_fault(located):
        there = _looked(located, asked, wish)
        is_stopped = _turned_at_once(screen, located, asked, there) if wish.at_once else False
    found = reverted.Reverted(
        environment=asked.environment,
        left=there.left,
        release=there.named.written,
        who=asked.who,
        why=asked.why,
        at_once=wish.at_once and not is_stopped,
        stopped=is_stopped,
        approvals=rules.approvals,
        path=str(there.path),
        base=there.base.name,
    )
    with _told_what_is_done(found), named_at_fault(located):
        _hold(there, asked, at_once=wish.at_once)
        return _git_told(there, wish, asked, found)


def _git_told(there: "_There", wish: Wish, asked: "Asked", found: "Reverted") -> str:
    """Have the commit proposed; what is to be said of all. Raises DiagnosedError."""
    from mlopsctl.release.pull_request import Request, offer
    from mlopsctl.report import reverted

    if wish.is_branchless:
        return reverted.render_unproposed(found)
    proposal = _proposed(there, wish, asked, reverted.commit_message(found))
    request = Request(
        base=there.base,
        branch=proposal.branch,
        title=reverted.title(found),
        body=reverted.commit_message(found).partition("\n\n")[2],
    )
    offered = offer(there.repository, request, is_requested=wish.is_requested)
    return reverted.render_text(found, proposal, offered)


@contextmanager
def _told_what_is_done(found: "Reverted") -> Iterator[None]:
    """Of what goes wrong once requests go elsewhere, say that they do."""
    from mlopsctl.release.serving_faults import turned_all_the_same
    from mlopsctl.store import short_run

    try:
        yield
    except DiagnosedError as error:
        if not found.at_once:
            raise
        release = found.release
        said = turned_all_the_same(release.pipeline, short_run(release.run), found.environment)
        raise DiagnosedError(*error.diagnostics, said) from error


@frozen(kw_only=True)
class _There:
    """What git names now, which is `left`, and what it is to name."""

    repository: "Repository"
    base: "Base"
    path: "PurePosixPath"
    store: "Store"
    left: "Release"
    named: "Named"


def _looked(located: "Compilation", asked: "Asked", wish: Wish) -> _There:
    from mlopsctl.release.forgery import release_faults
    from mlopsctl.release.git import base_here, base_of, repository_of
    from mlopsctl.release.release_file import path_of
    from mlopsctl.release.reversal import earlier, history_of
    from mlopsctl.release.serving_faults import history_ends, names_nothing

    root = located.sources.root
    repository = repository_of(root)
    base = base_here(repository) if wish.is_branchless else base_of(repository)
    path = path_of(repository, root, asked.environment, asked.pipeline)
    history = history_of(repository, base, path)
    if not history:
        raise DiagnosedError(names_nothing(asked.pipeline, str(path), base.name))
    store = store_of(located, "")
    try:
        named = earlier(asked, history, lambda written: release_faults([written], store))
    except DiagnosedError as error:
        cut = [history_ends(asked.pipeline, asked.environment)] if repository.is_shallow else []
        raise DiagnosedError(*error.diagnostics, *cut) from error
    return _There(
        repository=repository,
        base=base,
        path=path,
        store=store,
        left=history[0].written,
        named=named,
    )


def _turned_at_once(screen: Screen, located: "Compilation", asked: "Asked", there: _There) -> bool:
    """Lead all requests to the earlier release, which has to be ready; whether the pipeline is stopped, so none go."""
    from mlopsctl.cluster.objects import Objects
    from mlopsctl.cluster.resources import Resources
    from mlopsctl.plan.overrides import override_of
    from mlopsctl.release.reversal import expect_ready, turn_back

    reached = reached_route(screen, located, asked.pipeline)
    metadata = reached.route["metadata"]
    objects = Objects(reached.connection, Resources(reached.connection))
    turned = _turned(screen, asked, there)
    expect_ready(objects, metadata["namespace"], turned, asked.environment, telling(screen))
    turn_back(reached.overrides, objects, reached.route, turned, telling(screen))
    return override_of(metadata) is not None


def _turned(screen: Screen, asked: "Asked", there: _There) -> "TurnedBack":
    from mlopsctl.engine.actor import user_here
    from mlopsctl.ir.draft import service_name
    from mlopsctl.plan.overrides import TurnedBack

    release = there.named.written
    return TurnedBack(
        pipeline=asked.pipeline,
        by=user_here(screen.environ),
        at=datetime.now().astimezone().isoformat(timespec="seconds"),
        why=asked.why,
        left=there.left.run,
        left_service=service_name(asked.pipeline, there.left.digest),
        to=release.run,
        to_service=service_name(asked.pipeline, release.digest),
    )


def _hold(there: _There, asked: "Asked", *, at_once: bool) -> None:
    """Reject what is turned away from, so that no promotion brings it back, and note both. Raises StoreError."""
    from mlopsctl.engine.audit import Deed, Did, append
    from mlopsctl.release.rejection import keep, rejection_of, standing
    from mlopsctl.release.rollback import Left, rejection_by

    left, release = there.left, there.named.written
    known = rejection_of(left.run, left.digest, standing(there.store))
    if known is not None and (known.turned_to or not at_once):
        return  # as when this was cut off, and is done again
    rejection = rejection_by(asked, Left(run=left.run, model=left.digest), turned_to=release.run if at_once else "")
    deeds = [Deed(did=Did.REJECTED, pipeline=asked.pipeline, run=left.run, model=left.digest, why=rejection.reason)]
    if at_once:
        did, commit = Did.TURNED_BACK, release.commit
        deeds.append(
            Deed(did=did, pipeline=asked.pipeline, run=release.run, model=release.digest, commit=commit, why=asked.why)
        )
    for deed in deeds:
        append(there.store, asked.environment, deed, who=asked.who)
    keep(there.store, rejection)


def _proposed(there: _There, wish: Wish, asked: "Asked", message: str) -> "Proposal":
    from mlopsctl.release.proposal import found_before, propose
    from mlopsctl.release.release_file import ReleaseFile
    from mlopsctl.store import short_run

    file = ReleaseFile(path=there.path, text=there.named.text)
    branch = wish.branch or f"rollback/{asked.environment}/{asked.pipeline}-{short_run(there.left.run)}"
    before = found_before(there.repository, there.base, branch, file)
    return before or propose(there.repository, there.base, branch, file, message)
