"""The ConfigMap that carries a pipeline's contract to its pods."""

from mlopsctl.diagnostics import Finding, Span, diagnostic
from mlopsctl.ir.contract import PIPELINE, write_contract
from mlopsctl.ir.model import Pipeline
from mlopsctl.manifest import CONTRACT, Manifest
from mlopsctl.render.rendering import Maker
from mlopsctl.source.nodes import Entry, MappingNode, Node, Path

LARGEST = 1024 * 1024  # bytes, as Kubernetes has it
_MOST_NAMED = 3


def contract_name(pipeline: Pipeline) -> str:
    """The name of a pipeline's contract."""
    return f"{pipeline.name}-contract"


def contract(maker: Maker) -> Manifest:
    """The contract, with a way from each of its texts to where it is written."""
    rendering = maker.rendering
    pipeline = rendering.pipeline
    image = rendering.environment.image
    data = write_contract(pipeline, rendering.code, rendering.requirements, rendering.data, image=image)
    spec = pipeline.origin
    inside: dict[Path, Node] = {
        ("data", f"stage.{stage.name}.json"): stage.origin.node for stage in pipeline.stages.values()
    }
    inside["data", PIPELINE] = MappingNode({"spec": Entry(spec.name, spec.node)}, spec.node.span)
    values = {"data": data, "labels": {**maker.labels, CONTRACT: "true"}}
    return maker.make("core/config-map.yaml", contract_name(pipeline), values, inside=inside)


def size_of(manifest: Manifest) -> int:
    """How many bytes a ConfigMap carries."""
    data = manifest.document.get("data")
    return sum(len(str(text).encode()) for text in data.values()) if isinstance(data, dict) else 0


def largest_parts(manifest: Manifest) -> tuple[str, ...]:
    """The heaviest of its texts with their sizes."""
    data = manifest.document["data"]
    sizes = sorted(((len(str(text).encode()), name) for name, text in data.items()), reverse=True)
    return tuple(f"{name} ({size:,} bytes)" for size, name in sizes[:_MOST_NAMED])


@diagnostic("MLO734")
def contract_too_large(span: Span, size: int, largest: tuple[str, ...]) -> Finding:
    """A pipeline is more text than a ConfigMap holds, in which its stages' contracts reach the pods.

    Example:
        a data contract with `in:` and a hundred thousand values

    Fix: let a command of the pipeline check what is long, with its own file beside the code.
    """
    return Finding(
        message=f"the stages are {size:,} bytes as text, a ConfigMap holds {LARGEST:,}",
        span=span,
        notes=tuple(f"large: {name}" for name in largest),
        helps=("move what is long into files beside the code",),
    )
