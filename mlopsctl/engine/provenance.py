"""How a model came to be, as a statement that other tools read: in-toto's envelope with SLSA's provenance, version 1.

Specifications: in-toto Attestation Framework 1.0, Statement; SLSA 1.0, Provenance. The statement says nothing of when,
so that the same model of the same run has the same one wherever it is made.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from mlopsctl import __version__
from mlopsctl.engine.origins import upstream
from mlopsctl.engine.session import Session
from mlopsctl.frozen import frozen
from mlopsctl.store import Artifact, RunStage, Store, canonical_json

Json = dict[str, Any]

STATEMENT = "https://in-toto.io/Statement/v1"
PROVENANCE = "https://slsa.dev/provenance/v1"
BUILD = "https://mlopsctl.dev/provenance/stage/v1"
BUILDER = "https://mlopsctl.dev/builder"


@frozen(kw_only=True)
class Building:
    """The run in which models are made."""

    run: str
    pipeline: str
    environment: str
    commit: str


def building_of(session: Session) -> Building:
    """A run, as the provenance of its models names it."""
    pipeline = session.pipeline
    return Building(
        run=session.run, pipeline=pipeline.name, environment=pipeline.environment, commit=session.commit.digest
    )


def statement_of(building: Building, stages: Mapping[str, RunStage], model: Artifact) -> Json | None:
    """The statement about a model that a training of the run made or took from the cache; None if none did."""
    trained = (
        (name, stage) for name, stage in stages.items() if stage.kind == "train" and model in stage.outputs.values()
    )
    name, stage = next(trained, ("", None))
    if stage is None:
        return None
    is_built_here = stage.cached_from is None
    dependencies = list(_dependencies(stages, name, model))
    if is_built_here and building.commit:
        dependencies.append({"name": "commit", "digest": {"gitCommit": building.commit}})
    return {
        "_type": STATEMENT,
        "subject": [_resource(model.name, model)],
        "predicateType": PROVENANCE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD,
                "externalParameters": {
                    "pipeline": building.pipeline,
                    "stage": name,
                    "params": stage.made_from.get("params", {}),
                },
                "internalParameters": {"environment": building.environment} if is_built_here else {},
                "resolvedDependencies": dependencies,
            },
            "runDetails": {
                "builder": {"id": BUILDER, "version": {"mlopsctl": __version__}},
                "metadata": {"invocationId": stage.cached_from or building.run},
            },
        },
    }


def keep_statements(store: Store, building: Building, stages: Mapping[str, RunStage]) -> dict[str, str]:
    """Keep the statement about each model of a run; their digests, by those of the models. Raises StoreError."""
    models = {
        output.digest: output for stage in stages.values() if stage.kind == "train" for output in stage.outputs.values()
    }
    made = {digest: statement_of(building, stages, model) for digest, model in models.items()}
    return {digest: store.put_bytes(canonical_json(said)).digest for digest, said in made.items() if said is not None}


def _dependencies(stages: Mapping[str, RunStage], name: str, model: Artifact) -> Iterator[Json]:
    """What the model was made from: data and what was made of it, then the code and requirements of these stages."""
    before = upstream(stages, model.digest)
    for other in before:
        if other != name:
            yield from (_resource(f"{other}.{output}", made) for output, made in stages[other].outputs.items())
    for topic in ("code", "requirements"):
        said = {str(digest): other for other in before if (digest := stages[other].made_from.get(topic))}
        yield from ({"name": f"{topic} {said[digest]}", "digest": _digest(digest)} for digest in sorted(said))


def _resource(name: str, artifact: Artifact) -> Json:
    annotations = {"kind": artifact.kind, "file": artifact.name}  # the digest of a folder is that of its manifest
    return {"name": name, "digest": _digest(artifact.digest), "annotations": annotations}


def _digest(digest: str) -> dict[str, str]:
    return {"sha256": digest.removeprefix("sha256:")}
