"""A plan: everything that is wanted compared with everything that lives, with as few questions as that takes.

The objects of a kind are asked for at once, without their content. Of an object whose digest and owners say that
nothing has changed nothing more is asked; of any other the server says what an apply would make of it.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import field

from mlopsctl.cluster.access import AT_ONCE
from mlopsctl.cluster.applyset import ApplySet
from mlopsctl.cluster.comparing import Coming, Compared, Comparison, deletion
from mlopsctl.cluster.errors import ClusterError, Forbidden
from mlopsctl.cluster.former import Versions
from mlopsctl.cluster.in_service import of_no_set
from mlopsctl.cluster.objects import Head, Objects
from mlopsctl.cluster.refusals import refusals_of
from mlopsctl.cluster.troubles import Stop
from mlopsctl.diagnostics import DiagnosedError, Diagnostic
from mlopsctl.frozen import frozen
from mlopsctl.ir.contract import Contract, has_draft, read_contract
from mlopsctl.manifest import CONTRACT, PIPELINE, Document, Key, Manifest, stamped
from mlopsctl.plan.difference import is_contract
from mlopsctl.plan.model import (
    Action,
    Check,
    Effect,
    Inventory,
    ObjectChange,
    Plan,
    Provenance,
    StageChange,
    Target,
)
from mlopsctl.plan.order import in_order, in_order_of_deletion
from mlopsctl.plan.overrides import (
    Override,
    TurnedBack,
    ends_turning_back,
    override_of,
    turned_back_of,
    turned_back_over,
)
from mlopsctl.plan.ownership import is_untouched
from mlopsctl.plan.stages import stage_changes


@frozen(kw_only=True)
class Wish:
    """What a cluster should hold: all objects of a project in one environment, and what is known of a pipeline."""

    provenance: Provenance
    manifests: Sequence[Manifest] = field(repr=False)
    durations: Callable[[str], Mapping[str, float]]  # the seconds that each stage of a pipeline took last time
    checks: Callable[[str], Iterable[Check]]  # the gates of a pipeline, of which a plan names what it brings about
    labels: Mapping[str, str] = field(default_factory=dict)  # of the namespace, if that is to be made and deleted


def make_plan(objects: Objects, target: Target, applyset: ApplySet, wish: Wish) -> Plan:
    """What apply would do. Raises DiagnosedError for all that the cluster would refuse, or if it can't be asked."""
    coming = _coming(objects, target, wish.manifests)
    heads = {} if target.namespace in coming.namespaces else {head.key: head for head in applyset.members()}
    wanted = {each.key: applyset.joined(stamped(each, wish.provenance.commit)) for each in wish.manifests}
    doubtful = [each for each in wish.manifests if not _is_known(heads.get(each.key), wanted[each.key])]
    versions = _versions(wish.manifests)
    compared = _all_compared(Comparison(objects, applyset, coming, versions.by_runs), doubtful, wanted)
    changed = [each.change for each in compared if each.change is not None]
    left = [head for key, head in heads.items() if key not in wanted]
    former = versions.former(objects, applyset.estate, left, changed)
    made = [*(_namespaces(coming, wish.labels) if wanted else ()), *changed, *former.kept]
    settled = {change.key for change in (*former.kept, *former.gone)}
    ended = [head for head in left if head.key not in settled]
    gone = [
        deletion(head, note=_note_of_end(head))
        for head in (*ended, *of_no_set(objects, applyset.estate, _ending(left)))
    ]
    gone += former.gone
    stages = tuple(_stages(compared, wish, target.environment))
    evaluated = {(each.pipeline, each.stage) for each in stages if each.effect is not Effect.COSMETIC}
    return Plan(
        target=target,
        provenance=wish.provenance,
        inventory=Inventory(id=applyset.id, version=applyset.version, size=len(heads)),
        drift=tuple(drift for each in compared for drift in each.drift),
        changes=(*in_order(made), *in_order_of_deletion(gone)),
        unchanged=len(wish.manifests) - len(changed),
        stages=stages,
        checks=tuple(
            check
            for pipeline in dict.fromkeys(each.pipeline for each in stages)
            for check in wish.checks(pipeline)
            if (pipeline, check.stage) in evaluated
        ),
        overrides=tuple(_overrides(heads.values(), wanted)),
        turned_back=tuple(_turned_back(heads.values(), wanted, versions.by_runs)),
    )


def _overrides(heads: Iterable[Head], wanted: Collection[Key]) -> Iterator[Override]:
    """The pipelines that people have stopped, by the routes that carry it and stay."""
    for head in _routes(heads, wanted):
        if (found := override_of(_metadata(head))) is not None:
            yield found


def _turned_back(
    heads: Iterable[Head], wanted: Mapping[Key, Document], by_runs: Collection[str]
) -> Iterator[TurnedBack]:
    """The pipelines that people have turned back from what git still names: none of those whose runs say it."""
    for head in _routes(heads, wanted):
        found = turned_back_over(_metadata(head), wanted[head.key])
        if found is not None and found.pipeline not in by_runs:
            yield found


def _routes(heads: Iterable[Head], wanted: Collection[Key]) -> Iterator[Head]:
    return (head for head in heads if head.key.kind == "HTTPRoute" and head.key in wanted)


def _note_of_end(head: Head) -> str:
    """What people have set of a route that ends, and that ends with it."""
    stop, turned = override_of(_metadata(head)), turned_back_of(_metadata(head))
    if head.key.kind != "HTTPRoute" or (stop is None and turned is None):
        return ""
    said = [f"stopped by {stop.by}"] if stop else []
    return f"{' and '.join([*said, *([f'turned back by {turned.by}'] if turned else [])])}, which ends with it"


