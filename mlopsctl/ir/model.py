"""The intermediate representation: what a pipeline says, with its defaults filled in, for both engines."""

from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Literal, TypeVar

from mlopsctl.diagnostics import Span
from mlopsctl.frozen import frozen
from mlopsctl.ir.origin import Origin
from mlopsctl.ir.parts import (
    Checkpoint,
    Contract,
    Distributed,
    Gate,
    Item,
    LoadTest,
    Named,
    Notify,
    Output,
    Param,
    Performance,
    Replicas,
    Retries,
    Rollout,
    Schedule,
    Secret,
    Server,
    StageOutput,
    Tune,
    Verification,
)
from mlopsctl.ir.scan import Scan
from mlopsctl.source.interpolation import Text
from mlopsctl.source.nodes import Json, Plain


@frozen(kw_only=True)
class StageBase:
    """What every kind of stage has."""

    name: str
    origin: Origin = field(compare=False, repr=False)
    requires: tuple[Named, ...]
    inputs: Mapping[str, StageOutput]
    outputs: Mapping[str, Output]
    params: Mapping[str, Param]  # the pipeline's and its own, which shadow them
    run: Text | None
    code_include: tuple[str, ...]  # empty: all of the code
    env: Mapping[str, Text]
    image: str | None
    resources: Mapping[str, Json]
    retries: Retries
    timeout: float | None
    each: Mapping[str, tuple[Plain, ...] | StageOutput]
    nodes: Mapping[str, Json]
    pod: Mapping[str, Json]  # a merge patch on the stage's pod
    item: Item | None = None  # of a part of a fan-out, which has no `each` of its own

    @property
    def written_name(self) -> str:
        """The name in the pipeline: `model`, also for its part `model[AA]`."""
        return self.name.removesuffix(f"[{self.item.name}]") if self.item else self.name

    @property
    def folder_name(self) -> str:
        """What folders for the stage are called; without brackets, which programs that look for files would expand."""
        return f"{self.written_name}.{self.item.name}" if self.item else self.name

    def upstream(self) -> Iterator[StageOutput | Named]:
        """What has to be done before this stage, with the places that say so."""
        yield from self.inputs.values()
        yield from self.requires
        yield from (values for values in self.each.values() if isinstance(values, StageOutput))

    def texts(self) -> Iterator[Text]:
        """Every text of the stage that may hold references."""
        if self.run is not None:
            yield self.run
        yield from self.env.values()

    def default_output(self) -> str:
        """The name of the output that `inputs: {x: stage}` means; empty if the stage makes none."""
        return next(iter(self.outputs), "")


@frozen(kw_only=True)
class DataStage(StageBase):
    """Data from a path or URI, or from a command that writes it."""

    kind: Literal["data"] = "data"
    source: Text | None
    version: str | None
    contract: Contract | None

    def texts(self) -> Iterator[Text]:
        """Every text of the stage that may hold references."""
        yield from StageBase.texts(self)
        if self.source is not None:
            yield self.source


@frozen(kw_only=True)
class TrainStage(StageBase):
    """A command that makes a model."""

    kind: Literal["train"] = "train"
    tune: Tune | None
    distributed: Distributed | None
    checkpoint: Checkpoint | None


@frozen(kw_only=True)
class EvaluateStage(StageBase):
    """A command that measures a model, and the gates its metrics must pass."""

    kind: Literal["evaluate"] = "evaluate"
    gates: tuple[Gate, ...]


@frozen(kw_only=True)
class TaskStage(StageBase):
    """Any other command: features, reports."""

    kind: Literal["task"] = "task"


@frozen(kw_only=True)
class DeployStage(StageBase):
    """Serving a model."""

    kind: Literal["deploy"] = "deploy"
    model: StageOutput
    server: Server
    replicas: Replicas
    load_test: LoadTest | None
    rollout: Rollout | None
    fallback: Text | None
    log_requests: float | None
    verify: Verification | None
    scan: Scan

    @property
    def copies(self) -> bool:
        """Whether its server copies requests for a version in shadow; one of a cluster's ServingRuntime can't."""
        return self.rollout is not None and self.rollout.shadow is not None and self.server.runtime is None

    def upstream(self) -> Iterator[StageOutput | Named]:
        """What has to be done before this stage, with the places that say so."""
        yield self.model
        if self.verify is not None:
            yield self.verify.data  # which is there when the model serves
        yield from StageBase.upstream(self)

    def texts(self) -> Iterator[Text]:
        """Every text of the stage that may hold references."""
        yield from StageBase.texts(self)
        yield from (text for text in (self.server.run, self.fallback) if text is not None)


