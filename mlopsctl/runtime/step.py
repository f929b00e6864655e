"""One step: a user's command with its inputs before it and its outputs behind it. The same here and in a pod.

The command sees files and environment variables, nothing of mlopsctl. What it leaves is put into the store before
anybody points at it.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import field
from pathlib import Path

from mlopsctl.frozen import frozen
from mlopsctl.runtime.checkpoints import Checkpoint, Keeper, restore
from mlopsctl.runtime.process import GRACE_SECONDS, Command, Ending, Stop, run_command
from mlopsctl.store import Artifact, Store

CHECKPOINT = "MLOPS_CHECKPOINT"  # the variable with the folder that the command keeps its state in


@frozen
class OutputFile:
    """Where a step leaves an output, below its output folder."""

    name: str
    path: str
    optional: bool = False


@frozen(kw_only=True)
class Step:
    """What to run. Inputs and outputs are by the environment variable that carries their path.

    Of one that `keeps` nothing, only that it ends well counts: another process leaves the outputs and the state.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str]
    inputs: Mapping[str, Artifact]
    outputs: Mapping[str, OutputFile]
    timeout: float | None = None  # seconds
    grace: float = GRACE_SECONDS  # between SIGTERM and SIGKILL
    checkpoint: Checkpoint | None = None
    keeps: bool = True


@frozen(kw_only=True)
class StepResult:
    """What came of a step. `outputs` are in the store; `missing` and `harmed` name outputs and inputs at fault."""

    ending: Ending
    outputs: Mapping[str, Artifact] = field(default_factory=dict)
    paths: Mapping[str, Path] = field(default_factory=dict)
    missing: tuple[OutputFile, ...] = ()
    harmed: tuple[str, ...] = ()

    @property
    def succeeded(self) -> bool:
        """Whether the command ended well, left all that it must, and left its inputs alone."""
        return self.ending.reason == "exited" and self.ending.exit_code == 0 and not self.missing and not self.harmed


@frozen
class Place:
    """The folders of one attempt: `code` is the command's working directory, the others are made below `folder`."""

    folder: Path
    code: Path

    @property
    def log(self) -> Path:
        """What the command printed."""
        return self.folder / "log.txt"


def perform(step: Step, place: Place, store: Store, *, on_line: Callable[[str], None], stop: Stop) -> StepResult:
    """Fetch the inputs, run the command, keep the outputs.

    Raises StoreError if an input can't be fetched or an output not kept, CannotStart if there is no such program.
    """
    inputs = {variable: _fetch(variable, artifact, place, store) for variable, artifact in step.inputs.items()}
    outputs = {variable: place.folder / "outputs" / output.path for variable, output in step.outputs.items()}
    for path in outputs.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    state = {CHECKPOINT: str(place.code / step.checkpoint.path)} if step.checkpoint else {}
    command = Command(
        argv=step.argv,
        cwd=place.code,
        env={**step.env, **state, **{variable: str(path) for variable, path in (inputs | outputs).items()}},
        log=place.log,
        timeout=step.timeout,
        grace=step.grace,
    )
    with ExitStack() as closing:
        keeper = _keeper(step, step.checkpoint, place, store, on_line) if step.checkpoint else None
        if keeper:
            closing.enter_context(keeper.running())
        ending = run_command(command, on_line=on_line, stop=stop)
    # Nobody asks what else is wrong with a command that failed, whose pod may have little time left.
    ended_well = ending.reason == "exited" and ending.exit_code == 0
    result = StepResult(ending=ending, harmed=_harmed(step, store) if ended_well else ())
    if result.succeeded and step.keeps:
        result = _kept(step, outputs, result, store)
    if keeper and not result.succeeded:
        keeper.at_end(ending)
    return result


def _keeper(
    step: Step, checkpoint: Checkpoint, place: Place, store: Store, say: Callable[[str], None]
) -> Keeper | None:
    """What keeps the command's state, if that is its part, once it has what an earlier attempt kept of it."""
    folder = place.code / checkpoint.path
    restore(checkpoint, store, folder, say)
    return Keeper(checkpoint, store, folder, say) if step.keeps else None


def _fetch(variable: str, artifact: Artifact, place: Place, store: Store) -> Path:
    """The input under its own name, as readers tell a format by the ending."""
    path = place.folder / "inputs" / variable.lower() / artifact.name
    path.parent.mkdir(parents=True, exist_ok=True)
    store.fetch_artifact(artifact, path, link=True)
    return path


def _harmed(step: Step, store: Store) -> tuple[str, ...]:
    """The inputs that the command wrote to: they are links to the store's own blobs, so that nothing is copied."""
    return tuple(variable for variable, artifact in step.inputs.items() if not store.artifact_is_whole(artifact))


def _kept(step: Step, paths: Mapping[str, Path], result: StepResult, store: Store) -> StepResult:
    found = {step.outputs[variable].name: path for variable, path in paths.items() if _has_content(path)}
    wanted = [output for output in step.outputs.values() if not output.optional]
    missing = tuple(output for output in wanted if output.name not in found)
    kept = {} if missing else {name: store.put_artifact(path) for name, path in found.items()}
    return StepResult(ending=result.ending, outputs=kept, paths=found, missing=missing)


def _has_content(path: Path) -> bool:
    return path.is_file() or (path.is_dir() and any(path.iterdir()))
