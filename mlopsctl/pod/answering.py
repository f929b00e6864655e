"""What a monitor does about what it found: by the same hands as people, and by the rights that its account has for it.

What it does is decided by what it judged: where another release serves by now, none is turned back.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

from mlopsctl.cluster.access import INSISTENT
from mlopsctl.cluster.connection import Connection
from mlopsctl.cluster.errors import Outdated
from mlopsctl.cluster.inside import connect_inside
from mlopsctl.cluster.objects import Objects
from mlopsctl.cluster.override import Overrides
from mlopsctl.cluster.request import Request
from mlopsctl.cluster.resources import Resources
from mlopsctl.cluster.waiting import Waiting
from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.engine.actor import as_label, monitor_actor
from mlopsctl.engine.audit import Deed, Did, append
from mlopsctl.frozen import frozen
from mlopsctl.ir.contract import Contract
from mlopsctl.ir.model import MonitorStage
from mlopsctl.ir.names import run_name, schedules, short_hash
from mlopsctl.manifest import BY
from mlopsctl.plan.overrides import Override
from mlopsctl.pod import faults
from mlopsctl.pod.printing import complain, say
from mlopsctl.release import stopping
from mlopsctl.release.rollback import Asked, roll_back
from mlopsctl.release.serving import Versions
from mlopsctl.release.serving_faults import no_route, not_noted
from mlopsctl.runtime.stop import Stop
from mlopsctl.store import DriftCheck, Store, StoreError, short_run, timestamp


@frozen(kw_only=True)
class Answer:
    """What a monitor is to do: about which check of it, and why, in words."""

    contract: Contract
    monitor: MonitorStage
    check: DriftCheck
    why: str

    @property
    def who(self) -> str:
        """Who does it, as logs have it."""
        return monitor_actor(self.monitor.name)

    @property
    def pipeline(self) -> str:
        """The pipeline whose monitor it is."""
        return self.contract.pipeline.name


def given(answer: Answer, store: Store, stop: Stop, environ: Mapping[str, str] = os.environ) -> str:
    """Do what the check asks for; what was done, in words. Raises DiagnosedError, StoreError."""
    try:
        connection = connect_inside(environ, patience=INSISTENT)
        if answer.check.action == "retrain":
            return f"{start_run(connection, answer)} was started"
        if answer.check.action == "rollback":
            return turn_back(connection, answer, store, stop)
        return stop_serving(connection, answer, store)
    except DiagnosedError as error:
        found = error.diagnostics[0]
        wrong = faults.not_answered(answer.pipeline, answer.check.action, found.message)
        raise DiagnosedError(wrong, *error.diagnostics[1:]) from error


def start_run(connection: Connection, answer: Answer) -> str:
    """Start a run of the pipeline; the workflow's name. Raises ClusterError.

    Whoever ended before it could note that it had started one has started this one: it has a name of its own.
    """
    name = _name_of_run(answer)
    workflow = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": name, "labels": {BY: as_label(answer.who)}},
        "spec": {"workflowTemplateRef": {"name": answer.pipeline}},
    }
    path = f"/apis/argoproj.io/v1alpha1/namespaces/{connection.namespace}/workflows"
    with suppress(Outdated):  # it is there already
        connection.send(Request(method="POST", path=path, body=workflow, is_repeatable=True))
    return name


def _name_of_run(answer: Answer) -> str:
    """The same until the monitor has noted that it acted."""
    told = "\n".join((answer.monitor.name, answer.check.run, answer.check.acted))
    return run_name(answer.pipeline, short_hash(told))


def turn_back(connection: Connection, answer: Answer, store: Store, stop: Stop) -> str:
    """Let the release before serve again; what was done. Raises DiagnosedError, StoreError.

    A version that a rollout tries meanwhile is not what was judged. Its run finds that the pointer has moved.
    """
    environment = answer.contract.pipeline.environment
    draft = answer.contract.drafts[answer.check.watches]
    way = Versions(Objects(connection, Resources(connection)), draft, store, _tell, stop)
    asked = Asked(
        pipeline=answer.pipeline, environment=environment, who=answer.who, why=answer.why, leaves=answer.check.run
    )
    found = roll_back(store, asked, way)
    serves = "would serve again, were it not stopped" if found.stopped else "serves again"
    return f"run {short_run(found.release.run)} {serves}; run {short_run(found.left.run)} is rejected"


def stop_serving(connection: Connection, answer: Answer, store: Store) -> str:
    """Let no request reach the model until somebody resumes it; what was done. Raises DiagnosedError, StoreError."""
    pipeline = answer.contract.pipeline
    overrides = Overrides(connection, connection.namespace, pipeline.name, pipeline.environment, schedules(pipeline))
    route = overrides.route()
    if route is None:
        raise DiagnosedError(no_route(None, pipeline.name, pipeline.environment, has_gateway=True))
    now = timestamp(datetime.now(UTC))
    found = stopping.stop(overrides, route, Override(pipeline=pipeline.name, by=answer.who, at=now, why=answer.why))
    if found.was_stopped:
        return f"it was stopped already, by {found.override.by}"
    deed = Deed(did=Did.STOPPED, pipeline=pipeline.name, why=answer.why)
    try:
        append(store, pipeline.environment, deed, who=answer.who)
    except StoreError as error:
        complain([not_noted(deed.did, deed.pipeline, str(error))])
    return (
        f"it is stopped: {'its fallback answers' if found.fallback else 'the gateway answers requests with an error'}"
    )


def _tell(seen: Waiting) -> None:
    if not seen.health.is_ready:
        say(f"{seen.key} is {seen.health.state}{f': {seen.health.why}' if seen.health.why else ''}")
