"""What stages are made of: parameters, outputs, gates, servers and the like.

Durations are in seconds, percentages fractions of 1. Every part knows its origin, which takes no part in comparison.
"""

from collections.abc import Mapping
from dataclasses import field
from typing import Literal

from mlopsctl.diagnostics import Span
from mlopsctl.frozen import frozen
from mlopsctl.ir.origin import Origin
from mlopsctl.source.interpolation import Text
from mlopsctl.source.nodes import Json, Plain

Direction = Literal["maximize", "minimize"]


@frozen
class Named:
    """A name that refers to something else, and where it is written."""

    name: str
    span: Span = field(compare=False, repr=False)


@frozen
class StageOutput:
    """A reference to what a stage makes: `model`, `model.report`, or `model[*]` for all parts of a fan-out.

    `output` is empty where the default output is meant.
    """

    stage: str
    output: str
    every: bool
    span: Span = field(compare=False, repr=False)

    @property
    def name(self) -> str:
        """The stage's name, as a `Named` has it."""
        return self.stage


@frozen(kw_only=True)
class Param:
    """A parameter with its declared type and bounds; `default` is None where a value must be given."""

    name: str
    type: Literal["int", "float", "string", "bool"]
    default: Plain
    minimum: float | None
    maximum: float | None
    choices: tuple[Plain, ...]
    help: str
    span: Span = field(compare=False, repr=False)


@frozen
class Secret:
    """A secret by reference: the Kubernetes Secret and its key. Its value is never here."""

    name: str
    secret: str
    key: str
    span: Span = field(compare=False, repr=False)


@frozen
class Notify:
    """The addresses that are told how a run ended."""

    on_failure: tuple[Text, ...]
    on_success: tuple[Text, ...]


@frozen
class Schedule:
    """When something runs by itself, in which time zone, and what happens if the last run is still going."""

    cron: str
    timezone: str
    concurrency: str
    suspend: bool
    origin: Origin = field(compare=False, repr=False)


@frozen
class Output:
    """A file or folder that a stage leaves: its name and its path below the stage's output folder."""

    name: str
    path: str
    span: Span = field(compare=False, repr=False)
    optional: bool = False


@frozen
class Item:
    """A value that a stage fans out over: the parameter that has it, and its name in names of files and of parts."""

    param: str
    value: Plain
    name: str


@frozen
class Retries:
    """How often a failed attempt is followed by another, after which pause, and for which kinds of failure."""

    limit: int
    backoff: float
    on: tuple[str, ...]


@frozen
class Contract:
    """What a data set must look like. `spec` is as written; the check in the pipeline's environment reads it."""

    spec: Mapping[str, Json]
    freshness: float | None
    origin: Origin = field(compare=False, repr=False)

    @property
    def columns(self) -> dict[str, dict[str, Json]]:
        """What it says of each column that it declares."""
        declared = self.spec.get("columns")
        columns = declared.items() if isinstance(declared, dict) else ()
        return {name: said if isinstance(said, dict) else {} for name, said in columns}


@frozen(kw_only=True)
class Dimension:
    """Where the value of one parameter may lie in a search: between two numbers, both included, or among choices."""

    type: Literal["int", "float", "choice"]
    least: float = 0
    most: float = 0
    log: bool = False
    choices: tuple[Plain, ...] = ()

    def allows(self, value: Plain) -> bool:
        """Whether the search may come upon this value."""
        if self.type == "choice":
            return any(type(choice) is type(value) and choice == value for choice in self.choices)
        return isinstance(value, int | float) and type(value).__name__ == self.type and self.least <= value <= self.most


@frozen
class Tune:
    """A search over parameters: which, how many trials, how many of them at once, and what the best one is."""

    trials: int
    parallel: int
    metric: str
    direction: Direction
    space: Mapping[str, Dimension]
    origin: Origin = field(compare=False, repr=False)

    def narrowed(self, params: Mapping[str, Plain]) -> dict[str, Plain]:
        """The parameters that count for a search: of those that it varies all, if it can begin with them, or none."""
        begins = all(name in params and dimension.allows(params[name]) for name, dimension in self.space.items())
        return {name: value for name, value in params.items() if begins or name not in self.space}


@frozen
class Distributed:
    """One training job on several nodes."""

    nodes: int
    framework: str
    queue: str | None
    origin: Origin = field(compare=False, repr=False)


@frozen
class Checkpoint:
    """Where a long training leaves its state."""

    path: str
    every: float
    origin: Origin = field(compare=False, repr=False)


@frozen
class Gate:
    """What a metric must hold, absolutely or against what serves or the naive forecast."""

    metric: str
    minimum: float | None
    maximum: float | None
    against: Literal["serving", "naive"] | None
    tolerance: float
    margin: float
    direction: Direction
    slice: str | None
    min_samples: int
    origin: Origin = field(compare=False, repr=False)


@frozen
class Server:
    """How a model is served: by a format's runtime, or by a command, which answers at `health` when it is ready."""

    format: str | None
    runtime: str | None
    run: Text | None
    health: str | None
    origin: Origin = field(compare=False, repr=False)


@frozen
class Replicas:
    """How many servers; `concurrency` is the number of requests at once that one is meant for."""

    minimum: int
    maximum: int
    concurrency: int | None
    origin: Origin | None = field(compare=False, repr=False)


@frozen
class LoadTest:
    """Load on the candidate before any traffic. `p99` is in seconds, `errors` a fraction."""

    users: int
    duration: float
    request: str
    p99: float | None
    errors: float
    origin: Origin = field(compare=False, repr=False)


@frozen
class Verification:
    """What the live endpoint must be worth: data of the pipeline sent through it, and its answers measured.

    `label` is the column that says what is true; `columns` are those of the request's only tensor, if it has several;
    `prediction` is empty for the only column that answers have; `rows` is how many are sent at most.
    """

    data: StageOutput
    label: str
    metric: str
    minimum: float | None
    maximum: float | None
    columns: tuple[str, ...]
    prediction: str
    rows: int
    origin: Origin = field(compare=False, repr=False)


@frozen
class Promotion:
    """What makes the best challenger the champion, and after how long a comparison."""

    metric: str
    after: float


@frozen
class Rollout:
    """How traffic moves to a new version: `canary` are the steps as fractions, each `every` so long.

    `shadow` is the share of requests that is copied, for `shadow_for` so long.
    """

    canary: tuple[float, ...]
    every: float | None
    champion: float | None
    challengers: Mapping[str, float]
    promote: Promotion | None
    shadow: float | None
    shadow_for: float | None
    checks: tuple[Mapping[str, float], ...]
    origin: Origin = field(compare=False, repr=False)

    @property
    def seconds(self) -> float:
        """How long it lasts before the version has all requests; a split has no end."""
        return len(self.canary) * (self.every or 0.0) + (self.shadow_for or 0.0)


@frozen
class Performance:
    """Live accuracy: predictions joined with the truth that arrives later.

    `outcome` and `prediction` are columns, empty for the only one there is; `within` is in seconds.
    """

    metric: str
    minimum: float | None
    maximum: float | None
    truth: Text | None
    on: str
    outcome: str
    prediction: str
    within: float
    origin: Origin = field(compare=False, repr=False)
