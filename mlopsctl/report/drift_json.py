"""A check for drift as JSON for programs; schemas/output/v1/drift.json describes it."""

from dataclasses import asdict

from mlopsctl.report.json_output import VERSION, dumped
from mlopsctl.store import DriftCheck


def render_json(check: DriftCheck, *, is_kept: bool) -> str:
    """One JSON object. `is_kept` says whether it counts for the checks to come."""
    return dumped({"version": VERSION, **asdict(check), "kept": is_kept})
