"""What others need is made first and deleted last."""

from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from mlopsctl.manifest import Key
from mlopsctl.plan.order import (
    in_order,
    in_order_of_deletion,
    moves_traffic,
    ranks,
    ranks_of_deletion,
    takes_traffic,
)

# Each needs some of those before it.
CHAIN = (
    "Namespace",
    "CustomResourceDefinition",
    "ServiceAccount",
    "RoleBinding",
    "ConfigMap",
    "WorkflowTemplate",
    "ServingRuntime",
    "InferenceService",
    "HTTPRoute",
    "CronWorkflow",
    "Workflow",
)


@dataclass(frozen=True)
class Of:
    key: Key


def of(kind: str, name: str = "a", namespace: str = "team", group: str = "") -> Of:
    return Of(Key(group, kind, namespace, name))


KINDS = st.sampled_from([*CHAIN, "Role", "Secret", "PersistentVolumeClaim", "Service", "Deployment", "Unheard"])
OBJECTS = st.lists(st.builds(of, KINDS, st.sampled_from("abc"), st.sampled_from(["", "team"])), max_size=12)


def test_kinds_are_in_the_order_in_which_they_need_one_another() -> None:
    assert [each.key.kind for each in in_order(of(kind) for kind in sorted(CHAIN))] == list(CHAIN)
    assert [each.key.kind for each in in_order_of_deletion(map(of, CHAIN))] == list(reversed(CHAIN))


def test_what_takes_traffic_is_made_before_what_moves_it() -> None:
    route, others = of("HTTPRoute").key, [of(kind).key for kind in CHAIN if kind != "HTTPRoute"]
    assert moves_traffic(route)
    assert not any(map(moves_traffic, others))
    assert [key.kind for key in others if takes_traffic(key)] == ["InferenceService"]
    assert takes_traffic(of("Unheard").key)


def test_what_nobody_has_heard_of_comes_after_what_it_may_read_and_before_what_runs() -> None:
    found = in_order([of("CronWorkflow"), of("Unheard"), of("ConfigMap"), of("HTTPRoute")])
    assert [each.key.kind for each in found] == ["ConfigMap", "Unheard", "HTTPRoute", "CronWorkflow"]


def test_within_a_rank_by_namespace_kind_and_name() -> None:
    objects = [of("Service", "a"), of("Deployment", "b"), of("Deployment", "a"), of("Service", "a", "another")]
    assert in_order(objects) == [objects[3], objects[2], objects[1], objects[0]]


@settings(deadline=None, derandomize=True, database=None)
@given(OBJECTS, st.randoms())
def test_the_order_is_the_same_whatever_it_was_and_ranks_are_in_it(objects: list[Of], random: object) -> None:
    mixed = list(objects)
    random.shuffle(mixed)  # type: ignore[attr-defined]  # a Random
    assert in_order(mixed) == in_order(objects)
    assert [each for rank in ranks(objects) for each in rank] == in_order(objects)
    assert [each for rank in ranks_of_deletion(objects) for each in rank] == in_order_of_deletion(objects)


def test_a_rank_holds_what_can_be_made_at_once() -> None:
    found = ranks([of("Service"), of("Namespace"), of("Deployment"), of("Secret"), of("ConfigMap")])
    assert [[each.key.kind for each in rank] for rank in found] == [
        ["Namespace"],
        ["ConfigMap", "Secret"],
        ["Deployment", "Service"],
    ]
    assert all(set(one).isdisjoint(other) for one, other in pairwise(found))
    assert ranks([]) == ()
