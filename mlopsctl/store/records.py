"""What is kept of runs and stages, as values that any later version can read again."""

from collections.abc import Mapping
from dataclasses import asdict, field, fields
from datetime import datetime
from typing import Any, ClassVar, Self

from mlopsctl.frozen import frozen
from mlopsctl.store.contents import Artifact
from mlopsctl.store.errors import RecordDamaged, StoreError

_VERSION = 1

Json = dict[str, Any]


def timestamp(moment: datetime) -> str:
    """A moment as records keep it: ISO 8601 with its UTC offset, to the millisecond."""
    return moment.isoformat(timespec="milliseconds")


@frozen(kw_only=True)
class _Kept:
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
class StageRecord(_Kept):
    """The result of one stage, found again by its key.

    `parts` is what went into the key; times are ISO 8601 with UTC offset; `metrics_document` is metrics.json as
    the command wrote it, `metrics` the numbers in it; `data` is what is known of the data, such as its rows.
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

    @classmethod
    def _parts(cls, document: Json) -> Json:
        outputs = {name: Artifact(**output) for name, output in document.get("outputs", {}).items()}
        return {**document, "outputs": outputs, "log": _artifact(document.get("log"))}


@frozen(kw_only=True)
class RunStage:
    """How one stage of a run ended; `cached_from` is the run whose result was taken, or None."""

    key: str | None
    outcome: str
    reason: str
    seconds: float
    summary: str
    kind: str = ""
    cached_from: str | None = None
    checks: list[Json] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)


@frozen(kw_only=True)
class Release(_Kept):
    """A run's model as it may serve: what it is, what it came from, and what was measured before.

    `model` is served by digest; `data`, `requirements` and `evidence` are digests; `server` describes how it is
    served; `since` is when it began to, as ISO 8601 with UTC offset.
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

    @classmethod
    def _parts(cls, document: Json) -> Json:
        return {**document, "model": Artifact(**document["model"])}


@frozen(kw_only=True)
class RunRecord(_Kept):
    """One run of a pipeline; `run` is its ULID, times are ISO 8601 with UTC offset."""

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

    def to_json(self) -> Json:
        """As a JSON object; its stages are a list, as they have an order that canonical JSON would lose."""
        stages = [{"stage": name, **asdict(stage)} for name, stage in self.stages.items()]
        return {**_Kept.to_json(self), "stages": stages}

    @classmethod
    def _parts(cls, document: Json) -> Json:
        stages = {stage.pop("stage"): RunStage(**stage) for stage in map(dict, document["stages"])}
        release = document.get("release")
        return {**document, "stages": stages, "release": Release.from_json(release) if release else None}


def _artifact(document: Json | None) -> Artifact | None:
    return Artifact(**document) if document else None
