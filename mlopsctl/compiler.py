"""Load, check, lower, check: the whole flow on one screen. Nothing else knows the order."""

from collections.abc import Iterable, Mapping

from mlopsctl.check import meaning, structure
from mlopsctl.check.proven import Proven
from mlopsctl.diagnostics import DiagnosedError, Diagnostic, Finding, diagnostic, has_errors, in_reading_order, similar
from mlopsctl.frozen import frozen
from mlopsctl.ir import lower
from mlopsctl.ir.model import Pipeline
from mlopsctl.source import project
from mlopsctl.source.header import Source
from mlopsctl.source.project import Sources

LOCAL = "local"


@frozen
class Compilation:
    """What a project compiles to in one environment, or why it doesn't."""

    sources: Sources
    environment: Source | None  # None: this machine, with nothing said about it
    pipelines: Mapping[str, Pipeline]
    diagnostics: tuple[Diagnostic, ...]

    @property
    def succeeded(self) -> bool:
        """Whether nothing stands in the way of running."""
        return not has_errors(self.diagnostics)


def compile_project(sources: Sources, environment: str = LOCAL, *, proven: Proven | None = None) -> Compilation:
    """Check the documents of a project as they are in one environment, and lower its pipelines.

    The shape of a document that is `proven` already isn't checked again. Raises DiagnosedError for an environment that
    isn't there; `local` always is.
    """
    proven = Proven() if proven is None else proven
    chosen = _environment(sources, environment)
    found = list(sources.diagnostics)
    for source in sources.all():
        if source.kind != "Pipeline":
            found.extend(wrong for wrong, _ in structure.check(source, source.root, proven))
    unreadable = {fault.span for fault in sources.diagnostics}  # of no type, so nothing is said of their type
    pipelines: dict[str, Pipeline] = {}
    for source in sources.pipelines:
        root = project.overlaid(source, chosen)
        wrong = structure.check(source, root, proven)
        lowered = lower.pipeline(source, root, environment, (path for _, path in wrong))
        found.extend(fault for fault, _ in wrong if fault.span not in unreadable)
        found += [*lowered.diagnostics, *meaning.of_pipeline(lowered.pipeline)]
        pipelines[source.name] = lowered.pipeline
    found.extend(meaning.of_project(sources, pipelines.values()))
    return Compilation(sources, chosen, pipelines, tuple(in_reading_order(found)))


def check_everywhere(sources: Sources, *, proven: Proven | None = None) -> tuple[Diagnostic, ...]:
    """What is wrong with a project, on this machine and in each of its environments."""
    proven = Proven() if proven is None else proven
    names = dict.fromkeys((LOCAL, *(environment.name for environment in sources.environments)))
    compiled = (compile_project(sources, name, proven=proven) for name in names)
    return tuple(in_reading_order(wrong for compilation in compiled for wrong in compilation.diagnostics))


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


def _environment(sources: Sources, name: str) -> Source | None:
    by_name = {environment.name: environment for environment in sources.environments}
    if name not in by_name and name != LOCAL:
        raise DiagnosedError(no_such_environment(name, by_name))
    return by_name.get(name)


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
