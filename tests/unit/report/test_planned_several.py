"""Plans of several environments: as text, as one comment, as JSON."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from syrupy.assertion import SnapshotAssertion

from mlopsctl.compilation import no_cluster
from mlopsctl.plan.model import Plan
from mlopsctl.report.markdown import length
from mlopsctl.report.planned_several import EnvironmentPlan, render_json, render_markdown, render_summary, rule
from tests.unit.report.plans import EMPTY, USUAL, diverse
from tests.unit.report.test_planned_markdown import GITHUB, OURS, flattened, tokens

SCHEMAS: Final = Path(__file__).parents[3] / "schemas" / "output" / "v1"


def planned(name: str, plan: Plan) -> EnvironmentPlan:
    return EnvironmentPlan(environment=name, plan=replace(plan, target=replace(plan.target, environment=name)))


FAILED: Final = EnvironmentPlan(environment="prod", diagnostics=(no_cluster("prod", ()), no_cluster("prod", ())))
SOME: Final = (planned("dev", USUAL), planned("staging", EMPTY), FAILED)


def test_a_comment_has_a_line_for_each_and_the_plans_folded(snapshot: SnapshotAssertion) -> None:
    assert render_markdown(SOME, "flights") == snapshot


def test_the_text_ends_with_a_line_for_each(snapshot: SnapshotAssertion) -> None:
    assert rule("dev", 80) + render_summary(SOME, colour=False, width=80) == snapshot


def test_it_is_as_its_schema_says() -> None:
    known = (json.loads((SCHEMAS / f"{name}.json").read_text()) for name in ("plan", "diagnostics"))
    registry: Registry[object] = Registry().with_resources(
        (schema["$id"], Resource.from_contents(schema)) for schema in known
    )
    schema = json.loads((SCHEMAS / "plans.json").read_text())
    document = json.loads(render_json(SOME))
    Draft202012Validator(schema, registry=registry).validate(document)
    assert [each["plan"] is not None for each in document["environments"]] == [True, True, False]


@pytest.mark.parametrize(("count", "size"), [(1, 3000), (3, 1000), (12, 200), (200, 1)])
def test_it_is_never_longer_than_allowed(count: int, size: int) -> None:
    large = diverse(size)
    some = [planned(f"env-{number}", large) for number in range(count)]
    text = render_markdown([*some, FAILED], "flights")
    assert length(text) <= 60_000 < GITHUB
    html = [token.content for token in flattened(tokens(text)) if token.type == "html_block"]
    assert all(OURS.fullmatch(each.replace("plans", "plan")) or "Plan for env-" in each for each in html)
    assert sum("<details>" in each for each in html) == sum("</details>" in each for each in html)
    assert "`env-0`" in text


def test_short_plans_are_whole_beside_a_long_one() -> None:
    text = render_markdown([planned("long", diverse(3000)), planned("short", USUAL)], "flights")
    short = text[text.index("<summary>Plan for short") :]
    assert "left out here" not in short
    assert "stages.model.params.trees" in short


def test_the_first_line_is_the_same_whichever_environments_there_are() -> None:
    first = {render_markdown(some, "flights").partition("\n")[0] for some in (SOME, SOME[:1])}
    assert first == {"<!-- mlopsctl plans: flights -->"}
