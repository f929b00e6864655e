"""What a project compiles to in one environment, and what commands name of it: environments, pipelines, releases."""

from collections.abc import Iterable, Mapping

from mlopsctl.diagnostics import DiagnosedError, Diagnostic, Finding, diagnostic, has_errors, similar
from mlopsctl.frozen import frozen
from mlopsctl.ir.environment import Environment, read_environment
from mlopsctl.ir.model import Pipeline
from mlopsctl.ir.policy import Verdict
from mlopsctl.ir.release import Release, environment_of, read_release
from mlopsctl.source.ephemeral import family_of, member, unfit_name
from mlopsctl.source.header import Source
from mlopsctl.source.nodes import value_span
from mlopsctl.source.project import Sources

LOCAL = "local"


@frozen
class Compilation:
    """What a project compiles to in one environment, or why it doesn't."""

    sources: Sources
    environment: Source | None  # None: this machine, with nothing said about it
    pipelines: Mapping[str, Pipeline]
    verdicts: tuple[Verdict, ...]  # of the policies that are for the environment
    diagnostics: tuple[Diagnostic, ...]

    @property
    def succeeded(self) -> bool:
        """Whether nothing stands in the way of running."""
        return not has_errors(self.diagnostics)


def only_cluster(sources: Sources) -> str:
    """The name of the one environment that has a cluster. Raises DiagnosedError if there are none or several."""
    names = [source.name for source in sources.environments if read_environment(source)]
    if len(names) != 1:
        raise DiagnosedError(no_cluster("", names))
    return names[0]


def cluster_environment(compilation: Compilation) -> Environment:
    """The environment that was compiled for. Raises DiagnosedError if it names no cluster."""
    environment = read_environment(compilation.environment) if compilation.environment else None
    if environment is None:
        known = (source.name for source in compilation.sources.environments if read_environment(source))
        raise DiagnosedError(no_cluster(compilation.environment.name if compilation.environment else LOCAL, known))
    return environment


def pinned_releases(sources: Sources, environment: Environment) -> Mapping[str, Release]:
    """The releases that git pins in an environment, by pipeline; none where runs decide what serves."""
    if environment.releases != "pinned":
        return {}
    ours = (source for source in sources.releases if environment_of(source) == environment.name)
    return {source.name: read_release(source) for source in ours}


def chosen_pipeline(compilation: Compilation, name: str | None) -> Pipeline:
    """The pipeline of that name; without a name, the only one there is.

    Raises DiagnosedError if there is none, or several and no name.
    """
    names = list(compilation.pipelines)
    if name is None and len(names) == 1:
        return compilation.pipelines[names[0]]
    if name is None or name not in compilation.pipelines:
        raise DiagnosedError(no_such_pipeline(name or "", names))
    return compilation.pipelines[name]


def environment_named(sources: Sources, name: str) -> Source | None:
    """The environment of that name; None for this machine, if nothing is said about it.

    Raises DiagnosedError for one that isn't there.
    """
    by_name = {environment.name: environment for environment in sources.environments}
    if name not in by_name and name != LOCAL:
        return _member(sources, name)
    return by_name.get(name)


def _member(sources: Sources, name: str) -> Source:
    """The ephemeral environment of that name. Raises DiagnosedError if there can be none."""
    known = {source.name: source for source in sources.ephemeral}
    if name in known:
        raise DiagnosedError(unfit_name(value_span(known[name].root, ("metadata", "name")), name, "", ""))
    family = family_of(name, sources.ephemeral)
    found = member(name, family, sources.environments) if family else None
    if found is None:
        raise DiagnosedError(no_such_environment(name, [source.name for source in sources.environments]))
    return found


@diagnostic("MLO015")
def no_such_environment(name: str, known: Iterable[str]) -> Finding:
    """The command names an environment that the project doesn't have.

    Example:
        mlopsctl run churn --env prdo

    Fix: name one of the environments, or write its file and list it in `mlops.yaml`. `local` is always there.
    """
    near = similar(name, known)
    advice = f"an environment with a similar name: `{near}`" if near else f"there are {', '.join((LOCAL, *known))}"
    return Finding(message=f"there is no environment `{name}`", helps=(advice,))


@diagnostic("MLO016")
def no_such_pipeline(name: str, known: Iterable[str]) -> Finding:
    """The command names a pipeline that the project doesn't have, or none where there are several.

    Example:
        mlopsctl run chrun

    Fix: name one of the pipelines; `mlopsctl graph` lists them.
    """
    names = list(known)
    near = similar(name, names)
    known_names = f"the pipelines are {', '.join(f'`{known}`' for known in names)}" if names else "the project has none"
    advice = f"a pipeline with a similar name: `{near}`" if near else known_names
    message = f"there is no pipeline `{name}`" if name else "which pipeline is not said, and there isn't just one"
    return Finding(message=message, helps=(advice,))


@diagnostic("MLO738")
def no_cluster(name: str, known: Iterable[str]) -> Finding:
    """The command is about a cluster, and the environment that it names has none, or it names none of several.

    Example:
        mlopsctl render --env local

    Fix: name an environment with a `cluster`, or give this one a `cluster` and a `store`.
    """
    names = ", ".join(f"`{known}`" for known in known)
    return Finding(
        message=f"the environment `{name}` is in no cluster" if name else "which environment is not said",
        helps=(f"environments with a cluster: {names}" if names else "no environment of this project has a `cluster`",),
    )
