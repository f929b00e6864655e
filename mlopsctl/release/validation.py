"""The data that a live endpoint is measured with: what the run of its release read, or the file that git has."""

from pathlib import Path
from tempfile import TemporaryDirectory

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.engine.reference import Reader, sampled
from mlopsctl.engine.results import result_in
from mlopsctl.ir.model import DataStage, DeployStage, Pipeline
from mlopsctl.ir.parts import Verification
from mlopsctl.ir.values import Values, source_text
from mlopsctl.release.sending import Columns
from mlopsctl.release.verify_faults import not_measurable
from mlopsctl.runtime.data_contract.sample import Wanted
from mlopsctl.store import Artifact, RunRecord


def rows_of(
    reader: Reader, pipeline: Pipeline, stage: DeployStage, asked: Verification, run: str
) -> tuple[int, Columns]:
    """How many rows the data has, and a sample of them by column. Raises DiagnosedError, StoreError."""
    with TemporaryDirectory(prefix="mlopsctl-verify-") as folder:
        artifact = _artifact(reader, pipeline, asked, run)
        if artifact is not None:
            path = Path(folder) / artifact.name
            reader.store.fetch_artifact(artifact, path, link=True)
        else:
            path = _file(pipeline, stage, asked)
        found = sampled(reader, path, Wanted(None, asked.rows))
    if "unreadable" in found:
        why = f"{asked.data.stage}: {found['unreadable']}"
        raise DiagnosedError(not_measurable(asked.data.span, stage.name, why, "name data that is a table"))
    columns: Columns = found["columns"]
    return int(found["rows"]), columns


def _artifact(reader: Reader, pipeline: Pipeline, asked: Verification, run: str) -> Artifact | None:
    """What the run had where `verify` points; None where the store doesn't know the run."""
    document = reader.store.read_record("runs", run)
    stage = RunRecord.from_json(document).stages.get(asked.data.stage) if document else None
    result = result_in(reader.store, run, stage) if stage is not None else None
    return result.outputs.get(pipeline.output_of(asked.data)) if result else None


def _file(pipeline: Pipeline, stage: DeployStage, asked: Verification) -> Path:
    """The file of the repository that the data is, with the parameters' defaults. Raises DiagnosedError."""
    data = pipeline.stages.get(asked.data.stage)
    if isinstance(data, DataStage) and data.source is not None:
        known = {"environment.name": pipeline.environment}
        address = source_text(data.source, Values({}).of(data), known)
        path = (pipeline.file.parent / address).resolve()
        if "://" not in address and path.exists():
            return path
    why = f"the run of the release left no {asked.data.stage} in this store, and git has none"
    raise DiagnosedError(
        not_measurable(asked.data.span, stage.name, why, "promote the release again, which brings its data along")
    )
