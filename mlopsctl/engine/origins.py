"""What was made from what in a run, by digests."""

from collections.abc import Iterator, Mapping

from mlopsctl.store import RunStage

Edge = tuple[str, str]


def made_by(stages: Mapping[str, RunStage]) -> Iterator[Edge]:
    """Pairs of digests: what a stage read, and what it made.

    What is read of all parts of a fan-out together is a folder that no stage made, and stands for all parts.
    """
    made = {output.digest for stage in stages.values() for output in stage.outputs.values()}
    of_parts = {output.digest for stage in stages.values() if stage.part_of for output in stage.outputs.values()}
    for stage in stages.values():
        for read in read_by(stage):
            for source in {read} | (set() if read in made else of_parts):
                yield from ((source, made.digest) for made in stage.outputs.values() if made.digest != source)


def read_by(stage: RunStage) -> list[str]:
    """The digests of what a stage read."""
    inputs = stage.made_from.get("inputs", {})
    return [*inputs.values(), *([stage.made_from["model"]] if "model" in stage.made_from else [])]


def upstream(stages: Mapping[str, RunStage], digest: str) -> list[str]:
    """The stages that made something which `digest` was made from, itself included, in their own order."""
    edges = list(made_by(stages))
    found, new = set[str](), {digest}
    while new:
        found |= new
        new = {source for source, made in edges if made in new} - found
    return [name for name, stage in stages.items() if found & {output.digest for output in stage.outputs.values()}]
