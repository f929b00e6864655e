"""A training that is distributed: the JobSet whose pods run it, as the run that needs it will make it."""

from collections.abc import Iterator

from mlopsctl.ir.model import Stage, TrainStage
from mlopsctl.manifest import Manifest
from mlopsctl.render import pods
from mlopsctl.render.contract import contract_name
from mlopsctl.render.patching import merge
from mlopsctl.render.rendering import STAGE, Maker, Rendering
from mlopsctl.render.sourced import placed
from mlopsctl.source.nodes import Json

KIND = "JobSet"
_QUEUE = "kueue.x-k8s.io/queue-name"
_DRAFTED = "{}-of-the-run"  # a run gives it a name of its own
_NODE = "node"  # the one part of the JobSet


def is_distributed(stage: Stage) -> bool:
    """Whether the stage runs on several nodes at once."""
    return isinstance(stage, TrainStage) and stage.distributed is not None


def job_sets(maker: Maker) -> Iterator[Manifest]:
    """The JobSet of each stage that is distributed."""
    for stage in maker.rendering.pipeline.of_kind(TrainStage):
        if stage.distributed is not None:
            yield _job_set(maker, stage)


def is_job_set(manifest: Manifest) -> bool:
    """Whether it is one that runs make."""
    return manifest.kind == KIND and manifest.key.name == _DRAFTED.format(manifest.stage)


def image_of(rendering: Rendering, stage: Stage) -> Json:
    """The image of what runs the command of a stage."""
    return rendering.image if stage.image is None else placed(stage.image, stage.origin.value("image"))


def _job_set(maker: Maker, stage: TrainStage) -> Manifest:
    rendering, distributed = maker.rendering, stage.distributed
    assert distributed is not None, "only such stages are asked about"
    patch = pods.pod_patch(stage)
    own: dict[str, Json] = {STAGE: stage.name}
    queue = distributed.queue
    queued: dict[str, Json] = {_QUEUE: placed(queue, distributed.origin.value("queue"))} if queue else {}
    written = patch["labels"]
    values: dict[str, object] = {
        "node": _NODE,
        "stage": stage.name,
        "labels": {**maker.labels, **own, **queued},
        "nodes": placed(distributed.nodes, distributed.origin.value("nodes")),
        "timeout": pods.timeout(stage),
        "pod": {
            "labels": {**maker.labels, **own, **(written if isinstance(written, dict) else {})},
            "annotations": patch["annotations"],
        },
        "account": rendering.pipeline.name,
        **pods.nodes(stage),
        "contract": contract_name(rendering.pipeline),
        "image": image_of(rendering, stage),
        "store": placed(rendering.environment.store, rendering.environment.origin.value("store")),
        "secrets": pods.secrets(rendering.pipeline, stage),
        "resources": pods.resources(stage),
    }
    made = maker.make("jobset/job-set.yaml", _DRAFTED.format(stage.name), values, stage=stage)
    return merge(made, _of_pods(patch["spec"]), ("spec",)) if patch["spec"] else made


def _of_pods(spec: Json) -> Json:
    """A patch on the spec of a JobSet that patches those of its pods."""
    return {"replicatedJobs": [{"name": _NODE, "template": {"spec": {"template": {"spec": spec}}}}]}
