"""Where data comes from: a path of the repository, or an address elsewhere."""

from pathlib import Path

from mlopsctl.diagnostics import DiagnosedError, Diagnostic, similar
from mlopsctl.engine import faults
from mlopsctl.engine.session import Session
from mlopsctl.frozen import frozen
from mlopsctl.ir.model import DataStage
from mlopsctl.store import Artifact


@frozen(kw_only=True)
class Source:
    """Data that is at hand. `artifact` is there if it is in the store already; `modified` is a time in seconds."""

    path: Path
    digest: str
    modified: float | None
    artifact: Artifact | None = None


def bring(session: Session, stage: DataStage, address: str) -> Source:
    """The data at an address, which is a path relative to the pipeline's file or a URI. Raises DiagnosedError."""
    if "://" not in address and session.pinned is not None:
        return _pinned(session, stage, session.pinned.get(address), address)
    if "://" not in address:
        path = (session.pipeline.file.parent / address).resolve()
        return _local(session, stage, path, address)
    return _remote(session, stage, address)


def _pinned(session: Session, stage: DataStage, artifact: Artifact | None, address: str) -> Source:
    if artifact is None:
        raise DiagnosedError(faults.source_not_pinned(stage.origin.value("source"), stage.name, address))
    path = session.workspace.folder / f"{stage.folder_name}-source" / artifact.name
    path.parent.mkdir()
    session.store.fetch_artifact(artifact, path, link=True)
    return Source(path=path, digest=artifact.digest, modified=None, artifact=artifact)


def _remote(session: Session, stage: DataStage, address: str) -> Source:
    from mlopsctl.runtime.fetch import (  # a client of the network, which most runs don't need
        FetchFailed,
        FetchStopped,
        fetch,
        file_name,
    )

    to = session.workspace.folder / f"{stage.folder_name}-source"
    to.mkdir()
    span = stage.origin.value("source")
    try:
        fetched = fetch(address, to / file_name(address), stop=session.stop)
    except FetchStopped as error:
        raise DiagnosedError(faults.interrupted(span, stage.name)) from error
    except FetchFailed as error:
        raise DiagnosedError(faults.source_unreadable(span, stage.name, error.message, error.hint)) from error
    artifact = session.store.put_artifact(fetched.path)
    return Source(path=fetched.path, digest=artifact.digest, modified=fetched.modified, artifact=artifact)


def _local(session: Session, stage: DataStage, path: Path, address: str) -> Source:
    try:
        modified = path.stat().st_mtime
    except OSError as error:
        raise DiagnosedError(_unreadable(stage, path, address, error)) from error
    if path.is_dir():
        artifact = session.store.put_artifact(path)
        return Source(path=path, digest=artifact.digest, modified=modified, artifact=artifact)
    return Source(path=path, digest=session.digests.digest(path), modified=modified)


def _unreadable(stage: DataStage, path: Path, address: str, error: OSError) -> Diagnostic:
    span = stage.origin.value("source")
    if not isinstance(error, FileNotFoundError):
        return faults.source_unreadable(span, stage.name, f"{address}: {error.strerror}", "")
    there = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
    near = similar(path.name, there)
    hint = f"a file with a similar name: `{near}`" if near else f"the path is relative to `{stage.origin.name.file}`"
    return faults.source_unreadable(span, stage.name, f"there is no `{address}`", hint)
