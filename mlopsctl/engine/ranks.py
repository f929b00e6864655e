"""A command that runs on several nodes at once: what each of its processes is told, and what comes of them together.

The processes have numbers, their ranks. They fail together: when one does, the others are asked to end. What rank 0
leaves is what the stage makes; of the others the log is kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from mlopsctl.diagnostics import Diagnostic
from mlopsctl.frozen import frozen
from mlopsctl.runtime.checkpoints import Checkpoint
from mlopsctl.runtime.process import TERMINATED, Ending, Reason
from mlopsctl.runtime.step import OutputFile, StepResult
from mlopsctl.source.nodes import Plain
from mlopsctl.store import Artifact


@frozen(kw_only=True)
class Job:
    """What all ranks run alike: the command of a stage with these values. `label` names their folders."""

    label: str
    params: Mapping[str, Plain]
    inputs: Mapping[str, Artifact]
    checkpoint: Checkpoint | None

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Job":
        """The job that `asdict` made a document of."""
        state = document["checkpoint"]
        return cls(
            label=document["label"],
            params=document["params"],
            inputs={name: Artifact(**artifact) for name, artifact in document["inputs"].items()},
            checkpoint=Checkpoint(**state) if state else None,
        )


@frozen(kw_only=True)
class Rank:
    """One of `count` processes. Rank 0 may listen on `port` of `address`, by which the others know it."""

    number: int
    count: int
    address: str
    port: int

    @property
    def is_first(self) -> bool:
        """Whether it is the one that makes what the stage makes."""
        return self.number == 0

    def variables(self) -> dict[str, str]:
        """What its command finds: the variables of torchrun for one process on each node.

        Source: the page on torchrun in PyTorch's documentation, section on environment variables.
        """
        return {
            "MASTER_ADDR": self.address,
            "MASTER_PORT": str(self.port),
            "WORLD_SIZE": str(self.count),
            "RANK": str(self.number),
            "NODE_RANK": str(self.number),
            "GROUP_RANK": str(self.number),
            "LOCAL_RANK": "0",
            "LOCAL_WORLD_SIZE": "1",
        }


@frozen(kw_only=True)
class RankEnd:
    """How one rank ended, at which second by its own clock. `log` is what its command printed, if it did.

    `faults` say why its command could not begin, or what it made could not be kept.
    """

    rank: int
    result: StepResult
    at: float
    log: Artifact | None = None
    faults: tuple[Diagnostic, ...] = ()

    @property
    def is_well(self) -> bool:
        """Whether it did all that it had to."""
        return self.result.succeeded and not self.faults

    @property
    def was_asked(self) -> bool:
        """Whether it ended because it was asked to, as when another one has failed."""
        return self.result.ending.reason == "stopped" and not self.faults

    def to_json(self) -> dict[str, Any]:
        """As it is told through the store. Where its outputs lay is of no use elsewhere."""
        result = self.result
        return {
            "rank": self.rank,
            "at": self.at,
            "ending": asdict(result.ending),
            "outputs": {name: asdict(artifact) for name, artifact in result.outputs.items()},
            "missing": [asdict(output) for output in result.missing],
            "harmed": list(result.harmed),
            "log": asdict(self.log) if self.log else None,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any], faults: tuple[Diagnostic, ...] = ()) -> "RankEnd":
        """What `to_json` wrote, with what went wrong around the command."""
        ending = document["ending"]
        return cls(
            rank=document["rank"],
            result=StepResult(
                ending=Ending(**{**ending, "last_lines": tuple(ending["last_lines"])}),
                outputs={name: Artifact(**artifact) for name, artifact in document["outputs"].items()},
                missing=tuple(OutputFile(**output) for output in document["missing"]),
                harmed=tuple(document["harmed"]),
            ),
            at=document["at"],
            log=Artifact(**document["log"]) if document["log"] else None,
            faults=faults,
        )


def decisive(ends: Sequence[RankEnd], *, is_stopped: bool) -> RankEnd:
    """The end that is that of all: rank 0's if all ended well, else that of the first who failed by itself.

    If all were asked to end and it wasn't by whoever began the run (`is_stopped`), their nodes were taken away.
    """
    bad = sorted((end for end in ends if not end.is_well), key=lambda end: (end.was_asked, end.at, end.rank))
    if not bad:
        return next(end for end in ends if end.rank == 0)
    first = bad[0]
    if first.was_asked and not is_stopped:
        ending = replace(first.result.ending, reason="exited", exit_code=TERMINATED, signal=None)
        return replace(first, result=replace(first.result, ending=ending))
    return first


def ending_of(exit_code: int, *, reason: Reason = "exited", lacked_memory: bool = False) -> Ending:
    """The end of a command of which no more is known."""
    return Ending(
        exit_code=exit_code,
        signal=None,
        reason=reason,
        seconds=0.0,
        last_lines=(),
        log_bytes=0,
        truncated=False,
        peak_memory=0,
        lacked_memory=lacked_memory,
    )


def rank_line(rank: int, line: str) -> str:
    """A line that a rank printed, among those of others."""
    return f"{rank} │ {line}"
