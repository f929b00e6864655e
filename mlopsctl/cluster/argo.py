"""Argo Workflows, which runs the stages: its definitions, the controller, and its server, which runs do without."""

from collections.abc import Iterator

from mlopsctl.cluster import controllers, definitions
from mlopsctl.cluster.connection import Connection
from mlopsctl.cluster.controllers import Controller
from mlopsctl.cluster.definitions import Kinds
from mlopsctl.cluster.errors import Absent, Forbidden, Refused
from mlopsctl.cluster.versions import ARGO_WORKFLOWS, written
from mlopsctl.examination import Observation, State

PART = "Argo Workflows"
_INSTALL = "https://argo-workflows.readthedocs.io/en/stable/installation/"
KINDS = Kinds(PART, "argoproj.io", "v1alpha1", ("workflows", "workflowtemplates", "cronworkflows"), _INSTALL)
CONTROLLER = Controller(
    PART,
    "controller",
    "workflow-controller",
    "app.kubernetes.io/component=workflow-controller",
    _INSTALL,
    oldest=ARGO_WORKFLOWS,
)
SERVER = Controller(
    PART,
    "argo-server",
    "argo-server",
    "app.kubernetes.io/part-of=argo-workflows,app.kubernetes.io/component=server",
    "runs go on without it, it shows them in a browser",
    is_required=False,
)


def observe_definitions(connection: Connection) -> Iterator[Observation]:
    """Whether workflows, their templates and their schedules are served, in the form that is applied."""
    found = definitions.definitions(connection, KINDS, required=True)
    if found.state is State.FINE and not _takes_schedules(connection):
        said = f"CronWorkflows have no `schedules`: they are of a version before {written(ARGO_WORKFLOWS)}"
        found = Observation(PART, definitions.SUBJECT, State.MISSING, said, f"upgrade it: {_INSTALL}")
    yield found


def observe_controller(connection: Connection) -> Iterator[Observation]:
    """What acts on workflows."""
    yield controllers.observe(CONTROLLER, controllers.find(connection, CONTROLLER))


def observe_server(connection: Connection) -> Iterator[Observation]:
    """What shows workflows in a browser."""
    yield controllers.observe(SERVER, controllers.find(connection, SERVER))


def _takes_schedules(connection: Connection) -> bool:
    """Whether the server would take a CronWorkflow as it is rendered; True where we can't try.

    A definition without a schema takes everything; then the version of the controller has to tell.
    """
    probe = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "CronWorkflow",
        "metadata": {"generateName": "mlopsctl-doctor-"},
        "spec": {"schedules": ["0 0 1 1 *"], "workflowSpec": {"entrypoint": "main"}},
    }
    path = f"/apis/argoproj.io/v1alpha1/namespaces/{connection.namespace}/cronworkflows"
    try:
        connection.post(path, probe, dryRun="All", fieldValidation="Strict")
    except Refused as refusal:
        return "spec.schedule" not in refusal.message
    except (Absent, Forbidden):  # no such namespace, or no such right: both have lines of their own
        return True
    return True
