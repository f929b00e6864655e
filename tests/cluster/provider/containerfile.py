"""What the Containerfile says of its image, for those who make the same image without a builder."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.provider.oci import Image

# What a final stage may say here. Anything else would make an image that differs from what the node has.
_SETTINGS = {"ENV", "LABEL", "USER", "WORKDIR", "CMD", "ENTRYPOINT"}


@dataclass(frozen=True)
class Instruction:
    """One instruction: its name in capitals, and the rest of its line."""

    name: str
    rest: str


@dataclass(frozen=True)
class Stage:
    """A stage: what it begins with, its name, and what it does. The last one usually has no name."""

    base: str
    name: str
    instructions: Sequence[Instruction]


def read_stages(path: Path) -> list[Stage]:
    """The stages of a Containerfile, without what stands before the first."""
    stages: list[Stage] = []
    found: list[Instruction] = []
    for instruction in _instructions(path.read_text(encoding="utf-8")):
        if instruction.name == "FROM":
            base, _, name = instruction.rest.partition(" AS ")
            found = []
            stages.append(Stage(base, name, found))
        else:
            found.append(instruction)
    return stages


def image_settings(stage: Stage, name: str) -> Image:
    """What the stage says of how its image runs. Raises ValueError for an instruction that isn't understood here."""
    lines = [line for line in stage.instructions if line.name != "COPY"]
    if unknown := {line.name for line in lines} - _SETTINGS:
        raise ValueError(f"the last stage of the Containerfile has {', '.join(sorted(unknown))}, which nothing reads")
    last = {line.name: line.rest for line in lines}
    return Image(
        name=name,
        entrypoint=json.loads(last.get("ENTRYPOINT", "[]")),
        command=json.loads(last.get("CMD", "[]")),
        environment=dict(line.rest.split("=", 1) for line in lines if line.name == "ENV"),
        user=last.get("USER", ""),
        working_directory=last.get("WORKDIR", ""),
        labels=dict(line.rest.split("=", 1) for line in lines if line.name == "LABEL"),
    )


def _instructions(text: str) -> Iterator[Instruction]:
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip() and not line.startswith("#"):
            name, _, rest = line.strip().partition(" ")
            yield Instruction(name.upper(), rest.strip())
