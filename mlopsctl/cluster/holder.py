"""Who applies: what a lock and the history say of it."""

import secrets
from collections.abc import Mapping
from typing import Any

from mlopsctl.engine.actor import host_here, user_here
from mlopsctl.frozen import frozen
from mlopsctl.manifest import PREFIX

_LONGEST_COMMAND = 200


@frozen(kw_only=True)
class Holder:
    """Who applies, where, by which command and since when (RFC 3339); `run` is the address of a CI run, or empty."""

    id: str
    user: str
    host: str
    command: str
    run: str
    started: str

    @property
    def identity(self) -> str:
        """As the lease names it, and `kubectl get lease` shows."""
        return f"{self.user}@{self.host}/{self.id}"


def holder_here(environ: Mapping[str, str], command: str, started: str) -> Holder:
    """Who runs this process, with a new id. In CI that is whoever caused the run."""
    return Holder(
        id=secrets.token_hex(4),
        user=user_here(environ),
        host=host_here(),
        command=command if len(command) <= _LONGEST_COMMAND else command[: _LONGEST_COMMAND - 1] + "…",
        run=_run(environ),
        started=started,
    )


def written(holder: Holder) -> dict[str, Any]:
    """What the metadata of a lease says of its holder."""
    said = {"user": holder.user, "host": holder.host, "command": holder.command, "run": holder.run}
    return {"annotations": {f"{PREFIX}{name}": value for name, value in (said | {"started": holder.started}).items()}}


def holder_of(lease: Mapping[str, Any]) -> Holder:
    """Who holds a lease; of one that isn't ours, as much as its holder's name says."""
    identity = str((lease.get("spec") or {}).get("holderIdentity") or "")
    who, _, lock_id = identity.rpartition("/")
    user, _, host = who.partition("@")
    annotations = (lease.get("metadata") or {}).get("annotations") or {}

    def said(name: str) -> str:
        return str(annotations.get(f"{PREFIX}{name}") or "")

    return Holder(
        id=lock_id,
        user=said("user") or user,
        host=said("host") or host,
        command=said("command"),
        run=said("run"),
        started=said("started"),
    )


def _run(environ: Mapping[str, str]) -> str:
    """The address of the run that this is a part of, where CI tells."""
    names = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
    server, repository, run = (environ.get(name, "") for name in names)
    if server and repository and run:
        return f"{server}/{repository}/actions/runs/{run}"
    return environ.get("CI_JOB_URL") or environ.get("BUILD_URL") or ""
