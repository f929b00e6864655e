"""The nodes of a training that is distributed: a JobSet that this pod makes, follows to its end, and owns.

It ends with this pod: by its word while that runs, else with its object, as Kubernetes removes what an owner leaves.
"""

import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from mlopsctl.cluster.access import THOROUGH
from mlopsctl.cluster.errors import Absent
from mlopsctl.cluster.inside import connect_inside
from mlopsctl.cluster.nodes import JOB_SET
from mlopsctl.cluster.objects import Objects
from mlopsctl.cluster.resources import Resources
from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.engine.ranks import Job, RankEnd
from mlopsctl.engine.session import Session
from mlopsctl.frozen import frozen
from mlopsctl.ir.draft import Object
from mlopsctl.ir.model import Stage
from mlopsctl.manifest import PREFIX, RUN_MANAGER, Document, Key, key_of
from mlopsctl.pod import faults
from mlopsctl.pod.node_watch import NodeWatch
from mlopsctl.pod.rank import COUNT, FIRST, JOB, NODES
from mlopsctl.pod.settings import GRACE, Settings, wanted_setting
from mlopsctl.store import canonical_json, digest_json

PORT = 29500  # where rank 0 may listen: the one that torch takes if nobody says another
_POD = "MLOPS_POD"
# What this pod was told of its run, and its nodes have to be.
_PASSED_ON = ("MLOPS_RUN", "MLOPS_BEGAN", "MLOPS_GIVEN", "MLOPS_LABELS", "MLOPS_EACH")
_SAME = f"{PREFIX}nodes-of"  # the label of the nodes of one stage of one run, whichever attempt they are of
_LONGEST_STAGE = 30  # of the 63 characters of a pod's name, so that the rest has room
_DIGITS = 8


@frozen
class ClusterNodes:
    """Makes nodes as a contract drafts them."""

    settings: Settings
    draft: Object

    def run(self, session: Session, stage: Stage, job: Job) -> list[RankEnd]:
        """How each rank ended. Raises DiagnosedError if they can't begin together, ClusterError, StoreError."""
        connection = connect_inside(session.environ, self._namespace, patience=THOROUGH)
        return self.run_by(Objects(connection, Resources(connection), RUN_MANAGER), session, stage, job)

    def run_by(self, objects: Objects, session: Session, stage: Stage, job: Job) -> list[RankEnd]:
        """The same, as whoever sees these objects."""
        namespace = self._namespace
        digest = session.store.put_bytes(canonical_json(asdict(job))).digest
        document = self.document(stage, _own_pod(objects, namespace), digest, label=job.label)
        _remove_former(objects, namespace, document)
        try:
            made = objects.created(document)
        except Absent as error:
            raise DiagnosedError(faults.no_job_sets(stage.name)) from error
        with NodeWatch(objects, session, stage, made) as watch:
            return watch.ends()

    @property
    def _namespace(self) -> str:
        return str(self.draft["metadata"]["namespace"])

    def document(self, stage: Stage, pod: Document, job: str, *, label: str) -> Document:
        """The JobSet as it is made for one attempt, by this pod. `job` is the digest of what it runs."""
        of_stage = _short([self.settings.run, stage.name, label])
        part = _short([pod["metadata"]["uid"], of_stage])
        name = f"{stage.written_name[:_LONGEST_STAGE].rstrip('-')}-{part}"
        (replicated,) = self.draft["spec"]["replicatedJobs"]
        count = int(replicated["template"]["spec"]["completions"])
        told = {each: os.environ[each] for each in _PASSED_ON if each in os.environ}
        told |= {NODES: name, JOB: job, COUNT: str(count), FIRST: f"{name}-{replicated['name']}-0-0.{name}:{PORT}"}
        metadata = self.draft["metadata"]
        metadata = {
            **metadata,
            "name": name,
            "labels": {**metadata.get("labels", {}), _SAME: of_stage},
            "ownerReferences": [
                {"apiVersion": "v1", "kind": "Pod", "name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"]}
            ],
        }
        changed = _with_pod_spec(replicated, _told(_pod_spec(replicated), told, _contract_of(pod)))
        return {**self.draft, "metadata": metadata, "spec": {**self.draft["spec"], "replicatedJobs": [changed]}}


def _short(parts: list[str]) -> str:
    return digest_json(parts).removeprefix("sha256:")[:_DIGITS]


def _own_pod(objects: Objects, namespace: str) -> Document:
    name = wanted_setting(os.environ, _POD)
    pod = objects.get(Key("", "Pod", namespace, name), "v1")
    if pod is None:
        raise DiagnosedError(faults.setting_wrong(_POD, f"names no pod of `{namespace}`: {name}"))
    return pod


def _contract_of(pod: Document) -> str:
    """The name of the ConfigMap that is mounted into it as its contract."""
    volumes = {each["name"]: each for each in pod["spec"].get("volumes", ())}
    return str(volumes["contract"]["configMap"]["name"])


def _pod_spec(replicated: Object) -> Mapping[str, Any]:
    found: Mapping[str, Any] = replicated["template"]["spec"]["template"]["spec"]
    return found


def _with_pod_spec(replicated: Object, spec: Object) -> Object:
    template = replicated["template"]
    pods = {**template["spec"]["template"], "spec": spec}
    return {**replicated, "template": {**template, "spec": {**template["spec"], "template": pods}}}


def _told(spec: Mapping[str, Any], variables: Mapping[str, str], contract: str) -> Object:
    """The spec of the pods, with these variables, and the contract of this run."""
    if (grace := spec.get("terminationGracePeriodSeconds")) is not None:
        variables = {**variables, GRACE: str(grace)}
    # What is in parentheses behind a dollar would be another variable to Kubernetes.
    added = [{"name": name, "value": value.replace("$(", "$$(")} for name, value in variables.items()]
    containers = [
        {**each, "env": [*each.get("env", ()), *added]} if each["name"] == "main" else each
        for each in spec["containers"]
    ]
    volumes = [
        {**each, "configMap": {**each["configMap"], "name": contract}} if each["name"] == "contract" else each
        for each in spec.get("volumes", ())
    ]
    return {**spec, "containers": containers, "volumes": volumes}


def _remove_former(objects: Objects, namespace: str, document: Document) -> None:
    """End what a pod before this one has left that was ended without a word, so that no two work at the same."""
    selector = f"{_SAME}={document['metadata']['labels'][_SAME]}"
    for former in objects.listed(*JOB_SET, namespace, selector):
        objects.deleted(key_of(former), JOB_SET[0], uid=former["metadata"]["uid"])
