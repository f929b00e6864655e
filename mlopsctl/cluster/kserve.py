"""KServe, which serves the models: its definitions, the controller, its webhook and how it deploys."""

import json
from collections.abc import Iterator

from mlopsctl.cluster import controllers, definitions
from mlopsctl.cluster.connection import Connection
from mlopsctl.cluster.controllers import Controller
from mlopsctl.cluster.definitions import Kinds
from mlopsctl.cluster.errors import Absent, ClusterError, Forbidden, Refused, Unreachable
from mlopsctl.cluster.seeing import unseen
from mlopsctl.cluster.transport import short
from mlopsctl.cluster.versions import KSERVE
from mlopsctl.examination import Observation, State

PART = "KServe"
_INSTALL = "https://kserve.github.io/website/docs/admin-guide/overview"
INFERENCE_SERVICES = Kinds(PART, "serving.kserve.io", "v1beta1", ("inferenceservices",), _INSTALL)
RUNTIMES = Kinds(PART, "serving.kserve.io", "v1alpha1", ("servingruntimes",), _INSTALL)
CONTROLLER = Controller(
    PART,
    "controller",
    "kserve-controller-manager",
    "control-plane=kserve-controller-manager",
    _INSTALL,
    oldest=KSERVE,
)
_CONFIGURATION_SUBJECT = "configuration"
_CONFIGURATION = "inferenceservice-config"
# Shorter than we wait for an answer, so that the server is the one who gives up, and may say on what.
_WEBHOOK_TIME = "3s"
_GATEWAY_TIMEOUT = 504
_DENIED = 'admission webhook "inferenceservice.kserve'
_ON_KNATIVE = ("Serverless", "Knative")


def observe_definitions(connection: Connection) -> Iterator[Observation]:
    """Whether services and the runtimes that they run in are served."""
    services = definitions.definitions(connection, INFERENCE_SERVICES, required=True)
    runtimes = definitions.definitions(connection, RUNTIMES, required=True)
    if services.state is runtimes.state is State.FINE:
        yield Observation(PART, services.subject, State.FINE, f"{services.found}, {runtimes.found}")
    else:
        yield runtimes if services.state is State.FINE else services


def observe_controller(connection: Connection) -> Iterator[Observation]:
    """The controller, and how it deploys by default."""
    found = controllers.find(connection, CONTROLLER)
    yield controllers.observe(CONTROLLER, found)
    if found is not None:
        try:
            yield _deployment_mode(connection, found.namespace)
        except ClusterError as error:
            yield unseen(PART, _CONFIGURATION_SUBJECT, error)


def observe_webhook(connection: Connection) -> Iterator[Observation]:
    """Whether KServe is asked, and answers, when somebody applies a service; nothing if we can't try.

    What is tried, without being applied, is a service whose name Kubernetes takes and KServe doesn't: a refusal by its
    webhook is what tells that it works.
    """
    probe = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "0-mlopsctl-doctor"},
        "spec": {"predictor": {"minReplicas": 1}},
    }
    path = f"/apis/serving.kserve.io/v1beta1/namespaces/{connection.namespace}/inferenceservices"
    try:
        connection.post(path, probe, dryRun="All", timeout=_WEBHOOK_TIME)
    except Refused as refusal:
        yield _webhook_of(refusal)
        return
    except (Absent, Forbidden):  # no such namespace, or no such right: both have lines of their own
        return
    except Unreachable:
        # A server that runs out of time says so, or cuts the connection. If it still answers it was that.
        connection.get("/version")
        yield _undecided()
        return
    advice = f"install KServe's webhooks again, or faults show only when the model doesn't start: {_INSTALL}"
    yield Observation(PART, "webhook", State.MISSING, "not asked: a wrong service is taken", advice)


def _webhook_of(refusal: Refused) -> Observation:
    if refusal.message.startswith(_DENIED):
        return Observation(PART, "webhook", State.FINE, "answers")
    if "failed calling webhook" in refusal.message or "failed to call webhook" in refusal.message:
        why = refusal.message.rpartition(": ")[2]
        advice = "nothing can be applied until it answers: see the controller's log, and its Service and certificate"
        return Observation(PART, "webhook", State.MISSING, f"doesn't answer: {short(why)}", advice)
    if refusal.status == _GATEWAY_TIMEOUT:
        return _undecided()
    return Observation(PART, "webhook", State.UNKNOWN, f"the server answers {refusal.status}: {short(refusal.message)}")


def _undecided() -> Observation:
    found = "the server didn't decide in time, most likely as it waited for a webhook"
    advice = "see which webhooks there are: kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations"
    return Observation(PART, "webhook", State.MISSING, found, advice)


def _deployment_mode(connection: Connection, namespace: str) -> Observation:
    subject = _CONFIGURATION_SUBJECT
    try:
        found = connection.get(f"/api/v1/namespaces/{namespace}/configmaps/{_CONFIGURATION}")
    except Absent:
        said = f"no ConfigMap `{_CONFIGURATION}` in `{namespace}`"
        return Observation(PART, subject, State.MISSING, said, f"install KServe again: {_INSTALL}")
    mode = _mode(found.get("data", {}).get("deploy", ""))
    if mode in _ON_KNATIVE and not definitions.served(connection, "serving.knative.dev", "v1"):
        said = f"deploys with Knative ({mode}), which is not there"
        advice = f"set `defaultDeploymentMode` of `{_CONFIGURATION}` to Standard, or install Knative Serving"
        return Observation(PART, subject, State.MISSING, said, advice)
    return Observation(PART, subject, State.FINE, f"deploys as {mode}")


def _mode(deploy: str) -> str:
    """The default mode that KServe's configuration names; without one, KServe's own."""
    try:
        return str(json.loads(deploy)["defaultDeploymentMode"])
    except (ValueError, KeyError, TypeError):
        return "Standard"
