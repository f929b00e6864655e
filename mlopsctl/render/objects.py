"""All objects of a pipeline in an environment, and whether each is what its kind allows."""

from collections.abc import Iterable, Iterator, Mapping

from mlopsctl.diagnostics import Diagnostic, Finding, Related, Severity, Span, diagnostic
from mlopsctl.ir.environment import Environment
from mlopsctl.ir.model import DeployStage, Pipeline, Stage
from mlopsctl.manifest import Key, Manifest
from mlopsctl.render.access import access, unanswered
from mlopsctl.render.argo import cron_workflows, workflow_template
from mlopsctl.render.contract import LARGEST, contract, contract_too_large, largest_parts, size_of
from mlopsctl.render.filling import Templates
from mlopsctl.render.nodes import job_sets
from mlopsctl.render.pods import unknown_parts
from mlopsctl.render.rendering import Maker, Rendered, Rendering
from mlopsctl.render.serving import serving
from mlopsctl.render.targets import Problem, Targets

Parts = Mapping[tuple[str, ...], str]

_NOT_YET: Parts = {
    ("rollout", "split"): "a version that passed takes all requests",
    ("replicas", "target"): "servers scale by the processor, at 80%",
}

_NOT_WITHOUT_GATEWAY: Parts = {("fallback",): "the environment has no `gateway` that could lead requests to it"}
_NO_SHARES: Parts = {
    ("rollout", "canary"): "the environment has no `gateway` that could lead a share of requests to it"
}

# What takes a run that looks on.
_AT_ONCE = "where releases are `pinned`, what git says has all requests at once"
_NOT_OF_GIT: Parts = {("rollout", "canary"): _AT_ONCE, ("rollout", "shadow"): _AT_ONCE}

# What only servers of ours honour.
_NOT_OF_RUNTIMES: Parts = {
    ("env",): "a ServingRuntime of the cluster has variables of its own",
    ("log",): "the predictions of a ServingRuntime of the cluster are not kept",
    ("rollout", "shadow"): "a ServingRuntime of the cluster copies no requests",
}


def render_pipeline(rendering: Rendering, templates: Templates) -> Rendered:
    """The objects in the order in which they are applied, and what of the pipeline isn't in them.

    Raises DiagnosedError if a template can't be filled.
    """
    maker = Maker(rendering, templates)
    manifests = [
        contract(maker),
        *access(maker),
        workflow_template(maker),
        *cron_workflows(maker),
        *serving(maker),
        *job_sets(maker),
    ]
    return Rendered(manifests, (*left_out(rendering.pipeline, rendering.environment), *unanswered(rendering)))


class Judge:
    """Holds the objects of one environment against the schemas of their kinds and against each other."""

    def __init__(self, targets: Targets) -> None:
        self._targets = targets
        self._first: dict[Key, Span] = {}  # where the first object of each key comes from

    @property
    def keys(self) -> frozenset[Key]:
        """The keys of the objects so far."""
        return frozenset(self._first)

    def problems(self, manifests: Iterable[Manifest]) -> Iterator[Diagnostic]:
        """What is wrong with objects, each at the line that caused it. Raises DiagnosedError for an unusable schema."""
        for manifest in manifests:
            if manifest.document.get("kind") == "ConfigMap" and (size := size_of(manifest)) > LARGEST:
                yield contract_too_large(manifest.origin, size, largest_parts(manifest))
            elif found := self._targets.problems(manifest.document):
                yield from (broken_object(manifest, problem) for problem in found)
            elif (key := manifest.key) in self._first:
                yield same_object(manifest, self._first[key])
            else:
                self._first[key] = manifest.origin


def left_out(pipeline: Pipeline, environment: Environment) -> Iterator[Diagnostic]:
    """What of a pipeline isn't in its objects, or can't be."""
    for stage in pipeline.stages.values():
        yield from unknown_parts(stage)
        yield from _not_rendered(stage, _NOT_YET)
        if isinstance(stage, DeployStage):
            yield from _of_deployment(stage, environment)


def _of_deployment(stage: DeployStage, environment: Environment) -> Iterator[Diagnostic]:
    if stage.replicas.minimum == 0:
        yield never_asleep(stage.origin.value("replicas", "min"), stage.name)
    for parts, is_so in (
        (_NOT_WITHOUT_GATEWAY, environment.gateway is None),
        (_NO_SHARES, environment.gateway is None and environment.releases == "continuous"),
        (_NOT_OF_GIT, environment.releases == "pinned"),
        (_NOT_OF_RUNTIMES, stage.server.runtime is not None),
    ):
        if is_so:
            yield from _not_rendered(stage, parts)


def _not_rendered(stage: Stage, parts: Parts) -> Iterator[Diagnostic]:
    for path, meaning in parts.items():
        if stage.origin.has(*path):
            yield not_rendered(stage.origin.key(*path), f"stages.{stage.name}.{'.'.join(path)}", meaning)


@diagnostic("MLO730")
def broken_object(manifest: Manifest, problem: Problem) -> Finding:
    """What is rendered breaks the schema of its kind, and a cluster would refuse it.

    The cause is mostly a template or patch of yours, or a value that this language lets through and Kubernetes doesn't.

    Example:
        nodes: {tolerations: [{key: gpu, tolerationSeconds: 1}]}

    Fix: correct the line, or the template that the object is made from.
    """
    notes = (f"in {' and '.join(problem.releases)}",) if problem.releases else ()
    name = manifest.document.get("metadata", {}).get("name", "?")
    return Finding(
        message=f"{manifest.document.get('kind', 'object')} {name}: {problem.message}",
        span=manifest.place(problem.path),
        notes=(f"at {problem.place}", *notes),
    )


@diagnostic("MLO735", Severity.WARNING)
def not_rendered(span: Span, field: str, meaning: str) -> Finding:
    """A part of a pipeline is read and checked, and nothing in a cluster acts on it yet.

    Example:
        replicas: {max: 4, target: {concurrency: 20}}

    Fix: nothing, if you can do without it for now; do not rely on it.
    """
    return Finding(message=f"`{field}` is not rendered yet: {meaning}", span=span)


@diagnostic("MLO749", Severity.WARNING)
def never_asleep(span: Span, stage: str) -> Finding:
    """A deploy stage may have no replica, and nothing in a cluster would wake it when a request comes.

    KServe is used in Standard mode, where servers are Deployments that scale by the processor: what isn't there uses
    none. So one replica stays up, as with `min: 1`.

    Example:
        replicas: {min: 0, max: 4}

    Fix: say `min: 1`, or leave it out. For a model that is rarely asked, ask for few `resources`, or `destroy` the
    environment when nobody needs it.
    """
    return Finding(
        message=f"`{stage}` can't sleep: nothing in KServe's Standard mode wakes a server when a request comes",
        span=span,
        label="one replica stays up",
        helps=("say `min: 1`, which is what is rendered, and ask for few `resources` if it is rarely used",),
    )


@diagnostic("MLO737")
def same_object(manifest: Manifest, first: Span) -> Finding:
    """Two things of a project become objects of the same kind and name, and one would overwrite the other.

    Example:
        a pipeline `churn-drift` with a schedule, beside a pipeline `churn` with a monitor `drift`

    Fix: rename one of them.
    """
    return Finding(
        message=f"a second {manifest.key} is rendered",
        span=manifest.origin,
        related=(Related(first, "the first one is for this"),),
        helps=("rename one of the two",),
    )
