"""A plan: what differs between what git says and what lives, what follows from that, and what it was made against."""

from collections.abc import Mapping
from dataclasses import field
from enum import Enum, StrEnum

from mlopsctl.diagnostics import Span
from mlopsctl.frozen import frozen
from mlopsctl.ir.policy import Verdict
from mlopsctl.manifest import Document, Key
from mlopsctl.plan.overrides import Override, TurnedBack
from mlopsctl.source.nodes import Json


class Action(StrEnum):
    """What happens to an object."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"  # deleted and created, as one of its fields can't be changed
    DELETE = "delete"


class Effect(StrEnum):
    """What a change of a stage makes run again; of two, the later one counts."""

    COSMETIC = "cosmetic"  # nothing runs
    SERVING = "serving"  # a rollout
    EVALUATION = "evaluation"  # evaluated and judged again
    TRAINING = "training"  # it and all that reads it runs again


class Absent(Enum):
    """Stands where there is no value, which is something else than `null`."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT
NEVER = "never run here"  # the reason of a stage that is new with its pipeline


@frozen(kw_only=True)
class FieldChange:
    """One field before and after. `path` is as people write it: `spec.templates[model].timeout`.

    `place` is where in the source the new value, or that which it was made from, is written; it is None for what the
    source doesn't have any more. The values of what is secret are never here: both are `(secret)`.
    """

    path: str
    before: Json | Absent
    after: Json | Absent
    place: Span | None = field(compare=False)


@frozen(kw_only=True)
class Drift:
    """Fields that were changed behind git's back, by whom, and when (RFC 3339), if the server knows.

    `is_reverted` says whether apply puts them back; fields that git never set are left as they are.
    """

    key: Key
    manager: str
    at: str
    fields: tuple[FieldChange, ...]  # from what git says to what lives
    is_reverted: bool


@frozen(kw_only=True)
class ObjectChange:
    """What happens to one object.

    `wanted` is the whole object as it is applied, with its stamps; None for a delete, and for what is let go of as it
    is, so that it is ours to look after no more. `uid` and `version` are those of
    the object that lives, empty for one that is made. `is_predicted` is false if the server could not be asked, as the
    namespace or definition comes in the same plan.
    """

    action: Action
    key: Key
    api_version: str
    pipeline: str
    stage: str
    origin: Span | None = field(compare=False)
    fields: tuple[FieldChange, ...]
    wanted: Document | None
    uid: str
    version: str
    is_predicted: bool
    note: str = ""  # what there is to know beside the fields, such as when a schedule fires next

    @property
    def is_letting_go(self) -> bool:
        """Whether the object stays as it is, and only leaves what is looked after."""
        return self.action is Action.UPDATE and self.wanted is None


@frozen(kw_only=True)
class StageChange:
    """What will run again, and why. `moved` are the parts of the stage's key that differ, best explanation first.

    `before` and `after` are these parts, for who asks. `last` is how long it took last time, in seconds, if known.
    """

    pipeline: str
    stage: str
    kind: str
    effect: Effect
    reason: str
    moved: tuple[str, ...]
    before: Mapping[str, Json]
    after: Mapping[str, Json]
    last: float | None


@frozen(kw_only=True)
class Check:
    """What must hold before anything serves: a gate, policy or approval, in words."""

    pipeline: str
    stage: str
    what: str


@frozen(kw_only=True)
class Target:
    """Where a plan points. `cluster` is the UID of the namespace `kube-system`, which no two clusters share."""

    environment: str
    context: str
    server: str
    namespace: str
    cluster: str


@frozen(kw_only=True)
class Provenance:
    """What a plan was made from: the project and its commit. `branch` and `commit` are empty outside of git."""

    project: str
    version: str  # of mlopsctl
    commit: str
    branch: str
    changed_files: int  # that the commit doesn't have
    made: str  # RFC 3339


@frozen(kw_only=True)
class Inventory:
    """What the cluster knows as ours: the ApplySet's id and the version of its parent, empty before the first apply."""

    id: str
    version: str
    size: int


@frozen(kw_only=True)
class Plan:
    """All that apply would do, in the order in which it does it."""

    target: Target
    provenance: Provenance
    inventory: Inventory
    drift: tuple[Drift, ...]
    changes: tuple[ObjectChange, ...]
    unchanged: int
    stages: tuple[StageChange, ...]
    checks: tuple[Check, ...]
    overrides: tuple[Override, ...] = ()  # what people have stopped, and apply leaves as it is
    turned_back: tuple[TurnedBack, ...] = ()  # what people have led to an earlier release than git names, just so
    policies: tuple[Verdict, ...] = ()  # of the environment; what is broken is a warning, or there is no plan

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to apply."""
        return not self.changes

    def count(self, action: Action) -> int:
        """How many objects this happens to."""
        return sum(change.action is action for change in self.changes)
