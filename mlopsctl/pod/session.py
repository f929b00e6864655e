"""One stage of a pipeline as the engine takes it, from what the pod was told and what was mounted into it."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.engine.cache import default_cache
from mlopsctl.engine.commit import Commit
from mlopsctl.engine.results import Results
from mlopsctl.engine.selection import Selection, select
from mlopsctl.engine.session import Nodes, Session
from mlopsctl.ir.contract import Contract, read_contract
from mlopsctl.ir.model import Pipeline, Stage
from mlopsctl.ir.parts import Retries
from mlopsctl.ir.values import Values, declared_params, read_values, shown
from mlopsctl.manifest import BY, CHANGED_FILES, COMMIT, FORCE, FROM, ONLY
from mlopsctl.pod import faults
from mlopsctl.pod.code import PinnedCode
from mlopsctl.pod.environment import PodPython
from mlopsctl.pod.printing import tell
from mlopsctl.pod.settings import Settings
from mlopsctl.runtime.stop import Stop
from mlopsctl.store import DigestCache, Store

# The command's part of the time that a pod has to end in. The rest is for its state, its log and its record, which are
# kept after it.
_OF_GRACE = 1 / 3
_NOW = "now"
_OF_SCHEDULE = "workflows.argoproj.io/cron-workflow"


def mounted_contract(settings: Settings) -> Contract:
    """The pipeline that is mounted into the pod. Raises DiagnosedError."""
    try:
        files = {file.name: file.read_text(encoding="utf-8") for file in settings.contract.glob("*.json")}
        return read_contract(files, settings.environment)
    except KeyError as error:
        why = f"there is no {error}"
    except (OSError, ValueError, TypeError) as error:
        why = str(error)
    raise DiagnosedError(faults.contract_unreadable(str(settings.contract), why))


def session_of(settings: Settings, contract: Contract, stage: Stage, store: Store, stop: Stop) -> Session:
    """The session in which one stage runs. Raises DiagnosedError for parameters that can't be.

    A stage that is distributed has its nodes made by this pod, unless it is one of them.
    """
    pipeline = contract.pipeline
    environ = dict(os.environ)
    environ.setdefault("MLOPS_CACHE", str(settings.work / "cache"))
    selection = told_selection(settings, pipeline)
    code = PinnedCode(fresh_folder(settings), store, contract.code.get(stage.name, ""))
    return Session(
        run=settings.run,
        root=settings.work,
        pipeline=pipeline,
        values=given_values(pipeline, settings.given),
        store=store,
        results=Results(store, pipeline.name, pipeline.environment),
        workspace=code,
        digests=DigestCache(settings.work / "digests"),
        commit=told_commit(settings),
        who=told_actor(settings),
        started=settings.began,
        emit=tell,
        stop=stop,
        environ=environ,
        again=selection.again,
        only=selection.only,
        needed=selection.needed,
        jobs=1,
        requirements=contract.requirements,
        pinned=contract.data,
        image=contract.image,
        grace=settings.grace * _OF_GRACE,
        nodes=_nodes(settings, contract, stage),
        python=pod_python(settings, store, stop, requirements=contract.requirements, version=pipeline.code.python),
    )


def _nodes(settings: Settings, contract: Contract, stage: Stage) -> Nodes | None:
    if stage.name not in contract.job_sets:
        return None
    from mlopsctl.pod.nodes import ClusterNodes  # here, as other stages say nothing to the cluster

    return ClusterNodes(settings, contract.job_sets[stage.name])


def told_commit(settings: Settings) -> Commit:
    """The commit that the run is of, by whoever began it."""
    changed = settings.labels.get(CHANGED_FILES, "")
    return Commit(settings.labels.get(COMMIT, ""), int(changed) if changed.isdecimal() else 0)


def told_actor(settings: Settings) -> str:
    """Who began the run, by their own word; else the schedule that did, or Argo, which anybody may have asked."""
    labels = settings.labels
    schedule = labels.get(_OF_SCHEDULE)
    return labels.get(BY) or (f"schedule {schedule}" if schedule else "argo")


def told_selection(settings: Settings, pipeline: Pipeline) -> Selection:
    """The stages that the run is about. Raises DiagnosedError for one that isn't there."""
    labels = settings.labels
    return select(pipeline, begin=labels.get(FROM), only=labels.get(ONLY), force=FORCE in labels)


def pod_python(settings: Settings, store: Store, stop: Stop, *, requirements: str, version: str | None) -> PodPython:
    """The Python environment for the lock file with this digest; `version` is what its Python has to be, if any."""
    cache = default_cache({"MLOPS_CACHE": str(settings.work / "cache"), **os.environ})
    return PodPython(store=store, requirements=requirements, version=version, cache=cache, stop=stop)


def fresh_folder(settings: Settings) -> Path:
    """An empty folder to work in: a container that is started again in its pod finds what the one before it left."""
    folder = settings.work / _NOW
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    return folder


def clear_folder(settings: Settings) -> None:
    """Give back what was worked in: a pod stays on its node for a while after its end, and so does its disk."""
    shutil.rmtree(settings.work / _NOW, ignore_errors=True)


def given_values(pipeline: Pipeline, given: Mapping[str, str]) -> Values:
    """The values of a run's parameters, by their names in Argo, which allows no dots. Raises DiagnosedError.

    What is given and is the default anyway is left out, as on a command line that says nothing of it.
    """
    declared = declared_params(pipeline)
    names = {name.replace(".", "__"): name for name in declared}
    texts = {names.get(name, name): text for name, text in given.items()}
    changed = {
        name: text
        for name, text in texts.items()
        if name not in declared or declared[name].default is None or shown(declared[name].default) != text
    }
    values, wrong = read_values(pipeline, changed)
    if wrong:
        raise DiagnosedError(*wrong)
    return values


def tried_once(stage: Stage) -> Stage:
    """The stage without its retries, which are Argo's to make, each in a pod of its own."""
    return replace(stage, retries=Retries(limit=0, backoff=0.0, on=stage.retries.on))