@frozen(kw_only=True)
class MonitorStage(StageBase):
    """A check, on a schedule, whether the world still looks like the training data."""

    kind: Literal["monitor"] = "monitor"
    watches: Named
    schedule: Schedule | None
    reference: StageOutput | None
    columns: tuple[Named, ...]
    method: str
    threshold: float
    min_samples: int
    breaches: int
    action: str
    cooldown: float | None
    performance: Performance | None

    def texts(self) -> Iterator[Text]:
        """Every text of the stage that may hold references."""
        yield from StageBase.texts(self)
        if self.performance is not None and self.performance.truth is not None:
            yield self.performance.truth

    def upstream(self) -> Iterator[StageOutput | Named]:
        """What has to be done before this stage, with the places that say so."""
        yield self.watches
        if self.reference is not None:
            yield self.reference
        yield from StageBase.upstream(self)


@frozen
class BrokenStage:
    """A stage whose shape is wrong. It is known by its name, so that nobody who refers to it gets an error for that."""

    name: str
    span: Span = field(compare=False, repr=False)


Stage = DataStage | TrainStage | EvaluateStage | TaskStage | DeployStage | MonitorStage
K = TypeVar("K", DataStage, TrainStage, EvaluateStage, TaskStage, DeployStage, MonitorStage)


@frozen(kw_only=True)
class Code:
    """The code that every stage runs: its folder, its Python and what to install. Paths are absolute."""

    folder: Path
    python: str | None
    requirements: Path | None
    origin: Origin | None = field(compare=False, repr=False)


@frozen(kw_only=True)
class Pipeline:
    """A pipeline, as it is in one environment.

    `broken_keys` are the parts of its `spec` whose shape is wrong; they are left out here, and nobody should complain
    about what refers to them.
    """

    name: str
    file: Path
    owner: str | None
    labels: Mapping[str, str]
    environment: str
    code: Code
    params: Mapping[str, Param]
    secrets: Mapping[str, Secret]
    schedule: Schedule | None
    notify: Notify
    stages: Mapping[str, Stage]
    broken: Mapping[str, BrokenStage]
    broken_keys: frozenset[str]
    origin: Origin = field(compare=False, repr=False)

    @property
    def personal(self) -> frozenset[str]:
        """The columns that a contract calls personal. They are so wherever that name goes."""
        contracts = (stage.contract for stage in self.of_kind(DataStage) if stage.contract is not None)
        columns = (column for contract in contracts for column in contract.columns.items())
        return frozenset(name for name, said in columns if said.get("personal") is True)

    def ordered(self) -> tuple[Stage, ...]:
        """The stages so that each stands behind what it needs, and else as they are written.

        Source: Kahn's algorithm, with the order of writing as the tie-breaker. Stages on a cycle come last.
        """
        waiting = dict(self.stages)
        needs = {stage.name: self._needs(stage) for stage in waiting.values()}
        done: list[Stage] = []
        while waiting:
            ready = [stage for stage in waiting.values() if needs[stage.name].isdisjoint(waiting)]
            for stage in ready or list(waiting.values()):
                done.append(stage)
                del waiting[stage.name]
        return tuple(done)

    def needs(self, stage: Stage) -> tuple[str, ...]:
        """The names of the stages that have to be done before `stage`, sorted."""
        return tuple(sorted(self._needs(stage)))

    def output_of(self, reference: StageOutput) -> str:
        """The name of the output that a reference to a stage of this pipeline means."""
        return reference.output or self.stages[reference.stage].default_output()

    @property
    def is_whole(self) -> bool:
        """Whether all stages and references could be read, so that what none of them mentions is mentioned nowhere."""
        is_readable = not self.broken and "stages" not in self.broken_keys
        return is_readable and all(upstream.name in self.stages for _, upstream in self.references())

    def of_kind(self, kind: type[K]) -> Iterator[K]:
        """The stages of one kind, in the order written."""
        return (stage for stage in self.stages.values() if isinstance(stage, kind))

    def references(self) -> Iterator[tuple[Stage, StageOutput | Named]]:
        """Every stage with each of the references that it makes."""
        return ((stage, upstream) for stage in self.stages.values() for upstream in stage.upstream())

    def reads(self) -> Iterator[tuple[Stage, StageOutput, Stage]]:
        """Who reads what of whom. What isn't there, or is broken, is left out, and so is a stage that reads itself."""
        for stage, upstream in self.references():
            if isinstance(upstream, StageOutput) and upstream.name in self.stages and upstream.name != stage.name:
                yield stage, upstream, self.stages[upstream.name]

    def _needs(self, stage: Stage) -> set[str]:
        names = {upstream.name for upstream in stage.upstream()}
        return {name for name in names if name in self.stages and name != stage.name}
