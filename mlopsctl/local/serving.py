"""Starting the server of a release on this machine: model, code and libraries by digest, from the store alone."""

import json
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.frozen import frozen
from mlopsctl.ir.command import SHELL, expanded, script, variable_name, with_variables
from mlopsctl.ir.model import DeployStage
from mlopsctl.ir.values import shown
from mlopsctl.local import faults
from mlopsctl.local.endpoint import CommandServer, Endpoint, FormatServer
from mlopsctl.local.environment import Environment
from mlopsctl.local.secrets import secret_values
from mlopsctl.local.session import Session, base_environment
from mlopsctl.store import Artifact, Store

READY_SECONDS = 120.0


@frozen(kw_only=True)
class Server:
    """How a release is served, as its record keeps it. `values` are by environment variable, secrets by name."""

    stage: str
    format: str | None = None
    command: str | None = None
    health: str | None = None
    python: str = ""
    code: str = ""  # the digest of the manifest of the code, or empty where none is needed
    requirements: str = ""  # the digest of the lock file, or empty
    values: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)  # the stage's own, with `${MLOPS_…}` where they mention others
    secrets: tuple[str, ...] = ()


@frozen(kw_only=True)
class Machine:
    """Where it is served: `folder` is the server's own, `root` the project's, for its secrets."""

    store: Store
    environment: Environment
    environ: Mapping[str, str]
    folder: Path
    root: Path


def server_of(session: Session, stage: DeployStage) -> Server:
    """The server that a deploy stage describes, with what its command mentions."""
    around = session.around(stage)
    names = {".".join(reference.parts) for text in stage.texts() for reference in text.references()}
    known = {variable_name(*name.split(".")): value for name, value in session.known().items() if name in names}
    params = {variable_name("params", name): shown(value) for name, value in session.values.of(stage).items()}
    return Server(
        stage=stage.name,
        format=stage.server.format,
        command=script(stage.server.run) if stage.server.run else None,
        health=stage.server.health,
        python=around.python,
        code=around.code if stage.server.run else "",
        requirements=around.requirements,
        values={**known, **params},
        env={name: with_variables(text) for name, text in stage.env.items()},
        secrets=tuple(sorted(name.partition(".")[2] for name in names if name.startswith("secrets."))),
    )


def endpoint(server: Server, pipeline: str, model: Artifact, machine: Machine, *, port: int | None = None) -> Endpoint:
    """The endpoint, to be entered. What it serves are verified copies. Raises StoreError, DiagnosedError."""
    path = machine.folder / "model" / model.name
    path.parent.mkdir(parents=True)
    machine.store.fetch_artifact(model, path, link=True)
    folder = machine.folder / "server"
    folder.mkdir()
    env = {**base_environment(machine.environ, machine.environment), **server.values, **_secrets(server, machine)}
    env[variable_name("inputs", "model")] = str(path)
    env |= {name: expanded(value, env) for name, value in server.env.items()}
    if server.command is None:
        format_server = FormatServer(
            format=server.format or "", name=pipeline, model=path, environment=machine.environment
        )
        return Endpoint(format_server, folder=folder, env=env, port=port)
    code = machine.folder / "served-code"
    fetch_code(machine.store, server.code, code)
    command_server = CommandServer(
        argv=lambda number: (*SHELL, f"{variable_name('port')}={number}; {server.command}", server.stage),
        cwd=code,
        health=server.health or "/healthz",
        predict=f"/v2/models/{pipeline}/infer",
    )
    return Endpoint(command_server, folder=folder, env=env, port=port)


def fetch_code(store: Store, manifest: str, to: Path) -> None:
    """The code of a manifest, as it was when it ran. Raises StoreError."""
    to.mkdir(parents=True)
    marks: dict[str, str] = json.loads(store.get_bytes(manifest))
    for path, mark in marks.items():
        target = to / path
        target.parent.mkdir(parents=True, exist_ok=True)
        store.fetch(mark.removesuffix("+x"), target)
        target.chmod(0o755 if mark.endswith("+x") else 0o644)


def _secrets(server: Server, machine: Machine) -> dict[str, str]:
    values = secret_values(machine.root, server.secrets, machine.environ)
    missing = [name for name, value in values.items() if value is None]
    if missing:
        raise DiagnosedError(
            *(faults.secret_missing(None, name, variable_name("secrets", name), server.stage) for name in missing)
        )
    return {variable_name("secrets", name): value for name, value in values.items() if value is not None}
