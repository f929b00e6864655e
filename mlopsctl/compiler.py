"""Load, check, lower, check: the whole flow on one screen. Nothing else knows the order."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mlopsctl import __version__
from mlopsctl.check import meaning, structure
from mlopsctl.compilation import LOCAL, Compilation, cluster_environment, environment_named, pinned_releases
from mlopsctl.diagnostics import DiagnosedError, Diagnostic, has_errors, in_reading_order
from mlopsctl.frozen import frozen
from mlopsctl.ir import lower
from mlopsctl.ir.model import Pipeline
from mlopsctl.ir.policy import Verdict
from mlopsctl.ir.release import environment_of
from mlopsctl.source.ephemeral import base_of, names_of
from mlopsctl.source.header import Source
from mlopsctl.source.overrides import overlaid
from mlopsctl.source.project import Sources

if TYPE_CHECKING:
    from mlopsctl.ir.values import Values
    from mlopsctl.render.filling import Templates
    from mlopsctl.render.objects import Judge
    from mlopsctl.render.rendering import Rendered
    from mlopsctl.render.targets import Targets

# What is wrong with each of some pipelines, as `ruled` finds it.
Rules = Callable[[Sequence[Pipeline]], Sequence[Sequence[Diagnostic]]]

NO_OBJECT = "MLO743"  # what is said of a patch that is for no object
RUNTIME_IMAGE = "mlopsctl-runtime"  # of no registry: whoever builds it says where it is


def compile_project(sources: Sources, environment: str = LOCAL, rules: Rules | None = None) -> Compilation:
    """Check the documents of a project as they are in one environment, and lower its pipelines.

    `rules` take the place of `ruled`. Raises DiagnosedError for an environment that isn't there; `local` always is.
    """
    chosen = environment_named(sources, environment)
    found = list(sources.diagnostics)
    misshapen: set[int] = set()
    for source in sources.all():
        if source.kind != "Pipeline" and (wrong := structure.check(source, source.root)):
            misshapen.add(id(source))
            found.extend(fault for fault, _ in wrong)
    unreadable = {fault.span for fault in sources.diagnostics}  # of no type, so nothing is said of their type
    lowered = [_lowered(source, chosen, environment, unreadable) for source in sources.pipelines]
    breaches = (rules or ruled)([each.pipeline for each in lowered])
    pipelines: dict[str, Pipeline] = {}
    sound: dict[str, Pipeline] = {}
    for source, each, breach in zip(sources.pipelines, lowered, breaches, strict=True):
        said = (*each.diagnostics, *breach)
        pipelines[source.name] = each.pipeline
        if not each.is_misshapen and not has_errors(said):
            sound[source.name] = each.pipeline
        found += said
    found.extend(meaning.of_project(sources, pipelines.values()))
    policies = [source for source in sources.policies if id(source) not in misshapen]
    verdicts, broken = _judged(sources, policies, environment, sound) if policies else ((), ())
    found += broken
    return Compilation(sources, chosen, pipelines, verdicts, tuple(in_reading_order(found)))


def ruled(pipelines: Sequence[Pipeline]) -> list[list[Diagnostic]]:
    """What each of the pipelines says that can't be meant."""
    return [list(meaning.of_pipeline(pipeline)) for pipeline in pipelines]


def located(sources: Sources, environment: str) -> Compilation:
    """Where things are in an environment, without any pipeline, and so without what is wrong with one.

    Raises DiagnosedError for an environment that isn't there.
    """
    return Compilation(sources, environment_named(sources, environment), {}, (), ())


def check_everywhere(sources: Sources, rules: Rules | None = None) -> tuple[Diagnostic, ...]:
    """What is wrong with a project, on this machine and in each of its environments. `rules` as in the above."""
    found: list[Diagnostic] = []
    made = (f"{family.name}-0" for family in sources.ephemeral if base_of(family, sources.environments))
    for name in dict.fromkeys((LOCAL, *(environment.name for environment in sources.environments), *made)):
        try:
            found += compile_project(sources, name, rules).diagnostics
        except DiagnosedError as error:  # of an ephemeral one whose names are too long with any end
            found += error.diagnostics
    return tuple(in_reading_order(found))


@frozen
class _Lowered:
    """A pipeline as the lowering made it, and what is wrong with its shape and its values."""

    pipeline: Pipeline
    is_misshapen: bool
    diagnostics: tuple[Diagnostic, ...]


