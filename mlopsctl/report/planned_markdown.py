"""A plan as a comment on a pull request: the sum of it on top, all else folded, never longer than GitHub takes."""

from collections.abc import Iterator, Sequence
from datetime import UTC
from urllib.parse import quote

from mlopsctl.plan.model import Action, Check, Drift, FieldChange, Plan, StageChange
from mlopsctl.report.display import shown
from mlopsctl.report.markdown import Block, Section, code, fence, fitted, indented, length, prose, short
from mlopsctl.report.planned import apply_command, led_back, no_changes, policy_parts, source_parts, stopped, summary
from mlopsctl.report.planned_groups import FEW, Group, by, grouped, shared
from mlopsctl.report.planned_objects import (
    MOST_FIELDS,
    REPLACED,
    UNASKED,
    VERBS,
    age,
    beside_drift,
    consequence,
    drift_likeness,
    named,
    names_of,
    where,
)
from mlopsctl.report.planned_page import listed, plural
from mlopsctl.report.planned_stages import (
    FEW_PIPELINES,
    idle_sentence,
    in_pipelines,
    running,
    time_in_all,
    time_of,
    title,
    word_of,
)
from mlopsctl.report.planned_values import diff_of
from mlopsctl.report.wording import counted, moment

SHORTEST = 8000  # characters that what is never left out may take
_COLUMNS = 160  # of a line in a diff
_NAMES = 1000  # characters of a list of names
_NAME = 60  # characters of an environment's name


def render_markdown(plan: Plan, limit: int = 60_000, *, command: str | None = None) -> str:
    """All of a plan in at most `limit` characters, counted as UTF-16; what doesn't fit is left out whole, and counted.

    The first line is a comment that isn't shown and names the environment, so that a comment can be found again.
    `command` is what carries it out; None is `mlopsctl apply --env …`, an empty one says nothing. Raises ValueError
    for a limit below SHORTEST.
    """
    if limit < SHORTEST:
        raise ValueError(f"a plan takes at least {SHORTEST:,} characters, and {limit:,} are allowed")
    following = apply_command(plan) if command is None else command
    after = f"To make it so: {code(following)}\n" if following and not plan.is_empty else ""
    before = "\n\n".join(
        [
            f"<!-- mlopsctl plan: {quote(short(shown(plan.target.environment), _NAME), safe='')} -->",
            f"### Plan for {code(plan.target.environment)}: {summary(plan) or 'no changes'}",
        ]
    )
    room = limit - length(before) - length(after) - 4
    return "\n\n".join(filter(None, (before, render_body(plan, room), after))).rstrip("\n") + "\n"


def render_body(plan: Plan, limit: int) -> str:
    """Where a plan points and all that it says, without a title, in at most `limit` characters."""
    before = "\n\n".join(_head(plan))
    shows = f"left out here: {code(_plan_command(plan))} shows all."
    return "\n\n".join([before, *fitted(_sections(plan), limit - length(before) - 2, shows)])


def _head(plan: Plan) -> Iterator[str]:
    target = plan.target
    server = f" at {code(target.server)}" if target.server else ""
    namespace = f", namespace {code(target.namespace)}" if target.namespace else ""
    first = "" if plan.inventory.id else "\n- **So far** nothing has been applied to this environment from this project"
    source = " · ".join(prose(part) for part in source_parts(plan))
    held = "".join(f"\n- **Stopped** {'; '.join(map(code, stopped(each, plan)))}" for each in plan.overrides)
    held += "".join(f"\n- **Turned back** {'; '.join(map(code, led_back(each)))}" for each in plan.turned_back)
    yield f"- **Target** context {code(target.context)}{server}{namespace}\n- **From** {source}{first}{held}"
    if plan.policies:
        yield f"- **Policies** {' · '.join(prose(part) for part in policy_parts(plan))}"
    if plan.is_empty:
        yield f"**No changes**: {prose(no_changes(plan).removeprefix('No changes: '))}"


def _plan_command(plan: Plan) -> str:
    return f"mlopsctl plan --env {short(shown(plan.target.environment), _NAME)} --explain"


def _sections(plan: Plan) -> list[Section]:
    drifted, changed = [*_drift(plan)], [*_changes(plan)]
    stages, checks = [*_stages(plan)], [*_checks(plan.checks)]
    keys = {drift.key for drift in plan.drift}
    found = [
        Section(f"Changed behind git's back: {counted(len(keys), 'object')}", "object", drifted),
        Section(f"Changes: {counted(sum(1 for _ in beside_drift(plan)), 'object')}", "object", changed),
        Section(f"{title(plan)}: {counted(len(running(plan)), 'stage')}", "stage", stages),
        Section(f"Will be checked before anything serves: {counted(len(plan.checks), 'check')}", "check", checks),
    ]
    return [section for section in found if section.blocks]


