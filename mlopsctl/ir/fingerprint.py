"""The cache key of a stage: everything that its result depends on, and nothing else.

The same on every machine and in every engine. The parts are kept beside the result, so that it can be said which of
them moved.
"""

from collections.abc import Mapping
from dataclasses import asdict

from mlopsctl.frozen import frozen
from mlopsctl.ir.command import script
from mlopsctl.ir.model import DataStage, DeployStage, MonitorStage, Stage, TrainStage
from mlopsctl.ir.scan import Scan
from mlopsctl.source.interpolation import Text
from mlopsctl.source.nodes import Plain
from mlopsctl.store import canonical_json, digest_json

# Counted up when the meaning of a part changes, so that older results are not taken for new ones.
FORMAT = 1

Parts = dict[str, object]


@frozen(kw_only=True)
class Surroundings:
    """What a stage's result depends on beside its own text, each by digest. Empty where there is none.

    `image` is as the environment names it, for stages that name none themselves.
    """

    code: str
    requirements: str
    python: str
    run: Mapping[str, str]  # `run.id`, `run.date` and `environment.name`, of which those count that are mentioned
    image: str = ""


def key_of(parts: Parts) -> str:
    """The key of a stage with these parts, 64 hexadecimal digits."""
    return digest_json(parts).removeprefix("sha256:")


def command_parts(
    stage: Stage, *, params: Mapping[str, Plain], inputs: Mapping[str, str], around: Surroundings
) -> Parts:
    """The parts of a stage that runs a command; `inputs` are the digests of its inputs by name."""
    return {
        "format": FORMAT,
        "kind": stage.kind,
        "code": around.code,
        "requirements": around.requirements,
        "python": around.python,
        "image": stage.image or around.image,
        "command": script(stage.run) if stage.run else "",
        "params": dict(params),
        "environment": {name: str(text) for name, text in sorted(stage.env.items())},
        "run": _mentioned(stage, around.run),
        "inputs": dict(inputs),
        "outputs": {name: output.path for name, output in stage.outputs.items()},
    } | (_contract(stage) | _search(stage) | _nodes(stage))


def data_parts(stage: DataStage, digest: str) -> Parts:
    """The parts of a data stage whose source has this digest: its content and its contract, wherever it came from."""
    return {"format": FORMAT, "kind": stage.kind, "source": digest} | _contract(stage)


def deploy_parts(
    stage: DeployStage, *, model: str, request: str, params: Mapping[str, Plain], around: Surroundings
) -> Parts:
    """The parts of a deployment: the model and the server, and the load test that they passed."""
    server, test = stage.server, stage.load_test
    return {
        "format": FORMAT,
        "kind": stage.kind,
        "model": model,
        "requirements": around.requirements,
        "python": around.python,
        "code": around.code if server.run else "",
        "command": script(server.run) if server.run else f"format {server.format}",
        "params": dict(params),
        "environment": {name: str(text) for name, text in sorted(stage.env.items())},
        "run": _mentioned(stage, around.run),
        "health": server.health or "",
        "loadTest": {"users": test.users, "seconds": test.duration, "p99": test.p99, "errors": test.errors}
        if test
        else {},
        "request": request,
    } | ({"scan": asdict(stage.scan)} if stage.scan != Scan() else {})


def moved(before: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    """The names of the parts that differ, in the order in which they explain a difference best."""
    order = ("source", "contract", "model", "inputs", "code", "params", "command", "requirements", "python", "image")
    names = [*order, *sorted({*before, *now} - set(order))]
    # As the key sees them: 1, 1.0 and true are different there, and equal in Python.
    return [name for name in names if canonical_json(before.get(name)) != canonical_json(now.get(name))]


def _contract(stage: Stage) -> Parts:
    if isinstance(stage, DataStage) and stage.contract is not None:
        # How fresh the data is depends on the hour, so it is asked anew each time and is no part of the key.
        return {"contract": {key: value for key, value in stage.contract.spec.items() if key != "freshness"}}
    return {}


def _search(stage: Stage) -> Parts:
    if not isinstance(stage, TrainStage) or stage.tune is None:
        return {}
    tune = stage.tune
    # How many trials run at once is no part: what a search has found stays found.
    objective = {"metric": tune.metric, "direction": tune.direction}
    space = {name: asdict(dimension) for name, dimension in tune.space.items()}
    return {"tune": {"trials": tune.trials, "objective": objective, "space": space}}


def _nodes(stage: Stage) -> Parts:
    """How many processes make it together, as each may see a part of the data; which queue they wait in is no part."""
    if not isinstance(stage, TrainStage) or stage.distributed is None:
        return {}
    return {"distributed": {"nodes": stage.distributed.nodes, "framework": stage.distributed.framework}}


def _mentioned(stage: Stage, known: Mapping[str, str]) -> dict[str, str]:
    texts: tuple[Text, ...] = () if isinstance(stage, MonitorStage) else tuple(stage.texts())
    names = {".".join(reference.parts) for text in texts for reference in text.references()}
    return {name: value for name, value in sorted(known.items()) if name in names}
