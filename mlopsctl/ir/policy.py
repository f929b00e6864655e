"""A policy as the compiler reads it: a rule, where it holds, and what to say where it doesn't."""

from dataclasses import field

from mlopsctl.diagnostics import Severity
from mlopsctl.frozen import frozen
from mlopsctl.ir.origin import Origin
from mlopsctl.source.header import Source
from mlopsctl.source.interpolation import Text, read_text
from mlopsctl.source.nodes import MappingNode, ScalarNode, at


@frozen(kw_only=True)
class Policy:
    """A rule in CEL. `environment` and `stage_kind` are empty where it is for all of them."""

    name: str
    description: str
    environment: str
    stage_kind: str
    rule: ScalarNode = field(compare=False, repr=False)
    message: Text
    severity: Severity
    origin: Origin = field(compare=False, repr=False)  # of its `spec`

    @property
    def text(self) -> str:
        """The rule, as CEL reads it."""
        return str(self.rule.value)


@frozen
class Verdict:
    """Whether a policy holds for all that it is for in an environment, and how bad it is if not."""

    policy: str
    severity: Severity
    holds: bool


def read_policy(source: Source) -> Policy:
    """What the document of a policy says, whose shape has been checked."""
    spec, description = at(source.root, ("spec",)), at(source.root, ("metadata", "description"))
    assert isinstance(spec, MappingNode)
    rule, message = spec.get("rule"), spec.get("message")
    assert isinstance(rule, ScalarNode)
    assert isinstance(message, ScalarNode)
    origin = Origin(spec, spec.span)
    return Policy(
        name=source.name,
        description=str(description.value) if isinstance(description, ScalarNode) else "",
        environment=origin.text("appliesTo", "environment") or "",
        stage_kind=origin.text("appliesTo", "stageKind") or "",
        rule=rule,
        message=read_text(message)[0],
        severity=Severity(origin.text("severity") or Severity.ERROR),
        origin=origin,
    )
