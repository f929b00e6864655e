"""From a checked document to the IR. Defaults are filled in here and nowhere else."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mlopsctl.diagnostics import Diagnostic
from mlopsctl.ir.lower_parts import read_params, read_schedule
from mlopsctl.ir.lower_stages import StageReader
from mlopsctl.ir.model import BrokenStage, Code, Pipeline, Stage
from mlopsctl.ir.origin import Origin
from mlopsctl.ir.parts import Notify, Secret
from mlopsctl.source.header import Source
from mlopsctl.source.interpolation import Text, read_text
from mlopsctl.source.nodes import MappingNode, Plain, ScalarNode
from mlopsctl.source.nodes import Path as NodePath
from mlopsctl.source.questions import real


@dataclass(slots=True)
class Lowered:
    """The IR, and what was found wrong on the way: references that are none."""

    pipeline: Pipeline
    diagnostics: list[Diagnostic] = field(default_factory=list)


def pipeline(source: Source, root: MappingNode, environment: str, broken: Iterable[NodePath]) -> Lowered:
    """Lower one pipeline as it is in one environment.

    `root` is the document after the environment's overrides; `broken` are the paths where its shape is wrong. What is
    broken is left out, and known by name.
    """
    whole = Origin(root, root.span)
    spec = whole.below("spec") or Origin(MappingNode({}, root.span), root.span)
    broken_keys, broken_stages = _broken(broken)
    diagnostics: list[Diagnostic] = []
    params = {} if "params" in broken_keys else read_params(spec)
    stages: dict[str, Stage] = {}
    wrecks: dict[str, BrokenStage] = {}
    for name, span, node in spec.entries("stages") if "stages" not in broken_keys else ():
        if name in broken_stages or not isinstance(node, MappingNode):
            wrecks[name] = BrokenStage(name, span)
        else:
            stages[name] = StageReader(name, Origin(node, span), params, diagnostics).stage()
    return Lowered(
        Pipeline(
            name=source.name,
            file=source.path,
            owner=whole.text("metadata", "owner"),
            labels={key: str(value) for key, value in _scalars(whole, "metadata", "labels")},
            environment=environment,
            code=_code(spec, source.path.parent, is_broken="code" in broken_keys),
            params=params,
            secrets={} if "secrets" in broken_keys else _secrets(spec),
            schedule=None if "schedule" in broken_keys else read_schedule(spec),
            notify=Notify((), ()) if "notify" in broken_keys else _notify(spec),
            stages=stages,
            broken=wrecks,
            broken_keys=broken_keys,
            origin=spec,
        ),
        diagnostics,
    )


def _secrets(spec: Origin) -> dict[str, Secret]:
    found = ((name, span, spec.below("secrets", name)) for name, span, _ in spec.entries("secrets"))
    return {
        name: Secret(name, origin.text("secret") or "", origin.text("key") or "", span)
        for name, span, origin in found
        if origin is not None
    }


def _notify(spec: Origin) -> Notify:
    return Notify(_addresses(spec, "onFailure"), _addresses(spec, "onSuccess"))


def _addresses(spec: Origin, key: str) -> tuple[Text, ...]:
    # What is wrong with their references is said by the rules, which read them again.
    return tuple(read_text(node)[0] for node in spec.items("notify", key) if isinstance(node, ScalarNode))


def _code(spec: Origin, folder: Path, *, is_broken: bool) -> Code:
    origin = None if is_broken else spec.below("code")
    requirements = origin.text("requirements") if origin else None
    return Code(
        folder=real(folder / ((origin and origin.text("path")) or ".")),
        python=origin.text("python") if origin else None,
        requirements=real(folder / requirements) if requirements else None,
        origin=origin,
    )


def _broken(paths: Iterable[NodePath]) -> tuple[frozenset[str], frozenset[str]]:
    """The keys of `spec` and the names of stages below which something is wrong."""
    keys: set[str] = set()
    stages: set[str] = set()
    for path in paths:
        match path:
            case ("spec", "stages", str(name), *_):
                stages.add(name)
            case ("spec", str(key), *_):
                keys.add(key)
            case _:
                pass  # in the metadata, which nothing refers to
    return frozenset(keys), frozenset(stages)


def _scalars(origin: Origin, *path: str) -> Iterable[tuple[str, Plain]]:
    return ((key, node.value) for key, _, node in origin.entries(*path) if isinstance(node, ScalarNode))
