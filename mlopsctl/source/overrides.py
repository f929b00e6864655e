"""What an environment changes of a pipeline."""

from collections.abc import Collection

from mlopsctl.source.header import Source
from mlopsctl.source.nodes import Entry, MappingNode, at
from mlopsctl.source.overlay import merged, put


def overlaid(pipeline: Source, environment: Source | None) -> MappingNode:
    """The pipeline's document with the environment's overrides merged into its `spec`."""
    if environment is None:
        return pipeline.root
    override = at(environment.root, ("spec", "overrides", pipeline.name))
    spec = pipeline.root.get("spec")
    if not isinstance(override, MappingNode) or spec is None:
        return pipeline.root
    return put(pipeline.root, "spec", merged(spec, _without(override, stages_of_nothing(pipeline, environment))))


def stages_of_nothing(pipeline: Source, environment: Source) -> dict[str, Entry]:
    """The stages that an environment overrides and that are neither in the pipeline nor whole stages themselves."""
    stages = at(pipeline.root, ("spec", "stages"))
    overrides = at(environment.root, ("spec", "overrides", pipeline.name, "stages"))
    if not isinstance(stages, MappingNode) or not isinstance(overrides, MappingNode):
        return {}
    return {
        name: entry
        for name, entry in overrides.entries.items()
        if name not in stages.entries and isinstance(entry.value, MappingNode) and "kind" not in entry.value.entries
    }


def _without(override: MappingNode, stages: Collection[str]) -> MappingNode:
    """The override without some of its stages."""
    below = override.get("stages")
    if not stages or not isinstance(below, MappingNode):
        return override
    kept = {name: entry for name, entry in below.entries.items() if name not in stages}
    return put(override, "stages", MappingNode(kept, below.span))
