"""Rules about releases: that they are of something, for somewhere, and looked at there."""

from collections.abc import Iterator

from mlopsctl.check.advice import closest
from mlopsctl.diagnostics import Finding, Related, Severity, rule
from mlopsctl.ir.model import Pipeline
from mlopsctl.ir.release import environment_of, release_name
from mlopsctl.source.header import Source
from mlopsctl.source.nodes import at, value_span
from mlopsctl.source.project import Sources

Pipelines = tuple[Pipeline, ...]


@rule("MLO745")
def release_of_nothing(sources: Sources, _: Pipelines) -> Iterator[Finding]:
    """A release is of a pipeline that isn't there.

    Example:
        metadata: {name: chrun}       # in releases/prod/churn.yaml

    Fix: use the name of the pipeline, or remove the file if the pipeline is gone.
    """
    known = [pipeline.name for pipeline in sources.pipelines]
    for release in sources.releases:
        if release.name and release.name not in known:
            yield Finding(
                message=f"this releases `{release.name}`, which is no pipeline",
                span=release_name(release),
                **closest(release.name, known, "pipeline"),
            )


@rule("MLO746")
def release_for_nowhere(sources: Sources, _: Pipelines) -> Iterator[Finding]:
    """The folder of a release is named after no environment.

    Example:
        releases/prdo/churn.yaml

    Fix: move the file to `releases/<environment>/`.
    """
    known = [environment.name for environment in sources.environments]
    for release in sources.releases:
        name = environment_of(release)
        if name not in known:
            yield Finding(
                message=f"this is a release for `{name}`, which is no environment",
                span=release_name(release),
                **closest(name, known, "environment"),
            )


@rule("MLO747", Severity.WARNING)
def release_not_looked_at(sources: Sources, _: Pipelines) -> Iterator[Finding]:
    """An environment has releases, and serves every run that passes instead of them.

    Example:
        releases: continuous          # beside releases/staging/churn.yaml

    Fix: say `releases: pinned` in the environment, or remove the release.
    """
    for release in sources.releases:
        environment = _environment(sources, release)
        said = at(environment.root, ("spec", "releases")) if environment else None
        if environment is not None and getattr(said, "value", None) != "pinned":
            span = value_span(environment.root, ("spec", "releases") if said else ("metadata", "name"))
            yield Finding(
                message=f"nobody looks at this release: `{environment.name}` serves every run that passes",
                span=release_name(release),
                related=(Related(span, "here"),),
                helps=("say `releases: pinned` in the environment, or remove this file",),
            )


@rule("MLO748")
def released_twice(sources: Sources, _: Pipelines) -> Iterator[Finding]:
    """A pipeline has two releases for one environment, and only one can serve.

    Example:
        two files in releases/prod/ that both say `name: churn`

    Fix: remove one of them.
    """
    first: dict[tuple[str, str], Source] = {}
    for release in sources.releases:
        other = first.setdefault((environment_of(release), release.name), release)
        if other is not release:
            yield Finding(
                message=f"a second release of `{release.name}` for `{environment_of(release)}`",
                span=release_name(release),
                related=(Related(release_name(other), "the first one"),),
                helps=("remove one of the two",),
            )


def _environment(sources: Sources, release: Source) -> Source | None:
    name = environment_of(release)
    return next((environment for environment in sources.environments if environment.name == name), None)
