"""`promote`: what may serve in the next environment, as a commit to merge."""

import sys
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import typer

from mlopsctl.cli.planning import Format
from mlopsctl.cli.run_names import no_such_run
from mlopsctl.cli.screen import Screen, screen_of
from mlopsctl.cli.stores import named_at_fault, store_of
from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlopsctl.compilation import Compilation
    from mlopsctl.diagnostics import Diagnostic
    from mlopsctl.ir.environment import ReleaseRules
    from mlopsctl.ir.model import Pipeline
    from mlopsctl.ir.release import Release as Written
    from mlopsctl.release.git import Base, Repository
    from mlopsctl.release.promotion import Choice, Promotable
    from mlopsctl.release.proposal import Proposal
    from mlopsctl.release.release_file import ReleaseFile
    from mlopsctl.report.promoted import Promoted, Told
    from mlopsctl.store import Store

TO_HELP = "The environment that it goes to; its `promotesFrom` names the one it comes from."
RUN_HELP = "The run, by the beginning of its id; by default the newest that can be promoted."


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(promote)


def promote(
    context: typer.Context,
    pipeline: str = typer.Argument(..., help="The pipeline.", metavar="PIPELINE"),
    *,
    to: str = typer.Option(..., "--to", help=TO_HELP, metavar="ENV"),
    run: str = typer.Option("", "--run", help=RUN_HELP, metavar="RUN"),
    request: bool = typer.Option(False, "--pr", help="Push the branch and open a pull or merge request."),
    branch: str = typer.Option("", "--branch", help="The name of the branch.", metavar="NAME"),
    output: Format = typer.Option(Format.TEXT, "--output", "-o", help="How it is printed."),
) -> None:
    """Propose a run to the next environment: a commit to merge."""
    screen = screen_of(context)
    way = _way(screen, pipeline, to)
    promoted, proposal = _promoted(screen, way, run, branch)
    _print(_told(way, promoted, proposal, is_requested=request), output)


@frozen(kw_only=True)
class _Way:
    """From where to where: the pipeline as it is in the next environment, and the stores of both."""

    pipeline: "Pipeline"
    rules: "ReleaseRules"
    compilation: "Compilation"
    source: "Store"
    target: "Store"
    is_source_pinned: bool
    repository: "Repository"
    base: "Base"

    def path(self, environment: str) -> PurePosixPath:
        """Where git has the release of an environment."""
        from mlopsctl.release.release_file import path_of

        return path_of(self.repository, self.compilation.sources.root, environment, self.pipeline.name)

    def written(self, environment: str) -> "Written | None":
        """The release that the base has for an environment, or None."""
        from mlopsctl.release.release_file import written_at

        return written_at(self.repository, self.base.commit, self.path(environment))[1]


def _way(screen: Screen, pipeline: str, to: str) -> _Way:
    """Raises DiagnosedError where no way leads to the environment."""
    from mlopsctl.compilation import chosen_pipeline
    from mlopsctl.compiler import compile_project
    from mlopsctl.ir.environment import read_release_rules
    from mlopsctl.release import faults
    from mlopsctl.release.git import base_of, repository_of

    there = screen.compile(environment=to)
    if not there.succeeded:
        raise DiagnosedError(*there.diagnostics)
    chosen = chosen_pipeline(there, pipeline)
    all_rules = {source.name: read_release_rules(source) for source in there.sources.environments}
    rules = all_rules.get(to)
    if rules is None or not rules.promotes_from:
        known = [name for name, each in all_rules.items() if each.promotes_from]
        raise DiagnosedError(faults.promotes_from_nowhere(rules.origin.value() if rules else None, to, known))
    if rules.releases != "pinned":
        raise DiagnosedError(faults.not_pinned(rules.origin.value("releases"), to))
    before = compile_project(there.sources, rules.promotes_from)
    repository = repository_of(there.sources.root)
    return _Way(
        pipeline=chosen,
        rules=rules,
        compilation=there,
        source=store_of(before, ""),
        target=store_of(there, ""),
        is_source_pinned=rules.promotes_from in all_rules and all_rules[rules.promotes_from].releases == "pinned",
        repository=repository,
        base=base_of(repository),
    )


def _promoted(screen: Screen, way: _Way, run: str, branch: str) -> "tuple[Promoted, Proposal]":
    """The promotion, written. Raises DiagnosedError for what stands in its way."""
    from mlopsctl.release.changes import changes_of
    from mlopsctl.release.copying import address_of, is_same
    from mlopsctl.release.promotion import choose
    from mlopsctl.release.proposal import found_before, propose
    from mlopsctl.report.promoted import Promoted, commit_message
    from mlopsctl.store import short_run

    with named_at_fault(way.compilation):
        promotable = choose(_choice(way), _whole(way.source, run) if run else "")
        written, stores = way.written(way.rules.name), (way.source, way.target)
        changes = changes_of(promotable, written, stores, way.repository, way.pipeline.code.folder)
        file = _file(way, promotable)
        name = branch or f"promote/{way.rules.name}/{way.pipeline.name}-{short_run(promotable.record.run)}"
        before = found_before(way.repository, way.base, name, file)
        warnings = () if screen.quiet else (*promotable.warned, *_warnings(way, promotable))
        if warnings:
            screen.complain(warnings)
        copied = _bring(screen, way, promotable)
    promoted = Promoted(
        pipeline=way.pipeline.name,
        run=promotable.record.run,
        promoted_from=way.rules.promotes_from,
        to=way.rules.name,
        changes=changes,
        checks=tuple(promotable.evidence.checks),
        evidence=promotable.release.evidence,
        model=promotable.release.model,
        path=str(file.path),
        base=way.base.name,
        copied_to="" if is_same(way.source, way.target) else address_of(way.target),
        copied_bytes=copied,
        approvals=way.rules.approvals,
    )
    if before is not None:
        return promoted, before
    proposal = propose(way.repository, way.base, name, file, commit_message(promoted))
    with named_at_fault(way.compilation):
        _note(screen, way, promoted, proposal)
    return promoted, proposal


