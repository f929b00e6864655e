"""What runs again because of a plan, and what is checked before anything serves, for a terminal."""

from collections.abc import Iterator, Mapping, Sequence

from mlopsctl.plan.model import ABSENT, NEVER, Check, Effect, Plan, StageChange
from mlopsctl.report.colour import Colour
from mlopsctl.report.display import display_width, padded, shown
from mlopsctl.report.planned_groups import by
from mlopsctl.report.planned_page import NARROWEST, Page, listed
from mlopsctl.report.planned_values import Value, flat, rows_of
from mlopsctl.report.wording import counted, duration

_WORDS = {
    Effect.COSMETIC: "nothing",
    Effect.SERVING: "rollout",
    Effect.EVALUATION: "evaluation",
    Effect.TRAINING: "training",
}
# What the class of the most that happens is called where nothing is trained.
_UNTRAINED = {"data": "fetch", "task": "run"}
FEW_PIPELINES = 8  # that are shown one by one
MOST_ROWS = 20
_NAMES = 3  # of pipelines in which the same happens
_IDLE = 12  # names of stages that do nothing
_MINUTE, _ROUGHLY = 60, 90  # seconds


def running(plan: Plan) -> list[StageChange]:
    """The stages that run again, in the order of the plan."""
    return [stage for stage in plan.stages if stage.effect is not Effect.COSMETIC]


def word_of(stage: StageChange) -> str:
    """What happens to a stage: `training`, `evaluation`, `rollout`, `fetch`, `run` or `nothing`."""
    word = _WORDS[stage.effect]
    return _UNTRAINED.get(stage.kind, word) if stage.effect is Effect.TRAINING else word


def title(plan: Plan) -> str:
    """What heads the stages that run: again, unless none of them has ever run."""
    reasons = {stage.reason for stage in running(plan)}
    return "What will run" if reasons == {NEVER} else "What will run again"


def stage_lines(plan: Plan, page: Page) -> Iterator[str]:
    """Each stage that runs again, why, and how long it took last time; the others in one sentence."""
    stages = running(plan)
    pipelines = by(stages, lambda stage: stage.pipeline)
    if page.explain:
        yield from _explained(pipelines, page)
    elif len(pipelines) > FEW_PIPELINES:
        yield from _across(stages, page)
    else:
        yield from _by_pipeline(pipelines, page)
    yield from _idle(plan, page)


def check_lines(plan: Plan, page: Page) -> Iterator[str]:
    """Gates, policies and approvals, by stage; those of many pipelines by what they say."""
    pipelines = by(plan.checks, lambda check: check.pipeline)
    if len(pipelines) > FEW_PIPELINES and not page.explain:
        alike = by(plan.checks, lambda check: (check.stage, check.what))
        rows = [(shown(same[0].stage), "", [shown(same[0].what), in_pipelines(same)]) for same in alike]
        yield from page.table(rows[:MOST_ROWS])
        yield from _more(len(rows) - MOST_ROWS, "other check", page)
        return
    for checks in pipelines:
        if len(pipelines) > 1:
            yield f"  {shown(checks[0].pipeline)}"
        per_stage = by(checks, lambda check: check.stage)
        rows = [(shown(same[0].stage), "", [shown(check.what) for check in same]) for same in per_stage]
        yield from page.table(rows, indent=_indent(pipelines))


def in_pipelines(alike: Sequence[StageChange] | Sequence[Check]) -> str:
    """`in 998 pipelines: a, b, c and 995 more`."""
    names = list(dict.fromkeys(one.pipeline for one in alike))
    return f"in {counted(len(names), 'pipeline')}: {listed(names, _NAMES)}"


def time_of(stage: StageChange) -> str:
    """`about 4 min, last time 3m 41s`; empty if it isn't known."""
    if stage.last is None:
        return ""
    roughly = f"about {stage.last / _MINUTE:.0f} min, " if _ROUGHLY <= stage.last < _MINUTE * _MINUTE else ""
    return f"{roughly}last time {duration(stage.last)}"


