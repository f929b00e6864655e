"""Every code that mlopsctl can give, for `explain` and for outputs that carry explanations."""

from types import ModuleType

from mlopsctl.diagnostics import Explanation, explanations


def all_explanations() -> dict[str, Explanation]:
    """The explanations of all rooms, by code."""
    from mlopsctl.check import catalogue as checks

    return dict(
        sorted({**checks.all_explanations(), **explanations((*_rooms(), *_of_releases(), *_commands()))}.items())
    )


def _commands() -> tuple[ModuleType, ...]:
    from mlopsctl.cli import auditing, checking, main, planning, run_names, sending, tracing

    return auditing, checking, main, planning, run_names, sending, tracing


def _of_releases() -> tuple[ModuleType, ...]:
    from mlopsctl.release import approvals, faults, forge, openlineage, pull_request, serving_faults, verify_faults

    return approvals, faults, forge, openlineage, pull_request, serving_faults, verify_faults


def _of_clusters() -> tuple[ModuleType, ...]:
    from mlopsctl.cluster import applying, custom_resources, lock_faults, nodes, object_faults, run_faults, site, unwell
    from mlopsctl.cluster import ephemeral as cluster_ephemeral
    from mlopsctl.cluster import faults as cluster_faults

    return (
        cluster_ephemeral,
        cluster_faults,
        applying,
        custom_resources,
        site,
        unwell,
        lock_faults,
        nodes,
        object_faults,
        run_faults,
    )


def _rooms() -> tuple[ModuleType, ...]:
    from mlopsctl import compilation
    from mlopsctl.engine import drift_faults, faults, refusals, stops
    from mlopsctl.ir import code
    from mlopsctl.plan import faults as plan_faults
    from mlopsctl.pod import faults as pod_faults
    from mlopsctl.render import access, ci_placing, contract, files, filling, objects, patches, placing, pods, targets
    from mlopsctl.source import ephemeral as source_ephemeral

    return (
        compilation,
        code,
        source_ephemeral,
        *_of_clusters(),
        drift_faults,
        faults,
        refusals,
        stops,
        plan_faults,
        pod_faults,
        access,
        ci_placing,
        contract,
        files,
        filling,
        objects,
        patches,
        placing,
        pods,
        targets,
    )
