"""Plans of several environments: as text, as one comment on a pull request, and as JSON."""

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

from mlopsctl.diagnostics import Diagnostic
from mlopsctl.frozen import frozen
from mlopsctl.plan.encoding import to_json
from mlopsctl.plan.model import Plan
from mlopsctl.report.colour import Colour, painter
from mlopsctl.report.display import shown
from mlopsctl.report.json_output import diagnostic, dumped
from mlopsctl.report.markdown import code, length, prose, short
from mlopsctl.report.planned import summary
from mlopsctl.report.planned_markdown import SHORTEST, render_body
from mlopsctl.report.planned_page import Page
from mlopsctl.report.wording import counted

FORMAT_VERSION = 1
_NAME = 60  # characters of a name in a comment
_FRAME = 400  # characters around the plan of one environment, at most
_MOST = 60  # environments that a comment lists
_RULE = 4  # columns of a rule before a name and behind it


@frozen(kw_only=True)
class EnvironmentPlan:
    """The plan for one environment; None if there can be none, and `diagnostics` say why."""

    environment: str
    plan: Plan | None = None
    diagnostics: tuple[Diagnostic, ...] = ()


def rule(environment: str, width: int) -> str:
    """A line that begins the plan for an environment, `width` columns wide."""
    name = f"── {shown(environment)} "
    return f"{name}{'─' * max(width - len(name), _RULE)}\n"


def render_summary(found: Sequence[EnvironmentPlan], *, colour: bool, width: int) -> str:
    """What each environment would see of it, a line each."""
    page = Page(painter(colour=colour), width, explain=False)
    rows = [(shown(each.environment), "", [_said(each)]) for each in found]
    return "\n".join([page.paint("Environments", Colour.STRONG), *page.table(rows)]) + "\n"


def render_json(found: Sequence[EnvironmentPlan]) -> str:
    """One JSON object, as schemas/output/v1/plans.json describes it; secret values are masked."""
    return dumped(
        {
            "format_version": FORMAT_VERSION,
            "environments": [
                {
                    "environment": each.environment,
                    "plan": to_json(each.plan) if each.plan is not None else None,
                    "diagnostics": [diagnostic(one) for one in each.diagnostics],
                }
                for each in found
            ],
        }
    )


def render_markdown(found: Sequence[EnvironmentPlan], project: str, limit: int = 60_000) -> str:
    """One comment of at most `limit` characters, counted as UTF-16: what each environment would see, plans folded.

    The first line isn't shown and names the project, so that the comment can be found again, whichever environments
    there are. Short plans are there as a whole, longer ones share the rest; one that there is no room for is named.
    """
    changing = sum(each.plan is not None and not each.plan.is_empty for each in found)
    failing = sum(each.plan is None for each in found)
    said = [f"changes in {changing:,}" if changing else "no changes", f"{failing:,} failed" if failing else ""]
    listed = [f"- **{code(each.environment)}** {_marked(each)}" for each in found[:_MOST]]
    more = f"- and {len(found) - _MOST:,} more" if len(found) > _MOST else ""
    head = "\n\n".join(
        [
            f"<!-- mlopsctl plans: {quote(short(shown(project), _NAME), safe='')} -->",
            f"### Plan for {counted(len(found), 'environment')}: {', '.join(filter(None, said))}",
            "\n".join(filter(None, (*listed, more))),
        ]
    )
    plans = {each.environment: each.plan for each in found[:_MOST] if each.plan is not None and not each.plan.is_empty}
    bodies = _bodies(plans, limit - length(head) - _FRAME * len(plans))
    return "\n\n".join([head, *(_fold(name, bodies.get(name, "")) for name in plans)]) + "\n"


def _bodies(plans: Mapping[str, Plan], room: int) -> Mapping[str, str]:
    """The text of each plan that there is room for, by its environment; short ones have all they need."""
    whole = {name: render_body(plan, max(room, SHORTEST)) for name, plan in plans.items()}
    made: dict[str, str] = {}
    names = sorted(whole, key=lambda name: length(whole[name]))
    for at, name in enumerate(names):
        share = max(room // (len(names) - at), min(room, SHORTEST))
        fits = length(whole[name]) <= share
        if fits or share >= SHORTEST:
            made[name] = whole[name] if fits else render_body(plans[name], share)
            room -= length(made[name])
    return made


def _fold(environment: str, body: str) -> str:
    name = quote(short(shown(environment), _NAME), safe="")
    if not body:
        return f"There is no room for the plan of {code(environment)}; {code(f'mlopsctl plan --env {name}')} shows it."
    return "\n\n".join([f"<details><summary>Plan for {name}</summary>", body, "</details>"])


def _marked(each: EnvironmentPlan) -> str:
    if each.plan is not None:
        return summary(each.plan) or "no changes"
    return f"can't be planned: {'; '.join(prose(line) for line in _wrong(each))}"


def _said(each: EnvironmentPlan) -> str:
    if each.plan is not None:
        return summary(each.plan) or "no changes"
    return f"can't be planned: {'; '.join(_wrong(each))}"


def _wrong(each: EnvironmentPlan) -> Iterator[str]:
    first, *others = each.diagnostics
    yield f"{first.code} {first.message}"
    if others:
        yield f"and {counted(len(others), 'more error')}"