def time_in_all(alike: Sequence[StageChange]) -> str:
    """`last time 2d 07h in all for the 900 that ran before`; empty if it isn't known of any."""
    known = [stage.last for stage in alike if stage.last is not None]
    if not known:
        return ""
    which = f" for the {len(known):,} that ran before" if len(known) < len(alike) else ""
    return f"last time {duration(sum(known))} in all{which}"


def idle_sentence(plan: Plan, *, most: int = _IDLE) -> str:
    """Which stages do nothing and, if that is the same for all, why; empty if there are none."""
    idle = [stage for stage in plan.stages if stage.effect is Effect.COSMETIC]
    if not idle:
        return ""
    reasons = {stage.reason for stage in idle}
    why = f": {shown(idle[0].reason)}" if len(reasons) == 1 and idle[0].reason else ""
    pipelines = {stage.pipeline for stage in idle}
    if len(pipelines) > 1:
        return f"Nothing runs again for {counted(len(idle), 'stage')} of {counted(len(pipelines), 'pipeline')}{why}"
    return f"Nothing runs again for {listed([stage.stage for stage in idle], most)}{why}"


def _by_pipeline(pipelines: Sequence[Sequence[StageChange]], page: Page) -> Iterator[str]:
    for stages in pipelines:
        if len(pipelines) > 1:
            yield f"  {shown(stages[0].pipeline)}"
        yield from page.table([_row(stage) for stage in stages], indent=_indent(pipelines))


def _indent(pipelines: Sequence[object]) -> int:
    """Below the name of their pipeline, if there are several."""
    return 4 if len(pipelines) > 1 else 2


def _row(stage: StageChange) -> tuple[str, str, list[str]]:
    return shown(stage.stage), word_of(stage), [part for part in (shown(stage.reason), time_of(stage)) if part]


def _across(stages: Sequence[StageChange], page: Page) -> Iterator[str]:
    """What happens to many pipelines, each kind of it once."""
    alike = by(stages, lambda stage: (stage.stage, stage.effect, stage.reason))
    rows = [
        (
            shown(same[0].stage),
            word_of(same[0]),
            list(filter(None, (shown(same[0].reason), in_pipelines(same), time_in_all(same)))),
        )
        for same in alike
    ]
    yield from page.table(rows[:MOST_ROWS])
    yield from _more(sum(map(len, alike[MOST_ROWS:])), "more stage", page)


def _more(count: int, noun: str, page: Page) -> Iterator[str]:
    if count > 0:
        yield from page.said(f"and {counted(count, noun)}: --explain shows them", 2)


def _idle(plan: Plan, page: Page) -> Iterator[str]:
    sentence = idle_sentence(plan, most=len(plan.stages) if page.explain else _IDLE)
    if sentence:
        yield from page.said(sentence, 2)


def _explained(pipelines: Sequence[Sequence[StageChange]], page: Page) -> Iterator[str]:
    for stages in pipelines:
        if len(pipelines) > 1:
            yield f"  {shown(stages[0].pipeline)}"
        for stage in stages:
            yield from page.table([_row(stage)], indent=_indent(pipelines))
            yield from _parts(stage, page)


def _parts(stage: StageChange, page: Page) -> Iterator[str]:
    """Both keys of a stage: the parts that moved first, best explanation first, then those that are the same."""
    names = list(dict.fromkeys([*stage.moved, *stage.before, *stage.after]))
    width = min(max((display_width(shown(name)) for name in names), default=0), max(page.width // 3, NARROWEST))
    room = max(page.width - 8 - width - 3, NARROWEST)
    for name in names:
        before, after = _part(stage.before, name), _part(stage.after, name)
        has_moved = repr(before) != repr(after) or name in stage.moved
        mark = page.paint("→", Colour.WARNING) if has_moved else " "
        head = f"      {mark} {padded(shown(name), width)}   "
        if not has_moved:
            yield from page.hung(head, [flat(after)], 8 + width + 3)
            continue
        rows = rows_of(before, after, room=room, whole=True)
        yield from page.hung(head, [f"{row.sign} {row.text}".strip() for row in rows], 8 + width + 3)


def _part(parts: Mapping[str, Value], name: str) -> Value:
    return parts.get(name, ABSENT)
