"""Starting the server of a release on this machine: model, code and libraries by digest, from the store alone."""

from collections.abc import Mapping
from dataclasses import asdict, field, fields, replace
from pathlib import Path
from typing import Any

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.engine import faults
from mlopsctl.engine.bundle import fetch_code
from mlopsctl.engine.endpoint import CommandServer, Endpoint, FormatServer
from mlopsctl.engine.environment import Environment
from mlopsctl.engine.keeping import Keeping, keeping_of
from mlopsctl.engine.secrets import secret_values
from mlopsctl.engine.session import Session, base_environment
from mlopsctl.frozen import frozen
from mlopsctl.ir.command import SHELL, expanded, script, variable_name, with_variables
from mlopsctl.ir.fingerprint import Surroundings
from mlopsctl.ir.model import DeployStage
from mlopsctl.ir.values import shown
from mlopsctl.source.interpolation import Text
from mlopsctl.source.nodes import Plain
from mlopsctl.store import Artifact, Store

READY_SECONDS = 120.0
HEALTH = "/healthz"  # where a command that serves answers, unless its stage says another path


@frozen(kw_only=True)
class Server:
    """How a release is served, as its record keeps it. `values` are by environment variable, secrets by name."""

    stage: str
    format: str | None = None
    runtime: str | None = None  # a ServingRuntime of a cluster, which has it from there
    command: str | None = None
    health: str | None = None
    python: str = ""
    code: str = ""  # the digest of the manifest of the code, or empty where none is needed
    requirements: str = ""  # the digest of the lock file, or empty
    values: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)  # the stage's own, with `${MLOPS_…}` where they mention others
    secrets: tuple[str, ...] = ()
    log: Keeping = Keeping()
    copies: bool = False  # whether a version in shadow may get copies of its requests


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
    found = _server(stage, stage.server.run, session.around(stage), session.values.of(stage))
    server, log = stage.server, keeping_of(session.pipeline, stage)
    return replace(
        found, format=server.format, runtime=server.runtime, health=server.health, log=log, copies=stage.copies
    )


def fallback_of(stage: DeployStage, around: Surroundings, params: Mapping[str, Plain]) -> Server:
    """What answers in place of the model of a deploy stage that says so; it is healthy as soon as it listens."""
    return replace(_server(stage, stage.fallback, around, params), health="")


def _server(stage: DeployStage, command: Text | None, around: Surroundings, params: Mapping[str, Plain]) -> Server:
    """The server as far as it is its command's; of a format it has none."""
    texts = (*stage.env.values(), *((command,) if command else ()))
    names = {".".join(reference.parts) for text in texts for reference in text.references()}
    known = {variable_name(*name.split(".")): value for name, value in around.run.items() if name in names}
    given = {variable_name("params", name): shown(value) for name, value in params.items()}
    return Server(
        stage=stage.name,
        command=script(command) if command else None,
        python=around.python,
        code=around.code if command else "",
        requirements=around.requirements,
        values={**known, **given},
        env={name: with_variables(text) for name, text in stage.env.items()},
        secrets=tuple(sorted(name.partition(".")[2] for name in names if name.startswith("secrets."))),
    )


def server_document(session: Session, stage: DeployStage) -> dict[str, Any]:
    """The same as a release's record keeps it."""
    document = asdict(server_of(session, stage))
    if not document["copies"]:
        del document["copies"]  # so that what an older mlopsctl described is still the same
    return document


def server_from(document: Mapping[str, Any]) -> Server:
    """The server that a release's record describes; what an older mlopsctl did not write has its default."""
    known = {field.name: document[field.name] for field in fields(Server) if field.name in document}
    kept = document.get("log") or {}
    log = Keeping(**{**kept, **{name: tuple(kept.get(name, ())) for name in ("personal", "declared")}})
    return Server(**{**known, "secrets": tuple(document.get("secrets", ())), "log": log})


def endpoint(server: Server, pipeline: str, model: Artifact, machine: Machine, *, port: int | None = None) -> Endpoint:
    """The endpoint, to be entered. What it serves are verified copies. Raises StoreError, DiagnosedError."""
    ready, env = prepared(server, pipeline, model, machine)
    folder = machine.folder / "server"
    folder.mkdir()
    return Endpoint(ready, folder=folder, env=env, port=port)


def prepared(
    server: Server, pipeline: str, model: Artifact, machine: Machine
) -> tuple[FormatServer | CommandServer, dict[str, str]]:
    """What starts the server, with verified copies of all that it needs, and its whole environment.

    Raises StoreError, DiagnosedError.
    """
    path = machine.folder / "model" / model.name
    path.parent.mkdir(parents=True)
    machine.store.fetch_artifact(model, path, link=True)
    env = _variables(server, machine, {variable_name("inputs", "model"): str(path)})
    if server.command is None:
        return FormatServer(format=server.format or "", name=pipeline, model=path, environment=machine.environment), env
    return _command_server(server, pipeline, machine), env


def prepared_fallback(server: Server, pipeline: str, machine: Machine) -> tuple[CommandServer, dict[str, str]]:
    """The same of what `fallback_of` says, which has no model. Raises StoreError, DiagnosedError."""
    return _command_server(server, pipeline, machine), _variables(server, machine, {})


def _command_server(server: Server, pipeline: str, machine: Machine) -> CommandServer:
    code = machine.folder / "served-code"
    fetch_code(machine.store, server.code, code)
    return CommandServer(
        argv=lambda number: (*SHELL, f"{variable_name('port')}={number}; {server.command}", server.stage),
        cwd=code,
        health=HEALTH if server.health is None else server.health,
        predict=f"/v2/models/{pipeline}/infer",
    )


def _variables(server: Server, machine: Machine, inputs: Mapping[str, str]) -> dict[str, str]:
    env = {**base_environment(machine.environ, machine.environment), **server.values, **_secrets(server, machine)}
    env |= inputs
    return env | {name: expanded(value, env) for name, value in server.env.items()}


def _secrets(server: Server, machine: Machine) -> dict[str, str]:
    values = secret_values(machine.root, server.secrets, machine.environ)
    missing = [name for name, value in values.items() if value is None]
    if missing:
        raise DiagnosedError(
            *(faults.secret_missing(None, name, variable_name("secrets", name), server.stage) for name in missing)
        )
    return {variable_name("secrets", name): value for name, value in values.items() if value is not None}
