"""`logs`, `runs cancel`, `runs retry`: what one does with a run that goes on, or that did not end well."""

import shlex
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from mlopsctl.cli.run_names import ENV, RUN, STORE, no_such_run
from mlopsctl.cli.running import Format, reporter_of
from mlopsctl.cli.screen import Screen, screen_of
from mlopsctl.cli.stores import in_cluster, store_of
from mlopsctl.diagnostics import DiagnosedError, similar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlopsctl.cli.exit_codes import ExitCode
    from mlopsctl.cluster.following import Subject
    from mlopsctl.cluster.runs import ClusterRun
    from mlopsctl.cluster.site import Site
    from mlopsctl.compilation import Compilation
    from mlopsctl.diagnostics import Diagnostic
    from mlopsctl.report.run_text import RunReporter
    from mlopsctl.store import RunRecord, RunStage, Store

STAGE = typer.Argument("", help="Only what this stage printed.", metavar="STAGE")
CLUSTER_ENV = typer.Option(..., "--env", "-e", help="The environment that it runs in.", metavar="NAME")


def register(app: typer.Typer, runs: typer.Typer) -> None:
    """Add the commands to the application, and to those about runs."""
    app.command()(logs)
    runs.command()(cancel)
    runs.command()(retry)


def logs(
    context: typer.Context,
    run: str = RUN,
    stage: str = STAGE,
    *,
    follow: bool = typer.Option(False, "--follow", "-f", help="Go on until the run has ended."),
    env: str = ENV,
    store: str = STORE,
) -> None:
    """Print what a run printed; in a cluster also while it runs."""
    screen = screen_of(context)
    compilation = screen.compile(environment=env)
    kept = store_of(compilation, store)
    place = _Place(screen, compilation, kept)
    found = place.find(run)
    if follow and not isinstance(found, str) and not found.is_over:
        raise typer.Exit(place.follow(found, stage))
    name = found if isinstance(found, str) else found.id
    stages = place.stages(name, found)
    if stage and stage not in stages:
        from mlopsctl.engine.faults import unknown_stage

        raise DiagnosedError(unknown_stage("STAGE", stage, similar(stage, stages), tuple(stages)))
    width = max(map(len, stages), default=0)
    for each in [stage] if stage else stages:
        for line in place.lines(found, each, stages[each]):
            sys.stdout.write(f"{line}\n" if stage else f"{each:{width}} │ {line}\n")


def cancel(context: typer.Context, run: str = RUN, *, env: str = CLUSTER_ENV) -> None:
    """End a run in a cluster. What was done stays in the cache."""
    from mlopsctl.cluster import runs
    from mlopsctl.store import short_run

    screen = screen_of(context)
    place = _cluster_place(screen, env)
    found = place.find(run)
    if isinstance(found, str) or found.is_over:
        raise DiagnosedError(place.has_ended(found if isinstance(found, str) else found.id))
    runs.cancel(place.site.objects, found)
    if not screen.quiet:
        typer.echo(f"Run {short_run(found.id)} is being ended; what was done stays in the cache.")


def retry(
    context: typer.Context,
    run: str = RUN,
    *,
    env: str = CLUSTER_ENV,
    detach: bool = typer.Option(False, "--detach", help="Don't wait for its end."),
    verbose: bool = typer.Option(False, "--verbose", "-v", help="Show what the commands print."),
    output: Format = typer.Option(Format.TEXT, "--output", "-o", help="text, or one JSON event a line."),
) -> None:
    """Run the same code with the same parameters again."""
    from mlopsctl.cli.submitting import follow, new_name
    from mlopsctl.cluster.following import Following
    from mlopsctl.cluster.runs import again
    from mlopsctl.engine.actor import as_label, user_here

    screen = screen_of(context)
    place = _cluster_place(screen, env)
    found = place.find(run)
    if isinstance(found, str):
        raise DiagnosedError(place.gone(found))
    by = as_label(user_here(screen.environ))
    made = again(place.site.objects, found, new_name(found.pipeline), place.site.environment.origin.name, by=by)
    reporter = reporter_of(screen, as_json=output is Format.JSON, verbose=verbose)
    raise typer.Exit(follow(screen, Following(place.subject(made), reporter.handle), made, reporter, detach=detach))


