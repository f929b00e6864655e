"""A run in a cluster, from the command line: begun with the code that is here, and followed to its end."""

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from mlopsctl.cli.exit_codes import ExitCode, exit_code_of_run
from mlopsctl.cli.interrupting import terminable
from mlopsctl.cli.planning import reached
from mlopsctl.cli.screen import Screen
from mlopsctl.cli.sending import pinned_as
from mlopsctl.cli.stores import named_at_fault, store_of
from mlopsctl.diagnostics import DiagnosedError, has_errors
from mlopsctl.frozen import frozen

if TYPE_CHECKING:
    from mlopsctl.cluster.following import Following
    from mlopsctl.cluster.runs import ClusterRun
    from mlopsctl.cluster.site import Site
    from mlopsctl.compilation import Compilation
    from mlopsctl.engine.commit import Commit
    from mlopsctl.engine.selection import Selection
    from mlopsctl.ir.model import Pipeline
    from mlopsctl.ir.values import Values
    from mlopsctl.manifest import Manifest
    from mlopsctl.render.runs import RunObjects
    from mlopsctl.report.run_text import RunReporter
    from mlopsctl.store import Store

_RANDOM_BYTES = 4


@frozen(kw_only=True)
class Asked:
    """What is asked of a run. `begin` and `only` name stages; `detach`: don't wait for its end."""

    params: Mapping[str, str]
    begin: str | None
    only: str | None
    force: bool
    detach: bool


def submit(
    screen: Screen, compilation: "Compilation", pipeline: "Pipeline", asked: Asked, reporter: "RunReporter"
) -> ExitCode:
    """Begin a run and follow it; what the command ends with. Raises DiagnosedError, StoreError."""
    from mlopsctl.cluster.following import Following, Subject
    from mlopsctl.cluster.runs import begin
    from mlopsctl.engine.selection import select
    from mlopsctl.local.git import commit_of

    values = _values(pipeline, asked.params)
    selection = select(pipeline, begin=asked.begin, only=asked.only, force=asked.force)
    made = _rendered(screen, compilation, pipeline, values)
    site = reached(screen, compilation)
    _refuse_unless_applied(site, pipeline, made)
    store = _send(compilation, pipeline, values, made)
    commit = commit_of(pipeline.file.parent)
    run = begin(site.objects, _objects(pipeline, made, asked, selection, commit))
    subject = Subject(objects=site.objects, store=store, run=run, pipeline=pipeline, commit=commit, has_source=True)
    return follow(screen, Following(subject, reporter.handle), run, reporter, detach=asked.detach)


def follow(
    screen: Screen, following: "Following", run: "ClusterRun", reporter: "RunReporter", *, detach: bool = False
) -> ExitCode:
    """Show a run to its end, or only that it is there; what the command ends with."""
    try:
        with terminable():
            following.announce()
            if detach:
                _say_how(screen, run, "")
                return ExitCode.DONE
            ended = following.to_the_end()
    except KeyboardInterrupt:
        reporter.close()
        _say_how(screen, run, "The run goes on in the cluster.")
        return ExitCode.INTERRUPTED
    finally:
        reporter.close()
    if ended.diagnostics:
        screen.complain(ended.diagnostics)
    return exit_code_of_run(ended.outcome.value)


def new_name(pipeline: str) -> str:
    """A name for the workflow of a run that no other has."""
    from mlopsctl.ir.names import run_name

    return run_name(pipeline, os.urandom(_RANDOM_BYTES).hex())


def _say_how(screen: Screen, run: "ClusterRun", first: str) -> None:
    """How to follow a run, and how to end it."""
    from mlopsctl.store import short_run

    if screen.quiet:
        return
    name = f"{short_run(run.id)} --env {run.environment}"
    lines = [first, f"Follow it: mlopsctl logs {name} --follow", f"End it:    mlopsctl runs cancel {name}"]
    sys.stderr.write("".join(f"{line}\n" for line in lines if line))


