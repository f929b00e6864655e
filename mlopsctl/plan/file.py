"""Plans that are saved to be applied later: read as they were written, or not at all."""

import json
import os
from pathlib import Path
from typing import Any

from mlopsctl.diagnostics import DiagnosedError, Diagnostic
from mlopsctl.plan import faults
from mlopsctl.plan.encoding import FORMAT_VERSION, from_json, plan_digest, secret_values, to_json
from mlopsctl.plan.model import Plan
from mlopsctl.store import canonical_json
from mlopsctl.store.beside import written_beside


def write_plan(plan: Plan, path: Path) -> None:
    """Save the plan, for its owner alone to read; what was there is replaced by the whole plan or stays as it is.

    Raises DiagnosedError if it holds secret values or can't be written.
    """
    secrets = [(str(change.key), change.origin) for change in plan.changes if secret_values(change.wanted)]
    if secrets:
        raise DiagnosedError(faults.plan_has_secrets(str(path), secrets))
    content = canonical_json(to_json(plan)) + b"\n"
    try:
        if path.exists() and not path.is_file():  # a device, which a file would take the place of
            raise OSError("there is something else than a file")
        with written_beside(path) as stream:
            os.fchmod(stream.fileno(), 0o600)
            stream.write(content)
    except OSError as error:
        advice = "choose another file, in a folder that is there and that you may write to"
        raise DiagnosedError(_unusable(path, "written", error, advice)) from error


def read_plan(path: Path) -> Plan:
    """The plan that was saved there. Raises DiagnosedError if it isn't one, or not as it was saved."""
    try:
        content = path.read_bytes()
    except OSError as error:
        advice = "give the path of a saved plan, or save one: mlopsctl plan -o .mlops/plan.json"
        raise DiagnosedError(_unusable(path, "read", error, advice)) from error
    document = _parsed(path, content)
    found = document["format_version"]
    if type(found) is not int or found != FORMAT_VERSION:
        raise DiagnosedError(faults.other_format(str(path), str(found), FORMAT_VERSION, _writer(document)))
    if document.get("plan_digest") != _digest(document):
        raise DiagnosedError(faults.plan_edited(str(path)))
    try:
        return from_json(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DiagnosedError(faults.not_a_plan(str(path), "it lacks parts of one")) from error


def _parsed(path: Path, content: bytes) -> dict[str, Any]:
    """The JSON object, if it says that it is a plan."""
    try:
        document = json.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise DiagnosedError(faults.not_a_plan(str(path), _why(content, error))) from error
    if not isinstance(document, dict) or "format_version" not in document:
        raise DiagnosedError(faults.not_a_plan(str(path), "it says no format_version"))
    return document


def _why(content: bytes, error: Exception) -> str:
    if not content.strip():
        return "it is empty"
    if content.startswith(b'{"changes":'):  # as canonical JSON of a plan begins
        return "a part of it is missing"
    return f"no JSON in line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "it is no JSON"


def _digest(document: dict[str, Any]) -> str:
    try:
        return plan_digest(document)
    except ValueError:  # NaN, or half of a character: nothing that was written here
        return ""


def _writer(document: dict[str, Any]) -> str:
    provenance = document.get("provenance")
    return str(provenance.get("version", "")) if isinstance(provenance, dict) else ""


def _unusable(path: Path, doing: str, error: OSError, advice: str) -> Diagnostic:
    return faults.plan_unusable(str(path), doing, error.strerror or str(error), advice)
