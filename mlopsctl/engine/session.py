"""What all stages of one run share: the pipeline, its values, the store, the code, and where events go."""

import os
import select
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.engine import faults
from mlopsctl.engine.commit import Commit
from mlopsctl.engine.environment import Environment, EnvironmentFailed, environment_for
from mlopsctl.engine.ranks import Job, RankEnd
from mlopsctl.engine.results import Results
from mlopsctl.engine.workplace import Workplace
from mlopsctl.events import Event
from mlopsctl.frozen import frozen
from mlopsctl.ir.fingerprint import Surroundings
from mlopsctl.ir.model import Code, Pipeline, Stage
from mlopsctl.ir.values import Values
from mlopsctl.runtime.process import GRACE_SECONDS
from mlopsctl.runtime.step import Place
from mlopsctl.runtime.stop import Stop
from mlopsctl.store import Artifact, DigestCache, Store


@frozen(kw_only=True)
class Session:
    """One run. Shared by the threads of its stages, which change nothing here but the environment, once."""

    run: str
    root: Path
    pipeline: Pipeline
    values: Values
    store: Store
    results: Results
    workspace: Workplace
    digests: DigestCache
    commit: Commit
    who: str  # who began the run
    started: datetime
    emit: Callable[[Event], None]
    stop: Stop
    environ: Mapping[str, str]
    again: frozenset[str]  # stages that run even if they are cached
    only: frozenset[str]  # the stages that may run; what they need has to come from the cache
    needed: frozenset[str]  # these and what they need; the rest of the pipeline is left alone
    jobs: int  # how many commands may run at once
    requirements: str  # the digest of the lock file, or empty
    python: "Python"
    pinned: Mapping[str, Artifact] | None = None  # files of the project by address, where there are none but these
    nodes: "Nodes | None" = None  # those of a cluster, for stages that are distributed
    image: str = ""  # what the environment has its stages run in; empty on this machine
    grace: float = GRACE_SECONDS  # that a command has between SIGTERM and SIGKILL

    def known(self) -> dict[str, str]:
        """What `${run.…}` and `${environment.…}` are worth."""
        date = self.started.astimezone(UTC).date().isoformat()
        return {"run.id": self.run, "run.date": date, "environment.name": self.pipeline.environment}

    def around(self, stage: Stage) -> Surroundings:
        """What the result of a stage depends on beside its own text."""
        return Surroundings(
            code=self.workspace.digest(stage.code_include),
            requirements=self.requirements,
            python=self.pipeline.code.python or "",
            run=self.known(),
            image=self.image,
        )

    def pause(self, seconds: float) -> None:
        """Wait, or until the run is stopped."""
        select.select([self.stop], [], [], seconds)

    def keep_code(self, stage: Stage, place: Place) -> None:
        """Keep the code that a stage runs, so that it can be run again from the store alone."""
        self.workspace.keep(place, stage.code_include, self.store)

    def code_of(self, stage: Stage) -> dict[str, str]:
        """The files that a stage gets, with a mark of content and mode for each."""
        return self.workspace.part(stage.code_include)


class Python(Protocol):
    """Where the Python environment of a pipeline comes from."""

    def get(self, on_line: Callable[[str], None]) -> Environment:
        """The environment; `on_line` is told what its installation says. Raises DiagnosedError if it can't be made."""


class Nodes(Protocol):
    """Machines that run a command at once, each as one rank."""

    def run(self, session: Session, stage: Stage, job: Job) -> list[RankEnd]:
        """How each rank ended. Raises DiagnosedError if they can't begin together, StoreError."""


class SharedEnvironment:
    """The Python environment of a run, made by the first stage that needs it while the others wait."""

    def __init__(self, code: Code, cache: Path, stop: Stop) -> None:
        self._code, self._cache, self._stop = code, cache, stop
        self._lock = threading.Lock()
        self._made: Environment | None = None

    def get(self, on_line: Callable[[str], None]) -> Environment:
        """The environment; `on_line` is told what its installation says. Raises DiagnosedError if it can't be made."""
        with self._lock:
            if self._made is None:
                self._made = self._make(on_line)
            return self._made

    def _make(self, on_line: Callable[[str], None]) -> Environment:
        code = self._code
        try:
            return environment_for(
                code.requirements, python=code.python, cache=self._cache, on_line=on_line, stop=self._stop
            )
        except EnvironmentFailed as error:
            span = code.origin.value("requirements") if code.origin else None
            raise DiagnosedError(
                faults.environment_failed(span, error.message, error.output_tail, error.hint)
            ) from error


def base_environment(environ: Mapping[str, str], environment: Environment) -> dict[str, str]:
    """The variables that a command finds: the user's own, with the pipeline's Python first and no trace of ours."""
    kept = {name: value for name, value in environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV", "MLOPS_"))}
    path = os.pathsep.join((str(environment.bin), environ.get("PATH", os.defpath)))
    return kept | {"PATH": path, "PYTHONUNBUFFERED": "1", "VIRTUAL_ENV": str(environment.bin.parent)}
