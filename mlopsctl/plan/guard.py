"""What looks like a mistake in a plan: it would delete most of what is there, or something that is protected."""

from mlopsctl.diagnostics import Diagnostic, Span
from mlopsctl.plan import faults
from mlopsctl.plan.model import Action, Plan

# In smaller sets, every change is of a big part.
_SMALLEST = 5


def refusals(
    plan: Plan, *, allow_destroy: bool, is_protected: bool, place: Span | None = None
) -> tuple[Diagnostic, ...]:
    """Why the plan isn't applied unless the user says `--allow-destroy`; empty if nothing speaks against it.

    `place` is where the environment says that it is protected. The exit code for any of these is REFUSED.
    """
    if allow_destroy:
        return ()
    deleted = [str(change.key) for change in plan.changes if change.action is Action.DELETE]
    replaced = [f"{change.key}, to be replaced" for change in plan.changes if change.action is Action.REPLACE]
    kept = plan.unchanged + plan.count(Action.UPDATE) + plan.count(Action.REPLACE)
    found: list[Diagnostic] = []
    total = kept + len(deleted)
    is_emptied = bool(deleted) and kept + plan.count(Action.CREATE) == 0
    if is_emptied or (total >= _SMALLEST and len(deleted) * 2 > total):
        found.append(faults.too_much_deleted(kept, deleted, plan.target.environment))
    if is_protected and (deleted or replaced):
        found.append(faults.protected_deleted([*deleted, *replaced], plan.target.environment, place))
    return tuple(found)
