"""What is kept of runs and stages, as values that any later version can read again."""

from collections.abc import Mapping
from dataclasses import asdict, field, fields
from datetime import datetime
from typing import Any, ClassVar, Self

from mlopsctl.frozen import frozen
from mlopsctl.store.contents import Artifact
from mlopsctl.store.errors import RecordDamaged, StoreError
from mlopsctl.store.search import SearchRecord

_VERSION = 1

Json = dict[str, Any]


def timestamp(moment: datetime) -> str:
    """A moment as records keep it: ISO 8601 with its UTC offset, to the millisecond."""
    return moment.isoformat(timespec="milliseconds")


@frozen(kw_only=True)
class Kept:
    """A value that goes to JSON and back; `version` stands beside its fields."""

    what: ClassVar[str]

    def to_json(self) -> Json:
        """As a JSON object."""
        return {"version": _VERSION, **asdict(self)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """The value of a JSON object. Raises StoreError if it isn't one, or if a newer mlopsctl wrote it."""
        version = document.get("version")
        if isinstance(version, int) and version > _VERSION:
            raise StoreError(
                f"this {cls.what} has version {version}, and this mlopsctl reads up to version {_VERSION}",
                "upgrade mlopsctl",
            )
        known = {each.name for each in fields(cls)}
        try:
            return cls(**cls._parts({name: value for name, value in document.items() if name in known}))
        except (TypeError, KeyError, AttributeError) as fault:
            raise RecordDamaged(f"this is not a {cls.what}: {fault}") from fault

    @classmethod
    def _parts(cls, document: Json) -> Json:
        """The fields, with those that are values of ours made so."""
        return document


@frozen(kw_only=True)
class StageRecord(Kept):
    """The result of one stage, found again by its key.

    `parts` is what went into the key; times are ISO 8601 with UTC offset; `metrics_document` is metrics.json as
    the command wrote it, `metrics` the numbers in it; `data` is what is known of the data, such as its rows.
    `search` is there if the result is that of the best of several trials.
    """

    what = "stage record"

    key: str
    stage: str
    kind: str
    parts: dict[str, str | Json]
    outcome: str
    started: str
    ended: str
    seconds: float
    attempts: int
    run: str
    outputs: dict[str, Artifact] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    metrics_document: Json | None = None
    data: Json = field(default_factory=dict)
    log: Artifact | None = None
    checks: list[Json] = field(default_factory=list)
    search: SearchRecord | None = None

    @classmethod
    def _parts(cls, document: Json) -> Json:
        outputs = {name: Artifact(**output) for name, output in document.get("outputs", {}).items()}
        search = document.get("search")
        return {
            **document,
            "outputs": outputs,
            "log": _artifact(document.get("log")),
            "search": SearchRecord.from_json(search) if search else None,
        }


@frozen(kw_only=True)
class RunStage:
    """How one stage of a run ended; `cached_from` is the run whose result was taken, or None.

    `log` is what its command printed, if it did. `part_of` is the stage that fans out, if this is one of its parts.
    `made_from` are the parts of its key that name things, by their digests or as they are: `inputs`, `code`,
    `requirements`, `params`, `source`, `model`. `rows` are those of its data, if it is data whose rows are known.
    """

    key: str | None
    outcome: str
    reason: str
    seconds: float
    summary: str
    kind: str = ""
    cached_from: str | None = None
    checks: list[Json] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)
    log: Artifact | None = None
    part_of: str = ""
    made_from: Json = field(default_factory=dict)
    outputs: dict[str, Artifact] = field(default_factory=dict)
    rows: int | None = None

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """The value of what `asdict` made of one."""
        outputs = {name: Artifact(**output) for name, output in document.get("outputs", {}).items()}
        return cls(**{**document, "log": _artifact(document.get("log")), "outputs": outputs})


