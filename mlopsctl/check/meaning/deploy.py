"""Rules about serving: what is served, by how many, and how traffic moves to it."""

from collections.abc import Iterator
from itertools import pairwise
from math import isclose

from mlopsctl.check.files import is_file, json_fault, neighbours, text_of
from mlopsctl.diagnostics import Finding, Related, Severity, rule, similar
from mlopsctl.ir.model import DeployStage, EvaluateStage, Pipeline
from mlopsctl.ir.parts import Rollout

# The formats whose server is a package of the pipeline's own environment; others bring a server of their own.
_PACKAGES = {
    "sklearn": "mlserver-sklearn",
    "xgboost": "mlserver-xgboost",
    "lightgbm": "mlserver-lightgbm",
    "mlflow": "mlserver-mlflow",
    "huggingface": "mlserver-huggingface",
}


@rule("MLO500")
def replicas_reversed(pipeline: Pipeline) -> Iterator[Finding]:
    """A deploy stage has more replicas at least than at most.

    Example:
        replicas: {min: 10, max: 2}

    Fix: exchange the two.
    """
    for stage in pipeline.of_kind(DeployStage):
        least, most = stage.replicas.minimum, stage.replicas.maximum
        if least > most:
            yield Finding(
                message=f"`{stage.name}` has at least {least} replicas and at most {most}",
                span=stage.origin.value("replicas", "min"),
                related=(Related(stage.origin.value("replicas", "max"), "below `min`"),),
            )


@rule("MLO502")
def canary_steps_fall(pipeline: Pipeline) -> Iterator[Finding]:
    """The steps of a canary don't rise from above 0 to below 100%.

    All of the traffic follows the last step by itself.

    Example:
        rollout: {canary: {steps: [5%, 50%, 25%, 100%]}}

    Fix: write shares that rise, each above 0% and below 100%.
    """
    for stage, rollout in _rollouts(pipeline):
        for index, share in enumerate(rollout.canary):
            if not 0 < share < 1:
                end = "moves no traffic" if share <= 0 else "is all of the traffic, which follows by itself"
                yield Finding(
                    message=f"a step of the canary of `{stage.name}` {end}",
                    span=rollout.origin.value("canary", "steps", index),
                )
        for index, (before, after) in enumerate(pairwise(rollout.canary), start=1):
            if 0 < after <= before < 1:
                yield Finding(
                    message=f"the steps of the canary of `{stage.name}` don't rise: {after:.4g} follows {before:.4g}",
                    span=rollout.origin.value("canary", "steps", index),
                    related=(Related(rollout.origin.value("canary", "steps", index - 1), "the step before"),),
                )


@rule("MLO275")
def shadow_of_nothing(pipeline: Pipeline) -> Iterator[Finding]:
    """A shadow copies no requests at all, so that a new version takes them all without having been tried on any.

    Example:
        rollout: {shadow: {of: 0%, for: 1d}}

    Fix: write the share of the requests that is to be copied, or leave `of` out for all.
    """
    for stage, rollout in _rollouts(pipeline):
        if rollout.shadow == 0:
            yield Finding(
                message=f"the shadow of `{stage.name}` copies no requests",
                span=rollout.origin.value("shadow", "of"),
            )


@rule("MLO503")
def split_of_another_sum(pipeline: Pipeline) -> Iterator[Finding]:
    """The shares of a split don't make 100%.

    Example:
        rollout: {split: {champion: 95%, challengers: {a: 5%, b: 5%}}}

    Fix: change the shares so that champion and challengers make 100%.
    """
    for stage, rollout in _rollouts(pipeline):
        if rollout.champion is not None:
            total = rollout.champion + sum(rollout.challengers.values())
            if not isclose(total, 1, abs_tol=1e-9):
                yield Finding(
                    message=f"the shares of the split of `{stage.name}` make {total * 100:.10g}%, not 100%",
                    span=rollout.origin.value("split"),
                )


@rule("MLO504")
def no_port(pipeline: Pipeline) -> Iterator[Finding]:
    """A command that serves is not told on which port.

    Example:
        server: {run: python serve.py --model ${inputs.model}}

    Fix: write `${port}` in the command; it is another one on each machine.
    """
    for stage in pipeline.of_kind(DeployStage):
        for key, text in (("server", stage.server.run), ("fallback", stage.fallback)):
            if text is not None and "${port}" not in str(text) and "MLOPS_PORT" not in str(text):
                yield Finding(
                    message=f"the `{key}` of `{stage.name}` never mentions `${{port}}`",
                    span=stage.origin.value(key, "run"),
                    helps=("add it to the command, such as `--port ${port}`",),
                )


@rule("MLO505")
def serves_no_model(pipeline: Pipeline) -> Iterator[Finding]:
    """A deploy stage serves what an evaluation makes, which is no model.

    Example:
        serve: {kind: deploy, model: quality, …}

    Fix: name the stage that makes the model, and the evaluation under `requires`.
    """
    evaluations = {stage.name: stage for stage in pipeline.of_kind(EvaluateStage)}
    for stage in pipeline.of_kind(DeployStage):
        if stage.model.name in evaluations:
            yield Finding(
                message=f"`{stage.name}` serves `{stage.model.name}`, which evaluates and makes no model",
                span=stage.model.span,
                related=(Related(evaluations[stage.model.name].origin.value("kind"), "evaluates"),),
                helps=(f"name `{stage.model.name}` under `requires`, and the stage that trains as the `model`",),
            )


