"""Plans as JSON."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from jsonschema import Draft202012Validator

from mlopsctl.plan.encoding import from_json
from mlopsctl.report.planned_json import render_json
from tests.unit.report.plans import PLANS, WHOLE

SCHEMA: Final = json.loads((Path(__file__).parents[3] / "schemas" / "output" / "v1" / "plan.json").read_text())


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_is_as_its_schema_says_and_comes_back(name: str) -> None:
    plan = replace(PLANS[name], changes=PLANS[name].changes[:50], stages=PLANS[name].stages[:50])
    document = json.loads(render_json(plan))
    Draft202012Validator(SCHEMA).validate(document)
    if name != "whole":  # which has a secret, that is masked
        assert from_json(document) == plan


def test_no_secret_is_in_it() -> None:
    assert "c2VjcmV0" not in render_json(WHOLE)
