"""Plans of several environments, one beside the other: what can't be planned for one hides nothing of the others."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlopsctl.cli.planning import Format, contacted, prepared, show
from mlopsctl.cli.screen import Screen
from mlopsctl.diagnostics import DiagnosedError

if TYPE_CHECKING:
    from mlopsctl.compilation import Compilation
    from mlopsctl.manifest import Manifest
    from mlopsctl.report.planned_several import EnvironmentPlan


def chosen(screen: Screen, names: Sequence[str], *, all_envs: bool) -> list[str]:
    """The environments that are asked for, each once: those named, or with `all_envs` all that have a cluster.

    Raises DiagnosedError if one of them isn't there or has no cluster, before any of them is looked at.
    """
    from mlopsctl.compilation import cluster_environment, no_cluster
    from mlopsctl.compiler import located
    from mlopsctl.ir.environment import read_environment

    sources = screen.load()
    every = [source.name for source in sources.environments if read_environment(source)] if all_envs else []
    found = list(dict.fromkeys((*every, *names)))
    if not found:
        raise DiagnosedError(no_cluster("", ()))
    for name in found:
        cluster_environment(located(sources, name))
    return found


def plan_each(screen: Screen, names: Sequence[str], schemas: list[Path], reviewed: str) -> "list[EnvironmentPlan]":
    """The plan for each of the environments, or what stands in its way, which is shown."""
    from concurrent.futures import ThreadPoolExecutor

    from mlopsctl.report.planned_several import EnvironmentPlan

    made = {name: _prepared(screen, name, schemas) for name in names}

    def plan(name: str) -> EnvironmentPlan:
        ready = made[name]
        if isinstance(ready, DiagnosedError):
            return EnvironmentPlan(environment=name, diagnostics=ready.diagnostics)
        try:
            return EnvironmentPlan(environment=name, plan=contacted(screen, *ready, reviewed).plan)
        except DiagnosedError as error:
            return EnvironmentPlan(environment=name, diagnostics=error.diagnostics)

    with ThreadPoolExecutor() as pool:  # those that can't be reached are waited for at once
        found = list(pool.map(plan, names))
    for each in found:
        if each.diagnostics:
            screen.complain(each.diagnostics)
    return found


def show_all(screen: Screen, found: "Sequence[EnvironmentPlan]", output: Format, *, explain: bool) -> None:
    """Print the plans, and which environment has what."""
    from mlopsctl.report import planned_several

    match output:
        case Format.JSON:
            sys.stdout.write(planned_several.render_json(found))
        case Format.MARKDOWN:
            sys.stdout.write(planned_several.render_markdown(found, screen.load().name))
        case Format.TEXT:
            out = screen.out()
            for each in found:
                if each.plan is not None:
                    sys.stdout.write(planned_several.rule(each.environment, out.width))
                    show(screen, each.plan, explain=explain)
                    sys.stdout.write("\n")
            sys.stdout.write(planned_several.render_summary(found, colour=out.colour, width=out.width))


def _prepared(
    screen: Screen, name: str, schemas: list[Path]
) -> "tuple[Compilation, tuple[Manifest, ...]] | DiagnosedError":
    try:
        return prepared(screen, name, schemas)
    except DiagnosedError as error:
        return error
