"""Which model a container is about, by digest, and its bytes where a server that isn't ours looks for them."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.engine.notes import read_note
from mlopsctl.engine.results import result_in
from mlopsctl.ir.contract import Contract
from mlopsctl.ir.model import DeployStage
from mlopsctl.pod import faults
from mlopsctl.pod.patience import patient_store
from mlopsctl.pod.printing import say
from mlopsctl.pod.session import mounted_contract
from mlopsctl.pod.settings import Settings
from mlopsctl.runtime.stop import Stop
from mlopsctl.store import Artifact, RunRecord, Store


def run(name: str, settings: Settings, stop: Stop) -> int:
    """Fetch the model for a ServingRuntime of the cluster, which starts only if all its bytes are right.

    A file is called as the training called it, and of a folder the entries are there. Raises DiagnosedError,
    StoreError and OSError.
    """
    store = patient_store(settings, stop, say)
    document = released(store)
    if document:
        model = Artifact(**document["model"])
    else:
        model = applied_model(store, settings.run, deploy_stage(name, mounted_contract(settings)))
    _lay_out(store, model, settings.models)
    say(f"{model.digest} of run {settings.run} is in {settings.models}")
    return 0


def released(store: Store) -> dict[str, Any] | None:
    """The description of what a run put into service, where the container was told one."""
    digest = told_release()
    if not digest:
        return None
    document: dict[str, Any] = json.loads(store.get_bytes(digest))
    return document


def told_release() -> str:
    """The digest of that description; empty where git says what serves."""
    return os.environ.get("MLOPS_RELEASE", "")


def deploy_stage(name: str, contract: Contract) -> DeployStage:
    """The deploy stage of this name. Raises DiagnosedError if there is none."""
    deploys = {stage.name: stage for stage in contract.pipeline.of_kind(DeployStage)}
    if name not in deploys:
        raise DiagnosedError(faults.no_such_stage(name, tuple(deploys), "deploy stage"))
    return deploys[name]


def applied_model(store: Store, run: str, stage: DeployStage) -> Artifact:
    """The model that is meant: what the run made, if it has the digest that the container was told."""
    digest = os.environ.get("MLOPS_MODEL_DIGEST", "")
    for artifact in _made(store, run, stage.model.stage):
        if artifact.digest == digest:
            return artifact
    raise DiagnosedError(faults.model_unknown(digest, run, stage.name))


def _made(store: Store, run: str, stage: str) -> list[Artifact]:
    """What a stage made in a run, in a cluster or elsewhere."""
    note = read_note(store, run, stage)
    if note is not None:
        return list(note.outputs.values())
    document = store.read_record("runs", run)
    kept = RunRecord.from_json(document).stages.get(stage) if document else None
    result = result_in(store, run, kept) if kept is not None else None
    return list(result.outputs.values()) if result else []


def _lay_out(store: Store, model: Artifact, folder: Path) -> None:
    """Put the model into a folder, which may hold what an attempt before left there."""
    for left in folder.iterdir():
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink()
    if model.kind == "file":
        store.fetch_artifact(model, folder / model.name)
        return
    # Within the folder, as it is a volume of its own, into which nothing can be moved from outside.
    whole = folder / f".{model.name}"
    store.fetch_artifact(model, whole)
    for entry in whole.iterdir():
        entry.replace(folder / entry.name)
    whole.rmdir()