def _values(pipeline: "Pipeline", params: Mapping[str, str]) -> "Values":
    """The values of the parameters. Raises DiagnosedError for those that can't be."""
    from mlopsctl.cluster.run_faults import argo_would_replace
    from mlopsctl.ir.values import read_values

    values, wrong = read_values(pipeline, params)
    unfit = [argo_would_replace(name) for name, text in params.items() if "{{" in text]
    if wrong or unfit:
        raise DiagnosedError(*wrong, *unfit)
    return values


def _rendered(
    screen: Screen, compilation: "Compilation", pipeline: "Pipeline", values: "Values"
) -> "Mapping[str, Manifest]":
    """The objects of the pipeline that a run is made of, by kind; warnings are shown."""
    from mlopsctl.compiler import render_run
    from mlopsctl.manifest import CONTRACT

    with screen.templates(compilation.sources) as templates:
        made = render_run(compilation, pipeline, values, templates, screen.targets(compilation.sources, ()))
    if has_errors(made.diagnostics):
        raise DiagnosedError(*made.diagnostics)
    if made.diagnostics and not screen.quiet:
        screen.complain(made.diagnostics)
    found = {each.key.kind: each for each in made.manifests if each.key.kind == "WorkflowTemplate"}
    contracts = (each for each in made.manifests if CONTRACT in each.document["metadata"].get("labels", {}))
    return found | {each.key.kind: each for each in contracts}


def _refuse_unless_applied(site: "Site", pipeline: "Pipeline", made: "Mapping[str, Manifest]") -> None:
    """Raise DiagnosedError where nothing of the pipeline is there, or where only that may run and this is another."""
    from mlopsctl.cluster.run_faults import not_applied, not_as_applied
    from mlopsctl.render.runs import is_applied

    live = {kind: site.objects.get(each.key, each.api_version) for kind, each in made.items()}
    environment = site.environment
    if live["WorkflowTemplate"] is None:
        raise DiagnosedError(not_applied(pipeline.origin.name, pipeline.name, environment.namespace))
    differing = [str(each.key) for kind, each in made.items() if not is_applied(each, live[kind])]
    if environment.is_protected and differing:
        place = environment.origin.value("protected")
        raise DiagnosedError(not_as_applied(place, pipeline.name, environment.name, differing))


def _send(
    compilation: "Compilation", pipeline: "Pipeline", values: "Values", made: "Mapping[str, Manifest]"
) -> "Store":
    """Keep what the pods will ask the store for. Raises DiagnosedError, also if it has just changed."""
    from mlopsctl.engine.faults import code_changed
    from mlopsctl.ir.pins import Pins

    pins = Pins(compilation.sources.paths, values)
    pinned = pinned_as(compilation, pins, pipeline, made["ConfigMap"].document["data"])
    if pinned is None:
        raise DiagnosedError(code_changed(None, pipeline.name))
    with named_at_fault(compilation):
        store = store_of(compilation, "")
        pinned.keep(store)
    return store


def _objects(
    pipeline: "Pipeline",
    made: "Mapping[str, Manifest]",
    asked: Asked,
    selection: "Selection",
    commit: "Commit",
) -> "RunObjects":
    from mlopsctl.engine.actor import as_label, user_here
    from mlopsctl.manifest import BY, CHANGED_FILES, COMMIT, FORCE, FROM, ONLY
    from mlopsctl.render.runs import Wish, run_objects

    labels = {
        COMMIT: commit.digest,
        CHANGED_FILES: str(commit.changed_files or ""),
        FROM: asked.begin or "",
        ONLY: asked.only or "",
        FORCE: "true" if asked.force else "",
        BY: as_label(user_here(os.environ)),
    }
    wish = Wish(
        name=new_name(pipeline.name),
        params=asked.params,
        labels={name: value for name, value in labels.items() if value},
        needed=selection.needed,
    )
    return run_objects(made["WorkflowTemplate"], made["ConfigMap"], wish)
