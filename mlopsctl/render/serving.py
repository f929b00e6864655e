"""What serves: the way from the gateway to a model, and the model itself.

In a pinned environment that is the one of the release, else a draft, in which runs put the one that they built.
"""

from collections.abc import Iterator

from mlopsctl.frozen import frozen
from mlopsctl.ir.draft import MODEL, RELEASE, RUN, URI, drafted_name, service_name
from mlopsctl.ir.model import DeployStage
from mlopsctl.manifest import FALLBACK, Manifest
from mlopsctl.render import pods
from mlopsctl.render.contract import contract_name
from mlopsctl.render.fallback import fallback, fallback_name
from mlopsctl.render.patching import merge
from mlopsctl.render.rendering import Maker, Rendering
from mlopsctl.render.sourced import placed
from mlopsctl.source.nodes import Json

_ALL = 100
_CONTAINER = "kserve-container"
_METRICS = 8083  # where a server with a tap tells its metrics
# By which the scrapers of most clusters find them.
_SCRAPED: dict[str, Json] = {
    "prometheus.io/scrape": "true",
    "prometheus.io/port": str(_METRICS),
    "prometheus.io/path": "/metrics",
}


@frozen(kw_only=True)
class _Served:
    """What serves: the name of its InferenceService, its model, and the description that it starts from, or None."""

    name: str
    digest: Json
    uri: Json
    run: Json
    release: str | None = None


def serving(maker: Maker) -> Iterator[Manifest]:
    """The objects of the deploy stage."""
    rendering = maker.rendering
    for stage in rendering.pipeline.of_kind(DeployStage):  # one at most: a release holds one model
        served = _served(rendering)
        if served is not None:
            yield _inference_service(maker, stage, served)
        yield from fallback(maker, stage)
        if rendering.environment.gateway is not None:
            yield _route(maker, stage, [served.name] if served else [])


def _served(rendering: Rendering) -> _Served | None:
    """What is to serve: the release that is pinned, if there is one; what a run will have built."""
    pipeline, release = rendering.pipeline.name, rendering.release
    if rendering.environment.releases == "continuous":
        return _Served(name=drafted_name(pipeline), digest=MODEL, uri=URI, run=RUN, release=RELEASE)
    if release is None:
        return None
    origin = release.origin
    return _Served(
        name=service_name(pipeline, release.digest),
        digest=placed(release.digest, origin.value("model", "digest")),
        uri=placed(release.uri, origin.value("model", "uri")),
        run=placed(release.run, origin.value("run")),
    )


def _route(maker: Maker, stage: DeployStage, services: list[str]) -> Manifest:
    """The route below the path of the pipeline, by whose name it goes."""
    gateway, name = maker.rendering.environment.gateway, maker.rendering.pipeline.name
    assert gateway is not None, "there is no route without a gateway"
    said: dict[str, Json] = {
        "name": placed(gateway.name, gateway.span),
        "namespace": placed(gateway.namespace, gateway.span),
        "host": placed(gateway.host, gateway.span),
    }
    backends = [{"service": f"{service}-predictor", "weight": _ALL} for service in services]
    values: dict[str, object] = {"gateway": said, "path": f"/{name}", "backends": backends}
    if (instead := fallback_name(maker.rendering, stage)) is not None:
        values["annotations"] = {**maker.annotations, FALLBACK: instead}
    return maker.make("gateway/http-route.yaml", name, values, stage=stage)


def _inference_service(maker: Maker, stage: DeployStage, served: _Served) -> Manifest:
    rendering = maker.rendering
    environment = rendering.environment
    patch = pods.pod_patch(stage)
    values: dict[str, object] = {
        "stage": stage.name,
        "pod": {"labels": patch["labels"], "annotations": _annotations(stage, patch["annotations"])},
        "metrics": _METRICS if _tells_metrics(stage) else None,
        "replicas": _replicas(stage),
        "nodes": pods.nodes(stage),
        "resources": pods.resources(stage),
        "secrets": pods.secrets(rendering.pipeline, stage),
        "server": _server(rendering, stage),
        "model": {"digest": served.digest, "uri": served.uri, "run": served.run, "release": served.release},
        "image": placed(stage.image, stage.origin.value("image")) if stage.image else rendering.image,
        "contract": contract_name(rendering.pipeline),
        "store": placed(environment.store, environment.origin.value("store")),
    }
    made = maker.make("kserve/inference-service.yaml", served.name, values, stage=stage)
    own, pod = _parted(patch["spec"]) if stage.server.runtime else ({}, patch["spec"])
    made = merge(made, own, ("spec", "predictor", "model")) if own else made
    return merge(made, pod, ("spec", "predictor")) if pod else made


def _parted(spec: Json) -> tuple[dict[str, Json], dict[str, Json]]:
    """What a pod's patch says of the server of a ServingRuntime, which is no container of the pod, and all else."""
    pod = dict(spec) if isinstance(spec, dict) else {}
    containers = pod.pop("containers", None)
    named = [each for each in containers if isinstance(each, dict)] if isinstance(containers, list) else []
    own = next((each for each in named if each.get("name") == _CONTAINER), {})
    others: list[Json] = [each for each in named if each is not own]
    if others:
        pod["containers"] = others
    return {name: value for name, value in own.items() if name != "name"}, pod


def _tells_metrics(stage: DeployStage) -> bool:
    """Whether the server has a tap before it, which counts; a runtime of the cluster's own has none."""
    return bool(stage.log_requests) and stage.server.runtime is None


def _annotations(stage: DeployStage, written: Json) -> Json:
    """What is written on the pods of the server: where its metrics are, and what the pipeline says."""
    own = {**_SCRAPED, **(written if isinstance(written, dict) else {})}
    return own if _tells_metrics(stage) else written


def _replicas(stage: DeployStage) -> dict[str, Json]:
    """At least one: Standard mode can't wake what sleeps."""
    span = stage.origin.value("replicas")
    least = max(stage.replicas.minimum, 1)
    return {"min": placed(least, span), "max": placed(max(stage.replicas.maximum, least), span)}


def _server(rendering: Rendering, stage: DeployStage) -> dict[str, Json]:
    """`is_asked` if it has to answer the load test's request before it gets any: else the run that deploys it asks."""
    server, test = stage.server, stage.load_test
    is_pinned = rendering.environment.releases == "pinned"
    return {
        "format": placed(server.format, server.origin.value("format")) if server.format else None,
        "runtime": placed(server.runtime, server.origin.value("runtime")) if server.runtime else None,
        "health": server.health or ("/healthz" if server.run else f"/v2/models/{rendering.pipeline.name}/ready"),
        "is_asked": is_pinned and test is not None and test.request in rendering.data,
    }