def _metadata(head: Head) -> Document:
    return {"name": head.key.name, "labels": head.labels, "annotations": head.annotations}


def _ending(left: Iterable[Head]) -> frozenset[str]:
    """The pipelines that come to their end: nobody wants their contracts any more."""
    return frozenset(head.labels.get(PIPELINE, "") for head in left if CONTRACT in head.labels)


def _versions(manifests: Sequence[Manifest]) -> Versions:
    """The versions of models that are wanted, and whose runs bring others."""
    wanted: dict[str, set[str]] = {each.pipeline: set() for each in manifests}
    by_runs: set[str] = set()
    for each in manifests:
        if each.key.kind == "InferenceService":
            wanted[each.pipeline].add(each.key.name)
        elif is_contract(each.document) and has_draft(each.document["data"]):
            by_runs.add(each.pipeline)
    is_routed = any(each.key.kind == "HTTPRoute" for each in manifests)
    return Versions(wanted=wanted, by_runs=by_runs, is_routed=is_routed)


def _coming(objects: Objects, target: Target, manifests: Iterable[Manifest]) -> Coming:
    """What isn't there yet that others need: the namespace, and kinds whose definition is among the objects."""
    is_there = _namespace_is_there(objects, target.namespace)
    defined = {
        (each.document["spec"]["group"], each.document["spec"]["names"]["kind"])
        for each in manifests
        if each.key.kind == "CustomResourceDefinition"
    }
    known = {kind for kind in defined if objects.resources.of_any_version(*kind) is not None}
    return Coming(namespaces=() if is_there else (target.namespace,), kinds=defined - known)


def _is_known(head: Head | None, wanted: Document) -> bool:
    """Whether the head of an object proves that it is as it should be."""
    if head is None or head.deleted_at:
        return False
    if head.key.kind == "HTTPRoute" and ends_turning_back(_metadata(head), wanted):
        return False
    metadata = {"annotations": head.annotations, "managedFields": head.managed_fields}
    return is_untouched({"metadata": metadata}, wanted)


def _all_compared(
    comparison: Comparison, manifests: Sequence[Manifest], wanted: Mapping[Key, Document]
) -> list[Compared]:
    """Each of the objects compared. Raises DiagnosedError with what the cluster would refuse of any of them.

    Once it can't be asked at all, it isn't asked about the rest.
    """
    stop = Stop()

    def compared(manifest: Manifest) -> Compared | tuple[Diagnostic, ...]:
        try:
            return () if stop.is_set else comparison.of(manifest, wanted[manifest.key])
        except ClusterError as error:
            return refusals_of(error, manifest) if stop.is_worth_telling(error) else ()
        except DiagnosedError as error:
            return error.diagnostics

    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(compared, manifests))
    if refused := [one for each in found if not isinstance(each, Compared) for one in each]:
        raise DiagnosedError(*dict.fromkeys(refused))
    return [each for each in found if isinstance(each, Compared)]


def _namespaces(coming: Coming, labels: Mapping[str, str]) -> Iterable[ObjectChange]:
    """The namespace, if it has to be made first. It is no part of the inventory: no apply ever deletes it."""
    for name in coming.namespaces:
        marked = {"labels": dict(labels)} if labels else {}
        document: Document = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, **marked}}
        yield ObjectChange(
            action=Action.CREATE,
            key=Key("", "Namespace", "", name),
            api_version="v1",
            pipeline="",
            stage="",
            origin=None,
            fields=(),
            wanted=document,
            uid="",
            version="",
            is_predicted=True,
            note="made as it isn't there; " + ("`destroy` deletes it" if labels else "mlopsctl never deletes it"),
        )


def _stages(compared: Sequence[Compared], wish: Wish, environment: str) -> Iterator[StageChange]:
    """What will run again because of the contracts that change, and what serves anew because of other objects."""
    changed = [each for each in compared if each.change is not None]
    told = set[tuple[str, str]]()
    for each in changed:
        if is_contract(each.manifest.document):
            pipeline = each.manifest.pipeline
            before = _contract_of(each.live, environment)
            after = read_contract(each.manifest.document["data"], environment)
            for change in stage_changes(before, after, wish.durations(pipeline)):
                told.add((change.pipeline, change.stage))
                yield change
    for each in changed:
        if each.manifest.key.kind == "InferenceService" and (each.manifest.pipeline, each.manifest.stage) not in told:
            yield _rollout(each)


def _namespace_is_there(objects: Objects, name: str) -> bool:
    """Whether there is a namespace of that name; who may not look works in one that somebody made for them."""
    try:
        return objects.get(Key("", "Namespace", "", name), "v1") is not None
    except Forbidden:
        return True


def _contract_of(live: Document | None, environment: str) -> Contract | None:
    """The contract that lives; None if there is none, or none that this version can read: then all is new."""
    try:
        return read_contract(live["data"], environment) if live else None
    except (KeyError, TypeError, ValueError):
        return None


def _rollout(compared: Compared) -> StageChange:
    manifest = compared.manifest
    return StageChange(
        pipeline=manifest.pipeline,
        stage=manifest.stage,
        kind="deploy",
        effect=Effect.SERVING,
        reason=f"{manifest.key} is {'changed' if compared.live else 'new'}",
        moved=(),
        before={},
        after={},
        last=None,
    )
