"""A plan as people read it before they say yes: where it points, what changes, what runs again, what comes next."""

from collections import Counter
from collections.abc import Iterable, Iterator

from mlopsctl.plan.model import Action, Plan
from mlopsctl.plan.overrides import Override, TurnedBack
from mlopsctl.report.colour import Colour, painter
from mlopsctl.report.display import shown
from mlopsctl.report.overrides import by_whom, resume_command, turned_back
from mlopsctl.report.planned_objects import change_lines, drift_lines
from mlopsctl.report.planned_page import Page
from mlopsctl.report.planned_stages import check_lines, running, stage_lines, title, word_of
from mlopsctl.report.wording import counted, short_run

_COMMIT = 7  # characters, as people write it
_HEADS = 8  # columns
_POLICIES = 10  # columns, for the word before them
_WORDS = ("fetch", "run", "training", "evaluation", "rollout")  # of what runs, in this order


def render_text(plan: Plan, *, colour: bool, width: int, explain: bool, command: str | None = None) -> str:
    """All of a plan. `explain` adds what is folded otherwise: whole objects, all fields, both keys of each stage.

    `command` is what carries it out and is named at the end; None is `mlopsctl apply --env …`, and an empty one says
    nothing, for who asks next anyway. `width` is in columns.
    """
    page = Page(painter(colour=colour), width, explain)
    lines = [*_header(plan, page)]
    lines += _section("Changed behind git's back", drift_lines(plan, page), page)
    if plan.is_empty:
        lines += ["", *page.said(no_changes(plan), 0)]
    lines += _section("Changes", change_lines(plan, page), page)
    lines += _section(title(plan), stage_lines(plan, page), page)
    lines += _section("Will be checked before anything serves", check_lines(plan, page), page)
    if plan.policies:
        lines += ["", *page.hung(page.paint("Policies", Colour.STRONG), policy_parts(plan), _POLICIES)]
    if summary(plan):
        lines += ["", *(page.paint(line, Colour.STRONG) for line in page.said(summary(plan), 0))]
    following = apply_command(plan) if command is None else command
    if following and not plan.is_empty:
        lines.append(f"To make it so: {following}")  # never wrapped, so that it can be copied
    return "\n".join(lines) + "\n"


def summary(plan: Plan) -> str:
    """`1 to add, 1 to change, 1 to delete, 1 drifted · 1 training, 1 rollout`; empty if nothing is to be said."""
    verbs = {Action.CREATE: "add", Action.UPDATE: "change", Action.REPLACE: "replace", Action.DELETE: "delete"}
    counts = [(plan.count(action), f"to {verb}") for action, verb in verbs.items()]
    counts.append((len({drift.key for drift in plan.drift}), "drifted"))
    objects = ", ".join(f"{count:,} {word}" for count, word in counts if count)
    words = Counter(word_of(stage) for stage in running(plan))
    runs = ", ".join(_counted(words[word], word) for word in _WORDS if words[word])
    return " · ".join(filter(None, (objects, runs)))


def _counted(count: int, word: str) -> str:
    return f"{count:,} fetches" if word == "fetch" and count > 1 else counted(count, word)


def no_changes(plan: Plan) -> str:
    """The one sentence for a plan that has nothing to apply."""
    if not plan.unchanged:
        return "No changes: nothing is asked for, and nothing of it is there."
    what = "the one object here is" if plan.unchanged == 1 else f"all {plan.unchanged:,} objects here are"
    left = ", and apply leaves what others changed" if any(not drift.is_reverted for drift in plan.drift) else ""
    return f"No changes: {what} as {_source(plan)} {'say' if _is_dirty(plan) else 'says'}{left}."


def policy_parts(plan: Plan) -> list[str]:
    """`5 hold`, and the names of those that don't."""
    broken = [shown(verdict.policy) for verdict in plan.policies if not verdict.holds]
    holding = len(plan.policies) - len(broken)
    held = f"{holding:,} {'holds' if holding == 1 else 'hold'}"
    return [held, *([f"broken, and only a warning: {', '.join(broken)}"] if broken else [])]


def target_parts(plan: Plan) -> list[str]:
    """Where it points: environment, context and server, namespace."""
    target = plan.target
    server = f" ({target.server})" if target.server else ""
    parts = [f"environment {target.environment}", f"context {target.context}{server}"]
    return [shown(part) for part in (*parts, f"namespace {target.namespace}" if target.namespace else "") if part]


def source_parts(plan: Plan) -> list[str]:
    """What it was made from: project, commit and branch, and whether files differ from that."""
    source = plan.provenance
    if not source.commit:
        return [shown(source.project), "not in git"]
    branch = f" on {source.branch}" if source.branch else ""
    changed = f"{counted(source.changed_files, 'file')} changed since" if source.changed_files else "clean"
    return [shown(source.project), shown(source.commit[:_COMMIT] + branch), changed]


def apply_command(plan: Plan) -> str:
    """The command that makes this plan anew, asks, and carries it out."""
    return f"mlopsctl apply --env {shown(plan.target.environment)}"


def _header(plan: Plan, page: Page) -> Iterator[str]:
    yield from page.hung(page.paint("Target", Colour.STRONG), target_parts(plan), _HEADS)
    yield from page.hung(page.paint("From", Colour.STRONG), source_parts(plan), _HEADS)
    if not plan.inventory.id:
        first = "nothing has been applied to this environment from this project"
        yield from page.hung(page.paint("So far", Colour.STRONG), [first], _HEADS)
    for override in plan.overrides:
        yield from page.hung(page.paint("Stopped", Colour.WARNING), stopped(override, plan), _HEADS)
    for turned in plan.turned_back:
        yield from page.hung(page.paint("Turned back", Colour.WARNING), led_back(turned), _HEADS)


def led_back(turned: TurnedBack) -> list[str]:
    """As in `churn from run …, which git names, by ann, …: worse`, where requests go instead, and until when."""
    now = f"run {short_run(turned.to)} gets all requests, and apply leaves it so until git names another release"
    return [f"{shown(turned.pipeline)} {turned_back(turned)}", now]


def stopped(override: Override, plan: Plan) -> list[str]:
    """As in `churn by ann, 2026-03-01 14:02 +01:00: wrong labels`, and what ends it."""
    until = resume_command(override.pipeline, plan.target.environment)
    return [f"{shown(override.pipeline)} {by_whom(override)}", f"apply leaves it so, until: {until}"]


def _section(title: str, lines: Iterable[str], page: Page) -> list[str]:
    found = list(lines)
    return ["", page.paint(title, Colour.STRONG), *found] if found else []


def _is_dirty(plan: Plan) -> bool:
    return bool(plan.provenance.changed_files or not plan.provenance.commit)


def _source(plan: Plan) -> str:
    return "the files of this project" if _is_dirty(plan) else shown(plan.provenance.commit[:_COMMIT])


__all__ = [
    "apply_command",
    "no_changes",
    "policy_parts",
    "render_text",
    "running",
    "source_parts",
    "summary",
    "target_parts",
]
