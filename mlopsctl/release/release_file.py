"""The file of a release in git: one fact a line, always in the same order, and no time of writing.

Two promotions that meet in a merge then conflict only where they say different things, and what a reviewer sees is what
changed.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from mlopsctl.frozen import frozen
from mlopsctl.ir.release import Release as Written
from mlopsctl.release.copying import address_of
from mlopsctl.release.git import Repository
from mlopsctl.store import Release, Store
from mlopsctl.store.keys import blob_key

_BARE = re.compile(r"[A-Za-z_][-A-Za-z0-9_.@/]*")
_NOT_TEXT = ("true", "false", "null")
_METRIC = re.compile(r"[A-Za-z0-9_][-A-Za-z0-9_.@/]*")
_OF_SLICES = ".slices."


@frozen(kw_only=True)
class ReleaseFile:
    """A release as git is to have it; `path` is below the uppermost folder of the repository."""

    path: PurePosixPath
    text: str


def release_text(release: Release, way: tuple[str, str], target: Store) -> str:
    """The text of the file for a release that is served from the store `target`; `way` is from where to where."""
    return "\n".join(_lines(release, way, model_uri(target, release.model.digest))) + "\n"


def model_uri(store: Store, digest: str) -> str:
    """Where a store keeps a model."""
    return f"{address_of(store)}/{blob_key(digest)}"


def path_of(repository: Repository, root: Path, environment: str, pipeline: str) -> PurePosixPath:
    """Where git has the release of a pipeline of the project below `root`."""
    file = root / "releases" / environment / f"{pipeline}.yaml"
    return PurePosixPath(file.resolve().relative_to(repository.top.resolve()).as_posix())


def written_at(repository: Repository, commit: str, path: PurePosixPath) -> tuple[str, Written | None]:
    """The text of the file in a commit, and the release that it says; empty and None where there is none."""
    text = repository.file(commit, str(path))
    return text or "", read_written(text, str(path)) if text else None


def told_metrics(release: Release) -> dict[str, float]:
    """The metrics that people compare releases by: those of all data, with names that a file of ours may have."""
    return {
        name: value
        for name, value in sorted(release.metrics.items())
        if _METRIC.fullmatch(name) and _OF_SLICES not in f".{name}"
    }


def read_written(text: str, path: str) -> Written | None:
    """The release that a file of git says, or None if it says none that can be read."""
    from mlopsctl.ir.release import read_release  # here, as pods import this room and have no YAML to read
    from mlopsctl.source.document import parse
    from mlopsctl.source.header import Source
    from mlopsctl.source.nodes import MappingNode, ScalarNode, at

    documents = parse(text, path).documents
    root = documents[0].root if documents else None
    name = at(root, ("metadata", "name")) if isinstance(root, MappingNode) else None
    if not isinstance(root, MappingNode) or not isinstance(name, ScalarNode):
        return None
    return read_release(Source("Release", str(name.value), root, Path(path)))


def _lines(release: Release, way: tuple[str, str], uri: str) -> Iterator[str]:
    promoted_from, environment = way
    yield f"# What serves in {environment}. `mlopsctl promote` writes this file; the merge is the promotion."
    yield "apiVersion: mlopsctl.dev/v1"
    yield "kind: Release"
    yield "metadata:"
    yield f"  name: {release.pipeline}"
    yield "spec:"
    yield f'  run: "{release.run}"'
    yield f'  commit: "{release.commit}"'
    yield f"  promotedFrom: {promoted_from}"
    yield "  model:"
    yield f"    digest: {release.model.digest}"
    yield f"    uri: {uri}"
    yield from _mapping("data", dict(sorted(release.data.items())))
    if release.requirements:
        yield f"  requirements: {release.requirements}"
    yield from _mapping("metrics", {_text(name): json.dumps(value) for name, value in told_metrics(release).items()})
    yield f"  evidence: {release.evidence}"


def _mapping(name: str, values: Mapping[str, str]) -> Iterator[str]:
    yield f"  {name}:" if values else f"  {name}: {{}}"
    for key, value in values.items():
        yield f"    {key}: {value}"


def _text(value: str) -> str:
    """A string as YAML has it, in quotes where it could be read as something else."""
    return value if _BARE.fullmatch(value) and value.lower() not in _NOT_TEXT else json.dumps(value)