def _note(screen: Screen, way: _Way, promoted: "Promoted", proposal: "Proposal") -> None:
    """Note in the log of the next environment what was proposed to it. Raises StoreError."""
    from mlopsctl.engine.actor import who_here
    from mlopsctl.engine.audit import Deed, Did, append

    deed = Deed(
        did=Did.PROMOTED,
        pipeline=promoted.pipeline,
        run=promoted.run,
        model=promoted.model.digest,
        commit=proposal.commit,
        why=f"from {promoted.promoted_from}, on the branch {proposal.branch}",
    )
    append(way.target, promoted.to, deed, who=who_here(screen.environ))


def _choice(way: _Way) -> "Choice":
    from mlopsctl.release.promotion import Choice

    before = way.rules.promotes_from
    pinned = way.written(before) if way.is_source_pinned else None
    return Choice(
        pipeline=way.pipeline,
        environment=before,
        source=way.source,
        target=way.target,
        pinned=(pinned.run if pinned else "") if way.is_source_pinned else None,
    )


def _whole(store: "Store", run: str) -> str:
    """The id of the run that begins so. Raises DiagnosedError unless there is exactly one."""
    ids = store.record_ids("runs", prefix=run.upper())
    if len(ids) != 1:
        raise DiagnosedError(no_such_run(run, ids))
    return ids[0]


def _file(way: _Way, promotable: "Promotable") -> "ReleaseFile":
    from mlopsctl.release.faults import run_unfit
    from mlopsctl.release.release_file import ReleaseFile, release_text
    from mlopsctl.store import short_run

    release = promotable.release
    if not release.commit:
        why = "it was made outside of git, so nobody could say of which code"
        raise DiagnosedError(run_unfit(short_run(release.run), why, helps=("run it in a clone of the repository",)))
    text = release_text(release, (way.rules.promotes_from, way.rules.name), way.target)
    return ReleaseFile(path=way.path(way.rules.name), text=text)


def _warnings(way: _Way, promotable: "Promotable") -> "Iterator[Diagnostic]":
    """What a reviewer should know of where the pipeline is read, and of the code that ran."""
    from mlopsctl.release import faults
    from mlopsctl.store import short_run

    git, base, record = way.repository, way.base, promotable.record
    behind, ahead = git.count(f"HEAD..{base.commit}"), git.count(f"{base.commit}..HEAD")
    if behind or ahead:
        yield faults.not_at_base(base.name, behind, ahead)
    if record.changed_files:
        files = f"{record.changed_files} {'file' if record.changed_files == 1 else 'files'}"
        yield faults.not_in_base(short_run(record.run), base.name, f"{files} had changes that were not committed")
    elif git.said("merge-base", "--is-ancestor", record.commit, base.commit) is None:
        yield faults.not_in_base(short_run(record.run), base.name, f"it is of commit {record.commit[:7]}")


def _bring(screen: Screen, way: _Way, promotable: "Promotable") -> int:
    """Bring what the release needs to the next environment's store; how many bytes are there now."""
    from mlopsctl.ir.model import MonitorStage
    from mlopsctl.release.copying import bring, cargo_of
    from mlopsctl.report.bringing import Bringing
    from mlopsctl.report.terminal import Terminal

    references = {each.reference.stage for each in way.pipeline.of_kind(MonitorStage) if each.reference}
    cargo = cargo_of(way.source, promotable.record, promotable.release, references)
    with Bringing(sys.stderr, Terminal.of(sys.stderr, screen.environ), cargo.size, quiet=screen.quiet) as shown:
        return bring(cargo, way.source, way.target, shown.tell)


def _told(way: _Way, promoted: "Promoted", proposal: "Proposal", *, is_requested: bool) -> "Told":
    """What is left to do, or was done: pushed, and proposed to the forge. Raises DiagnosedError if that fails."""
    from mlopsctl.release.pull_request import Request, offer
    from mlopsctl.report.promoted import Told, request_body, title

    if not proposal.branch:
        return Told(promoted=promoted, proposal=proposal, steps=())
    request = Request(base=way.base, branch=proposal.branch, title=title(promoted), body=request_body(promoted))
    offered = offer(way.repository, request, is_requested=is_requested)
    return Told(promoted=promoted, proposal=proposal, steps=offered.steps, request=offered.address)


def _print(told: "Told", output: Format) -> None:
    from mlopsctl.report import promoted

    render = {
        Format.TEXT: promoted.render_text,
        Format.JSON: promoted.render_json,
        Format.MARKDOWN: promoted.render_markdown,
    }[output]
    sys.stdout.write(render(told))