def _drift(plan: Plan) -> Iterator[Block]:
    alike = by(plan.drift, drift_likeness) if len(plan.drift) > FEW else [[one] for one in plan.drift]
    for drifts in alike:
        first = drifts[0]
        fields = _diff(shared([one.fields for one in drifts]))
        lines = [f"- {_drifted(drifts, plan)}", *map(indented, [*fields, prose(consequence(first))])]
        yield Block("\n\n".join(lines), len(drifts))


def _drifted(drifts: Sequence[Drift], plan: Plan) -> str:
    first = drifts[0]
    whose = f"by {code(first.manager) if first.manager else 'someone unknown'}"
    at = f" ({prose(moment(first.at, UTC))})" if first.at else ""
    if len(drifts) == 1:
        what = code(named(first.key, plan))
    else:
        names = listed([one.key.name for one in drifts], 3)
        what = f"{prose(plural(len(drifts), first.key.kind))}: {prose(names)}"
    return f"{what}, {whose}{age(first.at, plan.provenance.made)}{at}"


def _changes(plan: Plan) -> Iterator[Block]:
    unasked = [change for change in plan.changes if not change.is_predicted]
    if unasked:
        need = "One of these needs" if len(unasked) == 1 else f"{len(unasked):,} of these need"
        yield Block(f"{need} a namespace or a definition that comes in this plan: {UNASKED}.", 0, is_urgent=True)
    for group in grouped([*beside_drift(plan)]):
        yield Block(_change(group, plan), len(group.changes), group.is_destructive)


def _change(group: Group, plan: Plan) -> str:
    change = group.first
    many = len(group.changes) > 1
    what = prose(names_of(group), most=_NAMES) if many else code(named(change.key, plan))
    notes = [
        REPLACED if change.action is Action.REPLACE else "",
        prose(change.note) if change.note and not many else "",
    ]
    said = "; ".join(filter(None, notes))
    head = f"- **{VERBS[change.action]}** {what}{': ' if said else ''}{said}"
    return "\n\n".join([head, *map(indented, _diff(group.fields, group.differing))])


def _diff(fields: Sequence[FieldChange], differing: frozenset[str] = frozenset()) -> Iterator[str]:
    """What happens to the fields as one block of code, and how many it leaves out."""
    if not fields:
        return
    kept = fields if len(fields) <= MOST_FIELDS + 1 else fields[:MOST_FIELDS]
    lines: list[str] = []
    for one in kept:
        spot = f"   {where(one)}" if one.place else ""
        lines.append(f"@@ {one.path}{spot} @@")
        if one.path in differing:
            lines.append("  other values in each")
        else:
            rows = diff_of(one.before, one.after, room=_COLUMNS, whole=False)
            lines += [f"{row.sign} {row.text}" for row in rows]
    yield fence(lines, "diff")
    if len(kept) < len(fields):
        yield f"and {counted(len(fields) - len(kept), 'more field')}"


def _stages(plan: Plan) -> Iterator[Block]:
    stages = running(plan)
    if len({stage.pipeline for stage in stages}) > FEW_PIPELINES:
        for alike in by(stages, lambda stage: (stage.stage, stage.effect, stage.reason)):
            yield Block(_stage(alike[0], f" {prose(in_pipelines(alike))}", time_in_all(alike)), len(alike))
    else:
        for stage in stages:
            yield Block(_stage(stage, f" of {code(stage.pipeline)}", time_of(stage)))
    idle = idle_sentence(plan)
    if idle:
        yield Block(f"- {prose(idle, most=_NAMES)}", 0)


def _stage(stage: StageChange, whose: str, time: str) -> str:
    why = " · ".join(filter(None, (prose(stage.reason) if stage.reason else "", time)))
    return f"- **{word_of(stage)}** {code(stage.stage)}{whose}{': ' if why else ''}{why}"


def _checks(checks: Sequence[Check]) -> Iterator[Block]:
    if len({check.pipeline for check in checks}) > FEW_PIPELINES:
        for alike in by(checks, lambda check: (check.stage, check.what)):
            first = alike[0]
            yield Block(f"- {code(first.stage)}: {prose(first.what)} {prose(in_pipelines(alike))}", len(alike))
        return
    for same in by(checks, lambda check: (check.pipeline, check.stage)):
        what = " · ".join(prose(check.what) for check in same)
        yield Block(f"- {code(same[0].stage)} of {code(same[0].pipeline)}: {what}", len(same))
