"""What pipelines are pinned to: code, lock files and data of the project by digest, each code and lock read once."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from mlopsctl.ir.code import CodeTree, address_of, code_of
from mlopsctl.ir.model import DeployStage, Pipeline, Stage
from mlopsctl.ir.values import Values, source_text
from mlopsctl.source.questions import artifact, content, kind_of
from mlopsctl.store import Artifact, digest_bytes


class Pins:
    """Reads code and lock files; `documents` are the project's own files, which are no part of any code.

    `values` are those of a run's parameters, on which it may depend which files of the project are data; without them,
    parameters have their defaults.
    """

    def __init__(self, documents: Iterable[Path], values: Values | None = None) -> None:
        self._values = values or Values({})
        self._below: dict[str, list[Path]] = {}
        for document in {os.path.realpath(path) for path in documents}:
            path = Path(document)
            for folder in _folders_above(document):
                self._below.setdefault(folder, []).append(path)
        self._trees: dict[Path, CodeTree] = {}
        self._digests: dict[Path, str] = {}

    def code(self, pipeline: Pipeline) -> CodeTree:
        """The code of a pipeline.

        Raises DiagnosedError if it is too large, OSError if it can't be read.
        """
        folder = pipeline.code.folder
        documents = frozenset(self._below.get(os.fspath(folder), ()))
        if any(_brings_files(stage) for stage in pipeline.stages.values()):
            return code_of(pipeline, self._values, documents)
        if folder not in self._trees:
            self._trees[folder] = code_of(pipeline, self._values, documents)
        return self._trees[folder]

    def requirements(self, pipeline: Pipeline) -> str:
        """The digest of its lock file; empty if it has none. Raises OSError if it can't be read."""
        file = pipeline.code.requirements
        if file is None:
            return ""
        if file not in self._digests:
            self._digests[file] = digest_bytes(content(file))
        return self._digests[file]

    def data(self, pipeline: Pipeline) -> dict[str, Artifact]:
        """The data that is files of the project, by the addresses that stages have for it.

        The requests of load tests are data as well, and so is the truth that predictions are held against. What isn't
        there is left out. Raises StoreError for what can't be read.
        """
        sources = [(stage, address_of(stage)) for stage in pipeline.stages.values()]
        addresses = {source_text(text, self._values.of(stage), {}) for stage, text in sources if text}
        addresses |= {stage.load_test.request for stage in pipeline.of_kind(DeployStage) if stage.load_test}
        paths = {address: pipeline.file.parent / address for address in sorted(addresses) if "://" not in address}
        return {address: artifact(path) for address, path in paths.items() if kind_of(path)}


def _folders_above(path: str) -> Iterator[str]:
    """The folders that a path is in, the nearest first."""
    while (folder := os.path.dirname(path)) != path:  # noqa: PTH120 - a `Path` for each would take ten times as long
        yield folder
        path = folder


def _brings_files(stage: Stage) -> bool:
    """Whether a stage has files of its own that aren't code, so that the code of its pipeline is no other's."""
    address = address_of(stage)
    if address is not None:
        return "://" not in str(address)
    return isinstance(stage, DeployStage) and stage.load_test is not None
