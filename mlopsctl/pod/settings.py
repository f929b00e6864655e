"""What a container tells the program in it: where the store is, which run this is, and what the run was given."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.frozen import frozen
from mlopsctl.pod import faults
from mlopsctl.store import run_id

_GRACE = "30"  # what a kubelet gives pods that don't say
GRACE = "ARGO_TERMINATION_GRACE_PERIOD_SECONDS"
_PORT = "8080"  # where the services of KServe look for a server


@frozen(kw_only=True)
class Settings:
    """The settings of one pod. `given` are the run's parameters by their names in Argo, as texts.

    `labels` are what whoever began the run says of it, such as its commit. `item` names which part of a fan-out this
    is; it is empty in all other pods. `contract` is the folder that the pipeline is mounted in, `work` the one that may
    be written to, `models` the one in which servers that aren't ours look. Of `ports` a server listens on the first,
    and on the second to clients that speak gRPC, if it can. `grace` are the seconds that the pod has to end in.
    """

    store: str
    environment: str
    run: str
    began: datetime
    given: Mapping[str, str]
    labels: Mapping[str, str]
    item: str
    contract: Path
    work: Path
    models: Path
    ports: tuple[int, int]
    grace: int


def read_settings(environ: Mapping[str, str]) -> Settings:
    """The settings in the variables of a container. Raises DiagnosedError."""
    began = _moment(environ)
    return Settings(
        store=wanted_setting(environ, "MLOPS_STORE"),
        environment=wanted_setting(environ, "MLOPS_ENVIRONMENT"),
        run=run_id(wanted_setting(environ, "MLOPS_RUN"), began),
        began=began,
        given=_given(environ),
        labels=_labels(environ),
        item=environ.get("MLOPS_EACH", ""),
        contract=Path(environ.get("MLOPS_CONTRACT", "/mlops/contract")),
        work=Path(environ.get("MLOPS_WORK", "/work")),
        models=Path(environ.get("MLOPS_MODELS", "/mnt/models")),
        ports=_ports(environ),
        grace=_grace(environ),
    )


def wanted_setting(environ: Mapping[str, str], name: str) -> str:
    """A variable that has to be there. Raises DiagnosedError."""
    value = environ.get(name, "")
    if not value:
        raise DiagnosedError(faults.setting_wrong(name, "is not set"))
    return value


def _moment(environ: Mapping[str, str]) -> datetime:
    """When the run began; now where nobody says, as for a server, which belongs to no run of its own."""
    written = environ.get("MLOPS_BEGAN", "")
    if not written:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(written)
    except ValueError as error:
        raise DiagnosedError(faults.setting_wrong("MLOPS_BEGAN", f"is no time: {written}")) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _ports(environ: Mapping[str, str]) -> tuple[int, int]:
    written = environ.get("MLOPS_PORT", _PORT)
    if not (written.isascii() and written.isdecimal()):
        raise DiagnosedError(faults.setting_wrong("MLOPS_PORT", f"is no port: {written}"))
    return int(written), int(written) + 1


def _grace(environ: Mapping[str, str]) -> int:
    """By the variable that Argo adds to the containers of pods that say it."""
    written = environ.get(GRACE, "")
    return int(written if written.isascii() and written.isdecimal() else _GRACE)


def _given(environ: Mapping[str, str]) -> dict[str, str]:
    written = environ.get("MLOPS_GIVEN", "")
    try:
        return {str(each["name"]): str(each.get("value", "")) for each in json.loads(written or "[]")}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DiagnosedError(faults.setting_wrong("MLOPS_GIVEN", f"is no list of parameters: {written}")) from error


def _labels(environ: Mapping[str, str]) -> dict[str, str]:
    """The labels of the workflow; none where a template of the user's own doesn't pass them on.

    Argo writes `null` for one that has none, as those that other programs submit.
    """
    written = environ.get("MLOPS_LABELS", "")
    try:
        return {str(name): str(value) for name, value in (json.loads(written or "{}") or {}).items()}
    except (ValueError, AttributeError) as error:
        raise DiagnosedError(faults.setting_wrong("MLOPS_LABELS", f"are no labels: {written}")) from error
