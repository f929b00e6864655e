"""What all objects of a pipeline have alike: where they are, how they are labelled, and how one is made."""

from collections.abc import Mapping, Sequence
from dataclasses import field

from mlopsctl.diagnostics import Diagnostic, Span
from mlopsctl.frozen import frozen
from mlopsctl.ir.code import CodeTree
from mlopsctl.ir.environment import Environment
from mlopsctl.ir.model import Pipeline, Stage
from mlopsctl.ir.release import Release
from mlopsctl.manifest import ENVIRONMENT, MANAGED_BY, PART_OF_PROJECT, PIPELINE, PREFIX, TOOL, Manifest
from mlopsctl.render.filling import Templates
from mlopsctl.render.sourced import Places, placed
from mlopsctl.source.nodes import Json, Node, Path
from mlopsctl.store import Artifact

OWNER = f"{PREFIX}owner"
STAGE = f"{PREFIX}stage"


@frozen(kw_only=True)
class Rendering:
    """A pipeline in an environment, with all that its objects depend on.

    `image` is what stages run in that name none; `requirements` is the digest of the lock file, or empty.
    """

    pipeline: Pipeline
    environment: Environment
    project: str
    code: CodeTree
    requirements: str
    image: str
    release: Release | None
    data: Mapping[str, Artifact] = field(default_factory=dict)  # of files of the project, by address


@frozen
class Rendered:
    """Objects, and what is to be said about them."""

    manifests: Sequence[Manifest]
    diagnostics: Sequence[Diagnostic]


class Maker:
    """Makes the objects of one rendering from templates."""

    def __init__(self, rendering: Rendering, templates: Templates) -> None:
        self.rendering = rendering
        self.templates = templates
        self.labels = _labels(rendering)
        owner = rendering.pipeline.owner
        self.annotations: dict[str, Json] = {OWNER: owner} if owner else {}

    def make(
        self, template: str, name: str, values: Mapping[str, object], *, stage: Stage | None = None,
        inside: Mapping[Path, Node] | None = None,
    ) -> Manifest:  # fmt: skip
        """One object. `inside` are the nodes of its texts that are documents themselves, by their paths.

        Raises DiagnosedError if the template can't be filled.
        """
        rendering = self.rendering
        common: dict[str, object] = {
            "name": name,
            "namespace": rendering.environment.namespace,
            "labels": self.labels | ({STAGE: stage.name} if stage else {}),
            "annotations": self.annotations,
            "pipeline": rendering.pipeline.name,
            "environment": rendering.environment.name,
        }
        filled = self.templates.fill(template, {**common, **values})
        return Manifest(
            document=filled.document,
            pipeline=rendering.pipeline.name,
            stage=stage.name if stage else "",
            origin=self.origin(stage),
            places=Places(filled.places, inside or {}),
        )

    def origin(self, stage: Stage | None) -> Span:
        """What in the source an object is there for."""
        return stage.origin.name if stage else self.rendering.pipeline.origin.name


def _labels(rendering: Rendering) -> dict[str, Json]:
    pipeline, environment = rendering.pipeline, rendering.environment
    labels: dict[str, Json] = dict(pipeline.labels)
    labels["app.kubernetes.io/name"] = pipeline.name
    labels[MANAGED_BY] = TOOL
    if rendering.project:
        labels[PART_OF_PROJECT] = rendering.project
    labels[PIPELINE] = pipeline.name
    labels[ENVIRONMENT] = placed(environment.name, environment.origin.name)
    return labels
