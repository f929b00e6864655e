"""What Argo says of a run: how far each stage is, and which pods it had for it."""

import base64
import gzip
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from mlopsctl.frozen import frozen
from mlopsctl.ir.fan_out import part_name
from mlopsctl.manifest import Document

NODE_ID = "workflows.argoproj.io/node-id"  # the annotation of pods that says for which node they are
_FINAL = {"Succeeded", "Failed", "Error", "Skipped", "Omitted"}
_NOT_RUN = {"Skipped", "Omitted"}
_WENT_WRONG = {"Failed", "Error"}
_TAKEN_AWAY = re.compile("evicted|preempt|shutdown|pod deleted", re.IGNORECASE)
_FAN_OUT = "TaskGroup"
PART = re.compile(r"(?P<stage>[^(]+)\(\d+:(?P<item>[^()]+)\)")  # the node of a part of a stage that fans out
_TRIAL = re.compile(r"\.trial\(\d+:(\d+)\)(?:\(\d+\))?")  # and its attempt
_NUMBER = re.compile(r"\((\d+)")


@frozen(kw_only=True)
class PodNode:
    """One pod of a stage. `exit_code` is empty where nobody knows it, `trial` 0 where it is of no trial of a search."""

    id: str
    phase: str
    message: str
    exit_code: str
    trial: int = 0

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.phase in _FINAL

    @property
    def waits_for(self) -> str:
        """Why there is no pod yet: another run, which Argo says by its lock; or in Argo's words, such as a quota."""
        is_locked_out = self.message.startswith("Waiting for ") and "/Mutex/" in self.message
        return "another run deploys, this one is next" if is_locked_out else self.message

    @property
    def went_wrong(self) -> bool:
        """Whether it has ended badly."""
        return self.phase in _WENT_WRONG

    @property
    def failure(self) -> str:
        """How it ended badly, by the words of `retries.on`: by what tells Argo whether to begin it again."""
        if self.exit_code == "143" or self.phase == "Error" or _TAKEN_AWAY.search(self.message):
            return "preempted"
        return "oom" if self.exit_code == "137" or "OOMKilled" in self.message else "error"


@frozen(kw_only=True)
class StageNodes:
    """How far a stage is. `pods` are in the order in which they began; `finished` is empty until it has ended."""

    phase: str
    message: str
    finished: str
    pods: tuple[PodNode, ...]

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes of it."""
        return self.phase in _FINAL

    @property
    def was_left_out(self) -> bool:
        """Whether it ended without having begun."""
        return self.phase in _NOT_RUN


def stage_nodes(workflow: Document, stages: Iterable[str]) -> dict[str, StageNodes]:
    """What Argo knows of the stages, and parts of stages, that it has come to."""
    nodes = _nodes(workflow)
    by_name = {_called(workflow, node): node for node in nodes.values()}
    found = {}
    for stage in stages:
        node = by_name.get(stage)
        if node is not None:
            # A stage that fans out has no pods of its own.
            own = node["name"] if node["type"] != _FAN_OUT else None
            pods = [each for each in nodes.values() if own and each["type"] == "Pod" and _is_of(each["name"], own)]
            found[stage] = StageNodes(
                phase=str(node.get("phase", "")),
                message=str(node.get("message", "")),
                finished=str(node.get("finishedAt") or ""),
                pods=tuple(_pod(each) for each in sorted(pods, key=_place)),
            )
    return found


def items_of(workflow: Document, stage: str) -> list[str]:
    """The names of the items for which Argo runs parts of a stage, in the order of the list."""
    opening = f"{stage}["
    nodes = [node for node in _nodes(workflow).values() if _called(workflow, node).startswith(opening)]
    ordered = sorted(nodes, key=lambda node: _place(node)[1])
    return [_called(workflow, node).removeprefix(opening).removesuffix("]") for node in ordered]


def is_over(workflow: Document) -> bool:
    """Whether the run has ended, its last pod included."""
    return _status(workflow).get("phase") in _FINAL


def is_of_cancelling(message: str) -> bool:
    """Whether Argo says this of a node because somebody has ended the run."""
    return message.startswith("workflow shutdown with strategy")


def is_cancelled(workflow: Document) -> bool:
    """Whether somebody has ended the run."""
    return bool(workflow["spec"].get("shutdown"))


def _called(workflow: Document, node: Mapping[str, Any]) -> str:
    """What a node is called here: `model`, `model[AA]`; attempts and the rest by their names in Argo."""
    name = str(node["name"]).removeprefix(f"{workflow['metadata']['name']}.")
    found = PART.fullmatch(name)
    return part_name(found["stage"], found["item"]) if found else name


def _is_of(name: str, stage: str) -> bool:
    return name == stage or name.startswith((f"{stage}(", f"{stage}["))  # attempts, and the steps of a search


def _place(node: Mapping[str, Any]) -> tuple[str, list[int]]:
    """First by when it was made, which has whole seconds, then by its number."""
    return str(node.get("startedAt") or ""), [int(number) for number in _NUMBER.findall(node["name"])]


def _pod(node: Mapping[str, Any]) -> PodNode:
    trial = _TRIAL.search(str(node["name"]))
    return PodNode(
        id=str(node["id"]),
        phase=str(node.get("phase", "")),
        message=str(node.get("message", "")),
        exit_code=str((node.get("outputs") or {}).get("exitCode", "")),
        trial=int(trial[1]) if trial else 0,
    )


def _nodes(workflow: Document) -> Mapping[str, Mapping[str, Any]]:
    """All nodes by id. Argo packs them where there are many."""
    status = _status(workflow)
    packed = status.get("compressedNodes")
    if packed:
        found: Mapping[str, Mapping[str, Any]] = json.loads(gzip.decompress(base64.b64decode(packed)))
        return found
    return status.get("nodes") or {}


def _status(workflow: Document) -> Mapping[str, Any]:
    return workflow.get("status") or {}