class _Place:
    """Where runs of an environment are looked for: its store, and its cluster if it has one."""

    def __init__(self, screen: Screen, compilation: "Compilation", store: "Store") -> None:
        self._screen, self._compilation, self._store = screen, compilation, store
        self._site: Site | None = None

    @property
    def site(self) -> "Site":
        """The cluster, reached when it is first needed. Raises DiagnosedError."""
        from mlopsctl.cli.planning import reached

        if self._site is None:
            self._site = reached(self._screen, self._compilation)
        return self._site

    def find(self, run: str) -> "ClusterRun | str":
        """The run in the cluster, or the id of one that only the store knows. Raises DiagnosedError if none is."""
        is_latest = run == "latest"
        prefix = "" if is_latest else run.upper()
        kept = self._store.record_ids("runs", prefix=prefix)
        there = {each.id: each for each in self._in_cluster() if each.id.startswith(prefix)}
        ids = sorted({*kept, *there}, reverse=True)
        if is_latest:
            ids = ids[:1]
        if len(ids) != 1:
            raise DiagnosedError(no_such_run(run, ids))
        return there.get(ids[0], ids[0])

    def stages(self, run: str, found: "ClusterRun | str") -> "Mapping[str, RunStage | None]":
        """The stages with what is kept of those that have ended."""
        from mlopsctl.engine.notes import read_note

        record = self.record(run)
        if record is not None:
            return record.stages
        assert not isinstance(found, str), "what isn't in the cluster was found by its record"
        notes = {name: read_note(self._store, run, name) for name in self.subject(found).pipeline.stages}
        return {name: note.stage if note else None for name, note in notes.items()}

    def lines(self, found: "ClusterRun | str", name: str, kept: "RunStage | None") -> Iterator[str]:
        """What a stage printed: from the store, or as long as that has nothing, from its pods."""
        from mlopsctl.cluster.run_logs import stage_log

        if kept is not None and kept.log is not None:
            yield from self._store.get_bytes(kept.log.digest).decode("utf-8", "replace").splitlines()
        elif not isinstance(found, str) and (kept is None or kept.outcome == "failed"):
            yield from stage_log(self.site.objects, found, name)

    def follow(self, run: "ClusterRun", stage: str) -> "ExitCode":
        """Show a run, or what one of its stages prints, to its end."""
        from mlopsctl.cli.submitting import follow
        from mlopsctl.cluster.following import Following
        from mlopsctl.report.run_text import OutputReporter

        reporter: RunReporter = (
            OutputReporter(sys.stdout, stage) if stage else reporter_of(self._screen, as_json=False, verbose=True)
        )
        return follow(self._screen, Following(self.subject(run), reporter.handle), run, reporter)

    def subject(self, run: "ClusterRun") -> "Subject":
        """The run with what it is of. Raises DiagnosedError if nobody knows that any more."""
        from mlopsctl.cluster.following import Subject
        from mlopsctl.cluster.runs import contract_of
        from mlopsctl.compilation import chosen_pipeline
        from mlopsctl.engine.commit import Commit
        from mlopsctl.manifest import CHANGED_FILES, COMMIT

        contract = contract_of(self.site.objects, run)
        pipeline = contract.pipeline if contract else chosen_pipeline(self._compilation, run.pipeline)
        return Subject(
            objects=self.site.objects,
            store=self._store,
            run=run,
            pipeline=pipeline,
            commit=Commit(run.labels.get(COMMIT, ""), int(run.labels.get(CHANGED_FILES) or 0)),
            has_source=False,
        )

    def record(self, run: str) -> "RunRecord | None":
        """The record of a run that has ended."""
        from mlopsctl.store import RunRecord

        document = self._store.read_record("runs", run)
        return RunRecord.from_json(document) if document else None

    def has_ended(self, run: str) -> "Diagnostic":
        """What to say of a run that goes on no longer."""
        from mlopsctl.cluster.run_faults import not_running

        record = self.record(run)
        return not_running(run, record.outcome if record else "it left no record")

    def gone(self, run: str) -> "Diagnostic":
        """What to say of a run whose workflow is gone."""
        from mlopsctl.cluster.run_faults import workflow_gone
        from mlopsctl.ir.values import shown

        record = self.record(run)
        if record is None:
            return no_such_run(run, [])
        params = [part for name, value in record.params.items() for part in ("-p", f"{name}={shown(value)}")]
        return workflow_gone(
            run, shlex.join(["mlopsctl", "run", record.pipeline, "--env", record.environment, *params])
        )

    def _in_cluster(self) -> "Iterator[ClusterRun]":
        from mlopsctl.cluster.runs import runs_of

        if in_cluster(self._compilation):
            environment = self.site.environment
            yield from runs_of(self.site.objects, environment.namespace, environment=environment.name)


def _cluster_place(screen: Screen, env: str) -> _Place:
    compilation = screen.compile(environment=env)
    if not in_cluster(compilation):
        raise typer.BadParameter(f"`{env}` is on this machine, where a run ends with Ctrl-C and goes on with `run`")
    return _Place(screen, compilation, store_of(compilation, ""))