@rule("MLO506")
def serves_many_models(pipeline: Pipeline) -> Iterator[Finding]:
    """A deploy stage serves a stage that fans out, which makes many models.

    Example:
        model: {kind: train, each: {carrier: [AA, UA]}, …}
        serve: {kind: deploy, model: model, …}

    Fix: add a stage that chooses one model or combines them, and serve that one.
    """
    for stage in pipeline.of_kind(DeployStage):
        model = pipeline.stages.get(stage.model.name)
        if model is not None and model.each:
            yield Finding(
                message=f"`{stage.name}` serves `{model.name}`, which fans out into several models",
                span=stage.model.span,
                related=(Related(model.origin.key("each"), "fans out here"),),
                helps=(f"add a stage that reads `{model.name}[*]` and makes one model of it",),
            )


@rule("MLO507")
def request_not_there(pipeline: Pipeline) -> Iterator[Finding]:
    """The file with the request of a load test is not there.

    Example:
        loadTest: {request: reqest.json}

    Fix: correct the path, which is relative to the pipeline's file, or write the file.
    """
    for stage in pipeline.of_kind(DeployStage):
        path = pipeline.file.parent / stage.load_test.request if stage.load_test else None
        if stage.load_test is not None and path is not None and not is_file(path):
            near = similar(path.name, neighbours(path))
            yield Finding(
                message=f"`{stage.load_test.request}` is not there",
                span=stage.load_test.origin.value("request"),
                label=f"a file with a similar name: `{near}`" if near else "",
                helps=() if near else ("it holds the body of one request, as JSON",),
            )


@rule("MLO508")
def request_not_json(pipeline: Pipeline) -> Iterator[Finding]:
    """The file with the request of a load test is not JSON.

    Example:
        loadTest: {request: request.yaml}

    Fix: write the body of one request as JSON.
    """
    for stage in pipeline.of_kind(DeployStage):
        if stage.load_test is not None:
            why = json_fault(pipeline.file.parent / stage.load_test.request)
            if why:
                yield Finding(
                    message=f"`{stage.load_test.request}` is not JSON: {why}",
                    span=stage.load_test.origin.value("request"),
                )


@rule("MLO511", Severity.WARNING)
def server_not_installed(pipeline: Pipeline) -> Iterator[Finding]:
    """The server of a model's format is not among the requirements, so that nothing can serve the model here.

    A model is served by the versions that it was trained with, from the pipeline's own environment.

    Example:
        code: {requirements: requirements.lock}       # without mlserver-sklearn
        server: {format: sklearn}

    Fix: add the package to the requirements and lock them again, or serve with a command: `server: {run: …}`.
    """
    lock = pipeline.code.requirements
    if "code" in pipeline.broken_keys or (lock is not None and not is_file(lock)):  # MLO341
        return
    locked = text_of(lock).lower().replace("_", "-") if lock is not None else ""
    for stage in pipeline.of_kind(DeployStage):
        package = _PACKAGES.get(stage.server.format or "") if not stage.server.runtime else None
        if package and not any(line.startswith(package) for line in locked.splitlines()):
            yield Finding(
                message=f"the format `{stage.server.format}` is served by `{package}`, which is not installed",
                span=stage.server.origin.value("format"),
                notes=(f"`{lock.name}` does not have it" if lock else "the pipeline has no `code.requirements`",),
                helps=(f"add `{package}` to the requirements and lock them again",),
            )


@rule("MLO512")
def two_models(pipeline: Pipeline) -> Iterator[Finding]:
    """An input of a deploy stage is called `model`, which is what the served model is called already.

    Example:
        serve: {kind: deploy, model: model, inputs: {model: baseline}, …}

    Fix: give the input another name.
    """
    for stage in pipeline.of_kind(DeployStage):
        if "model" in stage.inputs:
            yield Finding(
                message=f"an input of `{stage.name}` is called `model`, as the model that it serves",
                span=stage.origin.key("inputs", "model"),
                related=(Related(stage.model.span, "`${inputs.model}` is this"),),
            )


def _rollouts(pipeline: Pipeline) -> Iterator[tuple[DeployStage, Rollout]]:
    return ((stage, stage.rollout) for stage in pipeline.of_kind(DeployStage) if stage.rollout is not None)


@rule("MLO513")
def several_deploys(pipeline: Pipeline) -> Iterator[Finding]:
    """A pipeline has a second deploy stage.

    A release is of one pipeline and holds one model: rolling back, or comparing with what serves, would otherwise be
    about nobody knows which.

    Example:
        stages:
          serve-small: {kind: deploy, model: small, server: {format: sklearn}}
          serve-large: {kind: deploy, model: large, server: {format: sklearn}}

    Fix: make a pipeline of its own for the second model; what both need comes from the cache.
    """
    deploys = list(pipeline.of_kind(DeployStage))
    for stage in deploys[1:]:
        yield Finding(
            message=f"`{stage.name}` is a second deploy stage of `{pipeline.name}`",
            span=stage.origin.name,
            related=(Related(deploys[0].origin.name, "the first one"),),
            helps=("make a pipeline of its own for it; what both need comes from the cache",),
        )
