"""What pods will ask the store for, put there before anything in a cluster points at it."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import typer

from mlopsctl.cli.stores import named_at_fault, store_of
from mlopsctl.diagnostics import DiagnosedError, Finding, diagnostic
from mlopsctl.frozen import frozen

if TYPE_CHECKING:
    from mlopsctl.compilation import Compilation
    from mlopsctl.ir.code import CodeTree
    from mlopsctl.ir.model import Pipeline
    from mlopsctl.ir.pins import Pins
    from mlopsctl.plan.model import Plan
    from mlopsctl.store import Artifact, Store


@frozen(kw_only=True)
class Pinned:
    """What the contract of a pipeline pins by digest, and the store is to have."""

    pipeline: "Pipeline"
    code: "CodeTree"
    data: "Mapping[str, Artifact]"

    def keep(self, store: "Store") -> None:
        """Put into the store what isn't there yet. Raises StoreError, DiagnosedError."""
        from mlopsctl.engine.bundle import put_pipeline

        put_pipeline(store, self.pipeline, self.code, self.data)


def pinned_as(
    compilation: "Compilation", pins: "Pins", pipeline: "Pipeline", contract: "Mapping[str, object]"
) -> Pinned | None:
    """What is here of a pipeline; None if that isn't what its contract pins. `contract`: the data of its ConfigMap."""
    from mlopsctl.compilation import cluster_environment
    from mlopsctl.ir.contract import PINS, write_contract

    code, data = pins.code(pipeline), pins.data(pipeline)
    image = cluster_environment(compilation).image
    here = write_contract(pipeline, code, pins.requirements(pipeline), data, image=image)
    return Pinned(pipeline=pipeline, code=code, data=data) if here[PINS] == contract.get(PINS) else None


def send(plan: "Plan", compilation: "Compilation", *, is_quiet: bool) -> None:
    """Keep the code, lock file and data of the pipelines whose contracts the plan makes or changes.

    Raises DiagnosedError if they aren't what was planned, or can't be kept.
    """
    pinned = list(_changed(plan, compilation))
    if not pinned:
        return
    with named_at_fault(compilation):
        store = store_of(compilation, "")
        if not is_quiet:
            whose = f"`{pinned[0].pipeline.name}`" if len(pinned) == 1 else f"{len(pinned):,} pipelines"
            typer.echo(f"Keeping the code and data of {whose} in {store.url}", err=True)
        for each in pinned:
            each.keep(store)


def _changed(plan: "Plan", compilation: "Compilation") -> Iterator[Pinned]:
    """What the contracts pin that are to be others. Raises DiagnosedError if it isn't what is here."""
    from mlopsctl.ir.pins import Pins
    from mlopsctl.plan.difference import is_contract

    pins = Pins(compilation.sources.paths)
    for change in plan.changes:
        if change.wanted is None or not is_contract(change.wanted):
            continue
        pipeline = compilation.pipelines.get(change.pipeline)
        found = pinned_as(compilation, pins, pipeline, change.wanted["data"]) if pipeline else None
        if found is None:
            raise DiagnosedError(other_code(change.pipeline))
        yield found


@diagnostic("MLO752")
def other_code(pipeline: str) -> Finding:
    """A saved plan is for other code, data or requirements than there are in this folder.

    What pods run is kept in the store as the plan is applied, so it has to be here as it was when the plan was made.

    Example:
        mlopsctl plan -o .mlops/plan.json; git pull; mlopsctl apply .mlops/plan.json

    Fix: check out the commit that the plan was made from, or plan anew.
    """
    return Finding(
        message=f"the code or data of `{pipeline}` is not what the plan was made from",
        helps=("check out the commit that the plan names, or plan anew",),
    )
