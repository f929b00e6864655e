"""What will run again: each stage of a pipeline as it lives compared with what is wanted, by what its result needs.

An apply runs nothing by itself. What is said here is what the next run does again because of what is applied.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from mlopsctl.ir.contract import Contract
from mlopsctl.ir.fan_out import written_items
from mlopsctl.ir.fingerprint import Surroundings, command_parts, data_parts, deploy_parts, moved
from mlopsctl.ir.model import DataStage, DeployStage, EvaluateStage, MonitorStage, Stage
from mlopsctl.ir.parts import StageOutput
from mlopsctl.ir.reasons import listed, worded
from mlopsctl.ir.values import Values
from mlopsctl.plan.model import NEVER, Effect, StageChange
from mlopsctl.source.nodes import Json
from mlopsctl.store import canonical_json

_PARTS = ("each",)  # what has moved of a stage that only fans out over more or less than before
_ITS_OWN = "it runs on a schedule of its own"
# What of a deployment's text reaches what serves, beside the parts of its key.
_SERVED = ("image", "replicas", "resources", "rollout", "log", "nodes", "pod")
# What is as it is wanted as soon as it is applied, whatever runs do; the objects of a plan show it.
_APPLIED = ("fallback",)


def stage_changes(before: Contract | None, after: Contract, last: Mapping[str, float]) -> tuple[StageChange, ...]:
    """The stages that do something else than before, or get something else to do it with, in the order of a run.

    `before` is None if the pipeline isn't there yet; `last` are the seconds that a stage took last time, where known.
    """
    found: dict[str, StageChange] = {}
    for stage in after.pipeline.ordered():
        change = _own_change(before, after, stage) or _passed_on(after, stage, found)
        if change is not None:
            found[stage.name] = replace(change, last=None if change.moved == _PARTS else last.get(stage.name))
    return tuple(found.values())


def _own_change(before: Contract | None, after: Contract, stage: Stage) -> StageChange | None:
    """What is said of the stage itself, if it differs."""
    if before is None:
        return _change(after, stage, _ITS_OWN if isinstance(stage, MonitorStage) else NEVER)
    earlier = before.pipeline.stages.get(stage.name)
    if earlier is None or earlier.kind != stage.kind:
        return _change(after, stage, "a new stage")
    was, now = _parts(before, earlier), _parts(after, stage)
    if names := moved(was, now):
        reason = "; ".join(worded(name, was.get(name), now.get(name)) for name in names)
        return _compared(_change(after, stage, reason), was, now, names)
    if change := _other_parts(after, earlier, stage):
        return change
    was, now = dict(earlier.origin.mapping()), dict(stage.origin.mapping())
    if names := [name for name in {**was, **now} if was.get(name) != now.get(name) and name not in _APPLIED]:
        # It changes no result, but how it is come by, such as a timeout.
        change = _change(after, stage, f"{' and '.join(names)} changed, from the next run on")
        return _compared(replace(change, effect=Effect.COSMETIC), was, now, names)
    return None


def _other_parts(after: Contract, earlier: Stage, stage: Stage) -> StageChange | None:
    """What is said of a stage that fans out over more than before, or less: its other parts stay as they are."""
    was, now = ([item.name for item in written_items(each)] for each in (earlier, stage))
    more, fewer = ([name for name in one if name not in other] for one, other in ((now, was), (was, now)))
    if more:
        change = _change(after, stage, f"{len(more):,} part{'' if len(more) == 1 else 's'} more{listed(more)}")
    elif fewer:
        change = replace(_change(after, stage, f"no longer{listed(fewer)}"), effect=Effect.COSMETIC)
    else:
        return None
    return _compared(change, {"each": was}, {"each": now}, _PARTS)


def _passed_on(after: Contract, stage: Stage, found: Mapping[str, StageChange]) -> StageChange | None:
    """What a stage has to do because of one that it reads."""
    if isinstance(stage, MonitorStage):
        return None
    read = [each for each in stage.upstream() if isinstance(each, StageOutput) and each.stage in found]
    again = [each.stage for each in read if found[each.stage].effect is Effect.TRAINING]
    again = [name for name in dict.fromkeys(again) if found[name].moved != _PARTS]
    if again:
        return _change(after, stage, f"what it reads is made anew{listed(again)}")
    other = dict.fromkeys(each.stage for each in read if each.every and found[each.stage].moved == _PARTS)
    return _change(after, stage, f"what it reads has other parts{listed(list(other))}") if other else None


def _change(after: Contract, stage: Stage, reason: str) -> StageChange:
    return StageChange(
        pipeline=after.pipeline.name,
        stage=stage.name,
        kind=stage.kind,
        effect=_effect_of(stage),
        reason=reason,
        moved=(),
        before={},
        after={},
        last=None,
    )


def _compared(
    change: StageChange, was: Mapping[str, object], now: Mapping[str, object], names: Sequence[str]
) -> StageChange:
    """The change with the parts that moved, before and after."""
    return replace(
        change,
        moved=tuple(names),
        before={name: _json(was[name]) for name in names if name in was},
        after={name: _json(now[name]) for name in names if name in now},
    )


def _effect_of(stage: Stage) -> Effect:
    """What it means that the stage has another result."""
    match stage:
        case EvaluateStage():
            return Effect.EVALUATION
        case DeployStage():
            return Effect.SERVING
        case MonitorStage():
            return Effect.COSMETIC
        case _:
            return Effect.TRAINING


def _parts(contract: Contract, stage: Stage) -> dict[str, object]:
    """What the stage's result needs, as far as it is known before a run: inputs are known by name, not by digest."""
    around = Surroundings(
        code=contract.code[stage.name],
        requirements=contract.requirements,
        python=contract.pipeline.code.python or "",
        run={},
        image=contract.image,
    )
    params = Values({}).of(stage)
    match stage:
        case MonitorStage():
            return dict(stage.origin.mapping())
        case DeployStage():
            request = stage.load_test.request if stage.load_test else ""
            parts = deploy_parts(stage, model=_name(stage.model), request=request, params=params, around=around)
            served = {name: stage.origin.plain(name) for name in _SERVED}
            return parts | served | {"runtime": stage.server.runtime}
        case DataStage() if stage.source is not None:
            return data_parts(stage, str(stage.source)) | {"version": stage.version, "params": params} | _over(stage)
        case _:
            inputs = {name: _name(value) for name, value in stage.inputs.items()}
            parts = command_parts(stage, params=params, inputs=inputs, around=around) | _over(stage)
            return parts | ({"gates": stage.origin.plain("gates")} if isinstance(stage, EvaluateStage) else {})


def _over(stage: Stage) -> dict[str, object]:
    """What each part of a stage has: the parameter, and where its value comes from."""
    return {"each": {name: _name(one) if isinstance(one, StageOutput) else "" for name, one in stage.each.items()}}


def _name(output: StageOutput) -> str:
    return f"{output.stage}.{output.output}{'[*]' if output.every else ''}"


def _json(value: object) -> Json:
    """A part of a key, which is JSON by construction."""
    found: Json = json.loads(canonical_json(value))
    return found
