"""A pipeline as it travels into a cluster: what its stages are, in the language that it was written in.

The runtime in a pod reads it and gets the same IR as the engine on a laptop, so both do the same. A plan compares the
one that lives with the one that is wanted, and sees which stages will run again. What changes no result, such as the
owner or a comment, is not in it.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, field
from json.encoder import encode_basestring
from pathlib import Path

from mlopsctl.frozen import frozen
from mlopsctl.ir import lower
from mlopsctl.ir.code import CodeTree
from mlopsctl.ir.draft import Draft, Object
from mlopsctl.ir.model import DeployStage, Pipeline, Stage
from mlopsctl.source.header import API_VERSION, Source
from mlopsctl.source.nodes import Json, MappingNode, node_of, plain, start_of
from mlopsctl.store import Artifact

PIPELINE = "pipeline.json"
PINS = "pins.json"
_STAGE = "stage.{}.json"
_DRAFT = "serving.{}.json"
_JOB_SET = "nodes.{}.json"
_NEW_LINE = "\n"
_PARTS = (dict, list)
_encoded = json.JSONEncoder(ensure_ascii=False).encode


@frozen(kw_only=True)
class Contract:
    """A pipeline with what it was pinned to: the digests of its code by stage, of its lock file and of its data.

    They are empty where there is nothing to pin: a stage that runs none of the code, a pipeline without a lock file.
    `drafts` are there by deploy stage where its runs put models into service, `job_sets` by stage that is distributed.
    `image` is the environment's as written, empty where it names none.
    """

    pipeline: Pipeline
    code: Mapping[str, str]
    requirements: str
    data: Mapping[str, Artifact]  # of the data that is files of the project, by address
    drafts: Mapping[str, Draft] = field(default_factory=dict)
    job_sets: Mapping[str, Object] = field(default_factory=dict)
    image: str = ""


def write_contract(
    pipeline: Pipeline,
    code: CodeTree,
    requirements: str,
    data: Mapping[str, Artifact] | None = None,
    *,
    image: str = "",
) -> dict[str, str]:
    """The texts of a contract by file name; the same pipeline makes the same bytes.

    One file says what holds for all of the pipeline, one each what a stage is, and one what they are pinned to.
    """
    spec = {key: plain(entry.value) for key, entry in pipeline.origin.node.entries.items() if key != "stages"}
    head: Json = {"apiVersion": API_VERSION, "kind": "Pipeline", "metadata": {"name": pipeline.name}, "spec": spec}
    digests: Json = {
        stage.name: code.digest(stage.code_include) if runs_code(stage) else "" for stage in pipeline.stages.values()
    }
    pins: dict[str, Json] = {"code": digests, "requirements": requirements}
    if data:
        pins["data"] = {address: asdict(artifact) for address, artifact in data.items()}
    if image:
        pins["image"] = image
    stages = {_STAGE.format(stage.name): _text(stage.origin.mapping()) for stage in pipeline.stages.values()}
    return {PIPELINE: _text(head), PINS: _text(pins), **stages}


def read_contract(files: Mapping[str, str], environment: str) -> Contract:
    """What `write_contract` wrote. Raises ValueError or KeyError for what it can't have written."""
    head, pins = json.loads(files[PIPELINE]), json.loads(files[PINS])
    stages = {name: json.loads(files[_STAGE.format(name)]) for name in pins["code"]}
    place = start_of(PIPELINE)
    root = node_of({**head, "spec": {**head["spec"], "stages": stages}}, place)
    if not isinstance(root, MappingNode):
        raise TypeError("a contract is a mapping")
    source = Source("Pipeline", head["metadata"]["name"], root, Path(PIPELINE))
    lowered = lower.pipeline(source, root, environment, ())
    return Contract(
        pipeline=lowered.pipeline,
        code=pins["code"],
        requirements=pins["requirements"],
        data={address: Artifact(**artifact) for address, artifact in pins.get("data", {}).items()},
        drafts={name: Draft(**json.loads(files[file])) for name in stages if (file := _DRAFT.format(name)) in files},
        job_sets={name: json.loads(files[file]) for name in stages if (file := _JOB_SET.format(name)) in files},
        image=pins.get("image", ""),
    )


def write_draft(stage: str, draft: Draft) -> dict[str, str]:
    """The text of a deploy stage's draft by file name, for the contract that `write_contract` wrote."""
    return {_DRAFT.format(stage): _text(draft.to_json())}


def write_job_set(stage: str, document: Object) -> dict[str, str]:
    """The text by file name of the JobSet that runs of a stage make, for the contract that `write_contract` wrote."""
    return {_JOB_SET.format(stage): _text(document)}


def has_draft(files: Iterable[str]) -> bool:
    """Whether there is one among the files of a contract: then runs put models into service."""
    before, after = _DRAFT.split("{}")
    return any(file.startswith(before) and file.endswith(after) for file in files)


def runs_code(stage: Stage) -> bool:
    """Whether the stage runs a command of the user's, and so needs the code."""
    return stage.run is not None or (isinstance(stage, DeployStage) and any((stage.server.run, stage.fallback)))


def _text(value: Json) -> str:
    """JSON that people can read and compare by line. Mappings keep the order in which they are written."""
    return f"{_indented(value, _NEW_LINE)}\n"


def _indented(value: Json, line: str) -> str:
    """As `json.dumps` with an indent of 1, which would take five times as long and leave circles of garbage behind.

    `line` is what the line begins with that the value ends on.
    """
    if type(value) is str:  # which most values are
        return encode_basestring(value)
    if not isinstance(value, _PARTS) or not value:
        return _encoded(value)
    inner = f"{line} "
    if isinstance(value, dict):
        parts = [f"{encode_basestring(key)}: {_indented(below, inner)}" for key, below in value.items()]
        return f"{{{inner}{f',{inner}'.join(parts)}{line}}}"
    return f"[{inner}{f',{inner}'.join([_indented(item, inner) for item in value])}{line}]"
