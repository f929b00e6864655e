"""The server of a model: model, code and libraries by digest, and then the program that answers."""

import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.engine import faults as engine_faults
from mlopsctl.engine.endpoint import CommandServer, FormatServer, Launch, NotReady
from mlopsctl.engine.prediction_log import Served
from mlopsctl.engine.serving import (
    Machine,
    Server,
    fallback_of,
    prepared,
    prepared_fallback,
    server_from,
    server_of,
)
from mlopsctl.engine.session import Python
from mlopsctl.engine.tapped import Tapped, monitors_of, tapped
from mlopsctl.frozen import frozen
from mlopsctl.pod import faults
from mlopsctl.pod.models import applied_model, deploy_stage, released, told_release
from mlopsctl.pod.patience import patient_store
from mlopsctl.pod.printing import say
from mlopsctl.pod.session import fresh_folder, mounted_contract, pod_python, session_of
from mlopsctl.pod.settings import Settings
from mlopsctl.runtime.process import Command, Ending, run_command
from mlopsctl.runtime.stop import Stop
from mlopsctl.store import Artifact, Store, open_store

EVERYWHERE = "0.0.0.0"  # noqa: S104 - a pod is reached from outside of it, or not at all
_SIGNALLED = 128
# From the port that others know to the one behind it, if requests are read along with, and to that of metrics.
_INNER, _METRICS = 2, 3


@frozen(kw_only=True)
class _Served:
    """What a container serves, and on what."""

    pipeline: str
    model: Artifact
    server: Server
    machine: Machine
    monitors: tuple[str, ...]


def run(name: str, settings: Settings, stop: Stop) -> int:
    """Serve the model that the container names; returns with the exit code of a server that this program stands beside.

    Raises DiagnosedError, StoreError and OSError if it can't be served.
    """
    store = patient_store(settings, stop, say)
    document = released(store)
    served = _as_released(document, settings, store, stop) if document else _as_applied(name, settings, store, stop)
    model, machine = served.model, served.machine
    server, env = prepared(served.server, served.pipeline, model, machine)
    folder = machine.folder / "server"
    folder.mkdir()
    say(f"{served.pipeline} · {settings.environment} · serves {model.digest} of run {settings.run}")
    keeping, copying = served.server.log, told_release() if served.server.copies else ""
    is_tapped = bool(keeping.requests or copying)
    http, grpc = settings.ports
    inner = http + _INNER if is_tapped else http
    launch = _launch(name, server, folder, (inner, grpc))
    if isinstance(server, FormatServer) and not is_tapped:
        os.chdir(launch.cwd)
        os.execve(launch.argv[0], launch.argv, env)  # noqa: S606 - no shell is wanted: it would stand before signals
    # Not in the place of this program: a shell that is the first process of a container ignores the signal to end.
    command = Command(argv=launch.argv, cwd=launch.cwd, env=env, log=folder / "server.log")
    with ExitStack() as around:
        if is_tapped:
            answering = Served(
                pipeline=served.pipeline,
                environment=settings.environment,
                stage=served.server.stage,
                run=settings.run,
                model=model.digest,
            )
            behind = Tapped(
                server=inner,
                host=EVERYWHERE,
                port=http,
                metrics=http + _METRICS,
                keeping=keeping,
                monitors=served.monitors,
                copying=copying,
            )
            around.enter_context(tapped(behind, open_store(settings.store), answering, say))
        ending = run_command(command, on_line=say, stop=stop)
    return _code_of(ending)


def run_fallback(name: str, settings: Settings, stop: Stop) -> int:
    """Run what answers in place of the model, of the code and libraries that were applied; returns with its exit code.

    Raises DiagnosedError, StoreError and OSError if it can't be started.
    """
    store = patient_store(settings, stop, say)
    contract = mounted_contract(settings)
    stage = deploy_stage(name, contract)
    if stage.fallback is None:
        raise DiagnosedError(faults.no_such_stage(name, (), "deploy stage with a fallback"))
    session = session_of(settings, contract, stage, store, stop)
    machine = _machine(settings, store, session.python, session.workspace.folder)
    server, env = prepared_fallback(
        fallback_of(stage, session.around(stage), session.values.of(stage)), contract.pipeline.name, machine
    )
    say(f"{contract.pipeline.name} · {settings.environment} · stands by for its model")
    launch = server.launch(machine.folder, settings.ports)
    command = Command(argv=launch.argv, cwd=launch.cwd, env=env, log=machine.folder / "fallback.log")
    return _code_of(run_command(command, on_line=say, stop=stop))


def _code_of(ending: Ending) -> int:
    """What a container ends with whose program ended so; none of it is a fault where it was told to."""
    if ending.reason == "stopped":
        return 0
    return ending.exit_code if ending.exit_code is not None else _SIGNALLED + (ending.signal or 0)


def _as_applied(name: str, settings: Settings, store: Store, stop: Stop) -> _Served:
    """What the pipeline says that is mounted, with the model of a release in git."""
    contract = mounted_contract(settings)
    stage = deploy_stage(name, contract)
    session = session_of(settings, contract, stage, store, stop)
    model = applied_model(store, settings.run, stage)
    machine = _machine(settings, store, session.python, session.workspace.folder)
    return _Served(
        pipeline=contract.pipeline.name,
        model=model,
        server=server_of(session, stage),
        machine=machine,
        monitors=monitors_of(contract.pipeline, stage.name),
    )


def _as_released(document: Mapping[str, Any], settings: Settings, store: Store, stop: Stop) -> _Served:
    """What a run put into service, whatever has been applied since."""
    server = server_from(document["server"])
    python = pod_python(settings, store, stop, requirements=document["requirements"], version=server.python or None)
    model = Artifact(**document["model"])
    machine = _machine(settings, store, python, fresh_folder(settings))
    monitors = _monitors(settings, server.stage)
    return _Served(pipeline=document["pipeline"], model=model, server=server, machine=machine, monitors=monitors)


def _monitors(settings: Settings, stage: str) -> tuple[str, ...]:
    """The monitors that watch the stage by now; a contract that can't be read keeps nobody from answering."""
    try:
        return monitors_of(mounted_contract(settings).pipeline, stage)
    except DiagnosedError:
        return ()


def _machine(settings: Settings, store: Store, python: Python, folder: Path) -> Machine:
    environ = dict(os.environ)
    return Machine(store=store, environment=python.get(say), environ=environ, folder=folder, root=settings.work)


def _launch(name: str, server: FormatServer | CommandServer, folder: Path, ports: tuple[int, int]) -> Launch:
    if isinstance(server, CommandServer):
        return server.launch(folder, ports)
    try:
        return replace(server, host=EVERYWHERE).launch(folder, ports)
    except NotReady as error:
        raise DiagnosedError(engine_faults.not_ready(None, name, error.message, (), error.hint)) from error
