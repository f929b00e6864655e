"""What differs between two runs, as values; texts and JSON show them."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from mlopsctl.frozen import frozen
from mlopsctl.store import RunRecord, StageRecord


class Topic(StrEnum):
    """What a difference is about, in the order of a report: what went in, then what came out."""

    COMMIT = "commit"
    CODE = "code"
    REQUIREMENTS = "requirements"
    PARAM = "param"
    DATA = "data"
    OUTCOME = "outcome"
    METRIC = "metric"
    GATE = "gate"


@frozen
class KeptRun:
    """A run with the results of its stages, as far as the store still has them, by the stage's name."""

    record: RunRecord
    results: Mapping[str, StageRecord]


@frozen
class Difference:
    """`before` and `after` are plain values; None where the run has no such thing."""

    topic: Topic
    name: str
    before: Any
    after: Any


def differences(before: KeptRun, after: KeptRun) -> list[Difference]:
    """All that differs, by topic and then by name. What is the same in both is left out."""
    one, other = _facts(before), _facts(after)
    order = list(Topic)
    keys = sorted({*one, *other}, key=lambda key: (order.index(key[0]), key[1]))
    return [Difference(*key, one.get(key), other.get(key)) for key in keys if one.get(key) != other.get(key)]


def metrics_of(record: RunRecord) -> dict[str, float]:
    """The metrics of all stages; where two stages have the same, it is named with its stage."""
    counts: dict[str, int] = {}
    for stage in record.stages.values():
        for name in stage.metrics:
            counts[name] = counts.get(name, 0) + 1
    return {
        name if counts[name] == 1 else f"{stage_name}.{name}": value
        for stage_name, stage in record.stages.items()
        for name, value in stage.metrics.items()
    }


def _facts(run: KeptRun) -> dict[tuple[Topic, str], Any]:
    record = run.record
    facts: dict[tuple[Topic, str], Any] = {(Topic.OUTCOME, ""): record.outcome}
    facts |= {(Topic.PARAM, name): value for name, value in record.params.items()}
    facts |= {(Topic.METRIC, name): value for name, value in metrics_of(record).items()}
    facts |= dict(_origin(run))
    facts |= dict(_data(run))
    facts |= dict(_gates(record))
    return facts


def _origin(run: KeptRun) -> Iterator[tuple[tuple[Topic, str], Any]]:
    yield (Topic.COMMIT, ""), run.record.commit or None
    for topic in (Topic.CODE, Topic.REQUIREMENTS):
        digests = (result.parts.get(topic.value) for result in run.results.values())
        yield (topic, ""), next((digest for digest in digests if digest), None)


def _data(run: KeptRun) -> Iterator[tuple[tuple[Topic, str], Any]]:
    for name, result in run.results.items():
        if result.kind == "data" and result.outputs:
            digest = next(iter(result.outputs.values())).digest
            yield (Topic.DATA, name), {"digest": digest, "rows": result.data.get("rows")}


def _gates(record: RunRecord) -> Iterator[tuple[tuple[Topic, str], Any]]:
    for name, stage in record.stages.items():
        for check in stage.checks:
            yield (
                (Topic.GATE, f"{name}: {check['expectation']}"),
                {
                    "observed": check["observed"],
                    "verdict": check["verdict"],
                    "holds": check["holds"],
                },
            )