@frozen(kw_only=True)
class Release(Kept):
    """A run's model as it may serve: what it is, what it came from, and what was measured before.

    `model` is served by digest; `data`, `requirements`, `evidence` and `provenance` are digests; `server` describes how
    it is served; `since` is when it began to, as ISO 8601 with UTC offset.
    """

    what = "release"

    run: str
    commit: str
    pipeline: str
    model: Artifact
    data: dict[str, str]
    requirements: str
    metrics: dict[str, float]
    evidence: str
    server: Json
    since: str
    provenance: str = ""

    @classmethod
    def _parts(cls, document: Json) -> Json:
        return {**document, "model": Artifact(**document["model"])}


@frozen(kw_only=True)
class RunRecord(Kept):
    """One run of a pipeline; `run` is its ULID, times are ISO 8601 with UTC offset.

    `provenance` are the digests of the statements about its models, by those of the models.
    """

    what = "run record"

    run: str
    pipeline: str
    environment: str
    project: str
    commit: str
    changed_files: int
    started: str
    ended: str
    outcome: str
    params: Json
    stages: dict[str, RunStage]
    release: Release | None = None
    provenance: dict[str, str] = field(default_factory=dict)

    def written_stages(self) -> list[RunStage]:
        """The stages as they stand in the pipeline: of one that fans out its end, and none of its parts."""
        return [stage for stage in self.stages.values() if not stage.part_of]

    def to_json(self) -> Json:
        """As a JSON object; its stages are a list, as they have an order that canonical JSON would lose."""
        stages = [{"stage": name, **asdict(stage)} for name, stage in self.stages.items()]
        return {**Kept.to_json(self), "stages": stages}

    @classmethod
    def _parts(cls, document: Json) -> Json:
        stages = {stage.pop("stage"): RunStage.from_json(stage) for stage in map(dict, document["stages"])}
        release = document.get("release")
        return {**document, "stages": stages, "release": Release.from_json(release) if release else None}


@frozen(kw_only=True)
class PredictionBatch(Kept):
    """Some of what a model was asked and answered, from `began` to `ended`, both ISO 8601 with UTC offset.

    Each of `predictions` has `time`, `request` (an id), `seconds`, and `inputs` and `outputs`, cells by column.
    `lost` were to be kept and couldn't be, `unreadable` have no columns.
    """

    what = "batch of predictions"

    pipeline: str
    environment: str
    stage: str
    run: str
    model: str
    began: str
    ended: str
    predictions: list[Json]
    lost: int = 0
    unreadable: int = 0


@frozen(kw_only=True)
class DriftCheck(Kept):
    """One check of a monitor: the predictions that were kept from `since` to `until`, against a reference.

    Times are ISO 8601 with UTC offset. `run` and `model` are empty where nothing was predicted. `outcome` is `stable`,
    `drifted` or `undecided`; `breaches` counts the checks in a row that found drift, this one included. Each of
    `columns` has `column`, `kind`, `distance` (null where there is none, for the reason `note`), `drifted`, and the
    shares `missing_before` and `missing_now`. `reference` is None where requests are compared with nothing.

    `performance` is there if predictions are held against the truth: `metric`, its bounds `min` and `max` (or null),
    `value` (null where there is none), `outcome` (`holds`, `fails` or `undecided`, for the reason `note`), how many
    `predictions` there were, of how many of them it is `known` what came true, and how many checks in a row failed as
    `breaches`. `action` is what the monitor asks for now, or empty, and `why` says more. `acted` is when it acted last
    before that, and `did` what it did then; both are empty if it never did.
    """

    what = "drift check"

    check: str
    pipeline: str
    environment: str
    monitor: str
    watches: str
    since: str
    until: str
    run: str
    model: str
    reference: Json | None
    method: str
    threshold: float
    min_samples: int
    requests: int
    rows: int
    lost: int
    columns: list[Json]
    outcome: str
    breaches: int
    breaches_needed: int
    action: str
    why: str
    performance: Json | None = None
    acted: str = ""
    did: str = ""

    @property
    def has_found(self) -> bool:
        """Whether requests have drifted, or predictions are worse than they may be."""
        return self.outcome == "drifted" or (self.performance is not None and self.performance["outcome"] == "fails")


def _artifact(document: Json | None) -> Artifact | None:
    return Artifact(**document) if document else None