def _lowered(source: Source, chosen: Source | None, environment: str, unreadable: Collection[object]) -> _Lowered:
    root = overlaid(source, chosen)
    wrong = structure.check(source, root)
    made = lower.pipeline(source, root, environment, (path for _, path in wrong))
    faults = (fault for fault, _ in wrong if fault.span not in unreadable)
    return _Lowered(made.pipeline, bool(wrong), (*faults, *made.diagnostics))


def _judged(
    sources: Sources, policies: list[Source], environment: str, pipelines: Mapping[str, Pipeline]
) -> tuple[tuple[Verdict, ...], tuple[Diagnostic, ...]]:
    """What policies say of those pipelines that nothing else is wrong with."""
    from mlopsctl.check.policy.judging import Scene, judge  # here, as most projects have no policies

    judgement = judge(
        policies,
        Scene(
            environment=environment,
            source=environment_named(sources, environment),
            pipelines=pipelines,
            documents={source.name: source for source in sources.pipelines},
            releases=tuple(each for each in sources.releases if environment_of(each) == environment),
            others=tuple(dict.fromkeys((LOCAL, *(each.name for each in (*sources.environments, *sources.ephemeral))))),
        ),
    )
    return judgement.verdicts, judgement.diagnostics


def render_project(
    compilation: Compilation, templates: "Templates", targets: "Targets", values: "Values | None" = None
) -> "Rendered":
    """The objects of all pipelines in the environment that was compiled for, checked, and what is wrong with them.

    Raises as `rendered_pipelines`.
    """
    from mlopsctl.render.objects import Judge
    from mlopsctl.render.rendering import Rendered

    made = list(rendered_pipelines(compilation, templates, Judge(targets), values))
    found = in_reading_order(wrong for each in made for wrong in each.diagnostics)
    return Rendered(tuple(manifest for each in made for manifest in each.manifests), tuple(found))


def rendered_pipelines(
    compilation: Compilation, templates: "Templates", judge: "Judge", values: "Values | None" = None
) -> "Iterator[Rendered]":
    """The same as `render_project`, one pipeline after the other, so that no more of them need be kept than is wanted.

    What is wrong with the whole comes last. Without `values`, all parameters have their defaults.
    Raises DiagnosedError if the environment names no cluster, or if a template or a schema can't be used; OSError if
    code can't be read.
    """
    from mlopsctl.ir.pins import Pins  # here, as what only checks or runs on this machine renders nothing
    from mlopsctl.manifest import is_known
    from mlopsctl.render.drafts import handed_over
    from mlopsctl.render.objects import render_pipeline
    from mlopsctl.render.patches import Patches
    from mlopsctl.render.rendering import Rendered, Rendering

    environment = cluster_environment(compilation)
    releases = pinned_releases(compilation.sources, environment)
    pins = Pins(compilation.sources.paths, values)
    assert compilation.environment is not None, "it names a cluster"
    patches = Patches(compilation.sources.patches, names_of(compilation.environment))
    for pipeline in compilation.pipelines.values():
        rendering = Rendering(
            pipeline=pipeline,
            environment=environment,
            project=compilation.sources.name,
            code=pins.code(pipeline),
            requirements=pins.requirements(pipeline),
            data=pins.data(pipeline),
            image=environment.image or f"{RUNTIME_IMAGE}:{__version__}",
            release=releases.get(pipeline.name),
        )
        made = render_pipeline(rendering, templates)
        patched = patches.patched(made.manifests)
        manifests = whole = patched.manifests
        if all(is_known(each.document) for each in manifests):
            manifests = handed_over(patched.manifests)
            contracts = {each.key: each for each in manifests if each.kind == "ConfigMap"}
            whole = tuple(
                contracts.get(each.key, each) if each.kind == "ConfigMap" else each for each in whole
            )  # with what is only runs' to apply
        yield Rendered(manifests, (*made.diagnostics, *patched.diagnostics, *judge.problems(whole)))
    yield Rendered((), tuple(patches.unmet()))


def render_run(
    compilation: Compilation, pipeline: Pipeline, values: "Values", templates: "Templates", targets: "Targets"
) -> "Rendered":
    """The objects of one pipeline as a run with these values of its parameters needs them. Raises as the above."""
    alone = replace(compilation, pipelines={pipeline.name: pipeline})
    made = render_project(alone, templates, targets, values)
    said = (found for found in made.diagnostics if found.code != NO_OBJECT)  # the patch is for another pipeline
    return replace(made, diagnostics=tuple(said))
