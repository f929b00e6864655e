"""A plan as JSON for programs; schemas/output/v1/plan.json describes it."""

from mlopsctl.plan.encoding import to_json
from mlopsctl.plan.model import Plan
from mlopsctl.report.json_output import dumped


def render_json(plan: Plan) -> str:
    """One JSON object with all of the plan; secret values are masked."""
    return dumped(to_json(plan))
