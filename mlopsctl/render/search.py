"""A training that searches: waves of pods, one for each trial, between a pod that begins and one that concludes."""

from collections.abc import Iterator, Mapping

from mlopsctl.ir.model import Stage, TrainStage
from mlopsctl.render import pods
from mlopsctl.render.rendering import Maker
from mlopsctl.render.skeleton import Filled

_ALONE: Mapping[str, object] = {"account": None, "makes_nodes": False}  # also where trials are distributed
_PODS = ("begin", "trial", "conclude")


def has_trials(stage: Stage) -> bool:
    """Whether each trial of the stage has a pod; a fan-out of searches runs the trials of a part in one."""
    return isinstance(stage, TrainStage) and stage.tune is not None and not stage.each


def search(maker: Maker, stage: Stage, view: Mapping[str, object]) -> Iterator[Filled]:
    """The templates of a search; `view` is what that of the stage would be filled with."""
    # No stage can have these names, as those begin with a letter.
    names = {part: f"0-{part}-{stage.name}" for part in (*_PODS, "wave")}
    found = {"search": {"name": view["name"], **names}}
    origin = stage.origin.key("tune")
    yield maker.templates.fill("argo/search.yaml", found, origin=origin)
    yield maker.templates.fill("argo/wave.yaml", found, origin=origin)
    for part in _PODS:
        # What the stage says of its machine is said for its command.
        machine = {} if part == "trial" else {"resources": pods.SMALL, "timeout": None, **_ALONE}
        lists = {name: pods.list_file(name) for name in ("waves", "left")} if part == "begin" else {}
        own = {"name": names[part], "args": [part, stage.name], "is_trial": part == "trial", "lists": lists}
        yield maker.templates.fill("argo/stage.yaml", {"stage": {**view, **machine, **own}}, origin=stage.origin.name)
