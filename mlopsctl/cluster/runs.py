"""Runs in a cluster: begun, found again by their ids, and ended."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from urllib.parse import quote

from mlopsctl.cluster.errors import ClusterError, Outdated
from mlopsctl.cluster.objects import Objects
from mlopsctl.cluster.refusals import refusals_of
from mlopsctl.cluster.request import MERGE, Request
from mlopsctl.cluster.run_nodes import is_over
from mlopsctl.diagnostics import DiagnosedError, Span
from mlopsctl.frozen import frozen
from mlopsctl.ir.contract import Contract, read_contract
from mlopsctl.manifest import BY, ENVIRONMENT, MANAGER, PIPELINE, Document, Key, Manifest, key_of
from mlopsctl.render.runs import RunObjects
from mlopsctl.store import run_id

API_VERSION, KIND = "argoproj.io/v1alpha1", "Workflow"
_CONTRACT_VOLUME = "contract"
_OF_ARGO = "workflows.argoproj.io/"


@frozen(kw_only=True)
class ClusterRun:
    """A run that the cluster knows of. `pipeline` is its name, `began` when its workflow was made."""

    id: str
    key: Key
    pipeline: str
    environment: str
    began: datetime
    labels: Mapping[str, str]
    workflow: Document

    @property
    def is_over(self) -> bool:
        """Whether it had ended when it was looked at."""
        return is_over(self.workflow)


def begin(objects: Objects, run: RunObjects) -> ClusterRun:
    """Begin a run. Raises DiagnosedError for what the cluster refuses, at the line that it is about."""
    made = _created(objects, run.workflow)
    metadata = made["metadata"]
    owner = {"apiVersion": API_VERSION, "kind": KIND, "name": metadata["name"], "uid": metadata["uid"]}
    document = run.contract.document
    owned = {**document, "metadata": {**document["metadata"], "ownerReferences": [owner]}}
    try:
        # Argo takes a moment to begin, so the contract is there when the first pod asks for it.
        objects.created(owned)
    except ClusterError as error:
        objects.deleted(run.workflow.key, API_VERSION, uid=metadata["uid"])
        raise DiagnosedError(*refusals_of(error, run.contract)) from error
    return _run(made)


def runs_of(objects: Objects, namespace: str, *, environment: str, pipeline: str = "") -> Iterator[ClusterRun]:
    """The runs that the cluster has of an environment, and of one pipeline if it is named; the newest first.

    They are there until some time after their end.
    """
    selector = f"{ENVIRONMENT}={environment}" + (f",{PIPELINE}={pipeline}" if pipeline else "")
    found = (_run(each) for each in objects.listed(API_VERSION, KIND, namespace, selector))
    yield from sorted(found, key=lambda run: run.id, reverse=True)


def contract_of(objects: Objects, run: ClusterRun) -> Contract | None:
    """What the run is of, or None if that is no longer there."""
    volumes = {each["name"]: each for each in _spec(run.workflow).get("volumes", ())}
    name = volumes.get(_CONTRACT_VOLUME, {}).get("configMap", {}).get("name", "")
    found = objects.get(Key("", "ConfigMap", run.key.namespace, name), "v1") if name else None
    try:
        return read_contract(found.get("data") or {}, run.environment) if found else None
    except (KeyError, ValueError, TypeError):
        return None


def cancel(objects: Objects, run: ClusterRun) -> None:
    """End a run: what runs is ended, nothing new begins, and its record is kept. Raises ClusterError."""
    namespace, name = (quote(part, safe="") for part in (run.key.namespace, run.key.name))
    objects.connection.send(
        Request(
            method="PATCH",
            path=f"/apis/{API_VERSION}/namespaces/{namespace}/workflows/{name}",
            query={"fieldManager": MANAGER},
            body={"spec": {"shutdown": "Stop"}},
            content_type=MERGE,
            is_repeatable=True,
        )
    )


def again(objects: Objects, run: ClusterRun, name: str, origin: Span, *, by: str) -> ClusterRun:
    """A new run of the same code with the same parameters, by this name; what is done comes from the cache.

    `by` is the label of whoever asks for it, `origin` what in the source is shown if the cluster refuses it. Raises as
    `begin`.
    """
    spec = {key: value for key, value in run.workflow["spec"].items() if key not in ("shutdown", "suspend")}
    volumes = [_renamed(volume, run.key.name, name) for volume in spec.get("volumes", ())]
    labels = {key: value for key, value in run.labels.items() if not key.startswith(_OF_ARGO)} | {BY: by}
    metadata = {"name": name, "namespace": run.key.namespace, "labels": labels}
    document = {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata}
    document |= {"spec": spec | ({"volumes": volumes} if volumes else {})}
    workflow = Manifest(document=document, pipeline=run.pipeline, stage="", origin=origin, places={})
    own = objects.get(Key("", "ConfigMap", run.key.namespace, run.key.name), "v1")
    if own is None:  # it refers to what was applied
        return _run(_created(objects, workflow))
    contract = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": own.get("data") or {}}
    return begin(objects, RunObjects(workflow=workflow, contract=replace(workflow, document=contract)))


def _renamed(volume: Document, old: str, new: str) -> Document:
    """A volume, of the new contract if it was of the old one."""
    is_contract = (volume.get("configMap") or {}).get("name") == old
    return {**volume, "configMap": {**volume["configMap"], "name": new}} if is_contract else volume


def _spec(workflow: Document) -> Document:
    """What is run: of a workflow that refers to a template, what Argo took from that."""
    status: Document = workflow.get("status") or {}
    spec: Document = status.get("storedWorkflowTemplateSpec") or workflow["spec"]
    return spec


def _created(objects: Objects, manifest: Manifest) -> Document:
    try:
        return objects.created(manifest.document)
    except Outdated as error:
        # Nobody else takes such a name: the answer to our first attempt got lost.
        found = objects.get(manifest.key, API_VERSION)
        if found is not None:
            return found
        raise DiagnosedError(*refusals_of(error, manifest)) from error
    except ClusterError as error:
        raise DiagnosedError(*refusals_of(error, manifest)) from error


def _run(workflow: Document) -> ClusterRun:
    metadata = workflow["metadata"]
    labels: Mapping[str, str] = metadata.get("labels") or {}
    began = datetime.fromisoformat(metadata["creationTimestamp"])
    return ClusterRun(
        id=run_id(metadata["uid"], began),
        key=key_of({"apiVersion": API_VERSION, "kind": KIND, **workflow}),
        pipeline=labels.get(PIPELINE, ""),
        environment=labels.get(ENVIRONMENT, ""),
        began=began,
        labels=labels,
        workflow=workflow,
    )
