"""What answers in place of a model that is stopped: a small server of the user's, beside all versions of the model.

It is git's like a schedule is: of the code, libraries and parameters that were applied, whatever runs have built since.
"""

from collections.abc import Iterator

from mlopsctl.ir.model import DeployStage
from mlopsctl.ir.names import shortened
from mlopsctl.manifest import FALLBACK, PREFIX, Manifest
from mlopsctl.render import pods
from mlopsctl.render.contract import contract_name
from mlopsctl.render.patching import merge
from mlopsctl.render.rendering import Maker, Rendering
from mlopsctl.render.sourced import placed
from mlopsctl.source.nodes import Json
from mlopsctl.store import digest_json

_CONTAINER, _MODEL_CONTAINER = "fallback", "kserve-container"
_RUNS = f"{PREFIX}runs"  # the digest of what a pod of it runs, by which it is another one


def fallback_name(rendering: Rendering, stage: DeployStage) -> str | None:
    """The name of what answers in place of the model; None if nothing does, or nothing could lead requests there."""
    if stage.fallback is None or rendering.environment.gateway is None:
        return None
    return shortened(f"{rendering.pipeline.name}-fallback")


def fallback(maker: Maker, stage: DeployStage) -> Iterator[Manifest]:
    """Its pods and the name that they are reached by, if there is one."""
    rendering = maker.rendering
    name = fallback_name(rendering, stage)
    if name is None:
        return
    selector: dict[str, Json] = {FALLBACK: name}
    yield maker.make("fallback/service.yaml", name, {"selector": selector}, stage=stage)
    patch = pods.pod_patch(stage)
    labels, annotations = (_mapping(patch[key]) for key in ("labels", "annotations"))
    values: dict[str, object] = {
        "stage": stage.name,
        "selector": selector,
        "replicas": placed(max(stage.replicas.minimum, 1), stage.origin.value("replicas")),
        "pod": {
            "labels": {**labels, **maker.labels, **selector},
            "annotations": {**annotations, _RUNS: _runs(rendering, stage)},
        },
        "nodes": pods.nodes(stage),
        "resources": pods.SMALL,
        "secrets": pods.secrets(rendering.pipeline, stage),
        "image": placed(stage.image, stage.origin.value("image")) if stage.image else rendering.image,
        "contract": contract_name(rendering.pipeline),
        "store": placed(rendering.environment.store, rendering.environment.origin.value("store")),
    }
    made = maker.make("fallback/deployment.yaml", name, values, stage=stage)
    pod = _renamed(_mapping(patch["spec"]))
    yield merge(made, pod, ("spec", "template", "spec")) if pod else made


def _runs(rendering: Rendering, stage: DeployStage) -> str:
    """The digest of all that the command depends on."""
    pipeline = rendering.pipeline
    return digest_json(
        {
            "command": str(stage.fallback),
            "code": rendering.code.digest(stage.code_include),
            "requirements": rendering.requirements,
            "python": pipeline.code.python or "",
            "params": {name: param.default for name, param in sorted(stage.params.items())},
            "environment": {name: str(text) for name, text in sorted(stage.env.items())},
        }
    )


def _renamed(spec: dict[str, Json]) -> dict[str, Json]:
    """What a stage says of its pod, where what it says of the model's container is for this one."""
    written = spec.get("containers")
    containers = [each for each in written if isinstance(each, dict)] if isinstance(written, list) else []
    if not containers:
        return spec
    return {**spec, "containers": [{**each, **_own_name(each)} for each in containers]}


def _own_name(container: dict[str, Json]) -> dict[str, Json]:
    return {"name": _CONTAINER} if container.get("name") == _MODEL_CONTAINER else {}


def _mapping(value: Json) -> dict[str, Json]:
    return dict(value) if isinstance(value, dict) else {}
