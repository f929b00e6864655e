"""Plans as text."""

import re
import time
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from mlopsctl.plan.model import ABSENT, Action, Plan
from mlopsctl.plan.normal import SECRET
from mlopsctl.report.display import cut_middle, display_width
from mlopsctl.report.planned import render_text
from mlopsctl.report.planned_groups import grouped
from mlopsctl.report.planned_objects import consequence
from mlopsctl.report.planned_page import NARROWEST, packed, plural
from mlopsctl.report.planned_values import diff_of, flat, rows_of
from tests.unit.report.plans import DRIFT, EMPTY, MODEL, PLANS, TREES, USUAL, WHOLE, change, diverse, field, key, many

SMALL: Final = {name: plan for name, plan in PLANS.items() if len(plan.changes) < 100}
JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(), max_size=120),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
VALUES: Final = JSON | st.just(ABSENT)


def as_text(plan: Plan, *, width: int = 80, explain: bool = False) -> str:
    return render_text(plan, colour=False, width=width, explain=explain)


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_reads_well(name: str, snapshot: SnapshotAssertion) -> None:
    assert as_text(PLANS[name]) == snapshot


@pytest.mark.parametrize("name", ["usual", "values", "thousand pipelines"])
def test_a_wide_terminal_needs_fewer_lines(name: str, snapshot: SnapshotAssertion) -> None:
    assert as_text(PLANS[name], width=120) == snapshot


@pytest.mark.parametrize("name", ["usual", "values", "first apply"])
def test_a_narrow_terminal_is_readable(name: str, snapshot: SnapshotAssertion) -> None:
    assert as_text(PLANS[name], width=50) == snapshot


@pytest.mark.parametrize("name", SMALL)
def test_explain_leaves_nothing_out(name: str, snapshot: SnapshotAssertion) -> None:
    assert as_text(SMALL[name], explain=True) == snapshot


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_a_plan_keeps_to_the_terminal(name: str, width: int) -> None:
    assert max(map(display_width, as_text(PLANS[name], width=width).splitlines())) <= width


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("explain", [True, False], ids=["explained", "folded"])
def test_colour_only_adds_to_the_text(name: str, *, explain: bool) -> None:
    coloured = render_text(SMALL[name], colour=True, width=80, explain=explain)
    assert coloured.count("\x1b[") >= 4
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == as_text(SMALL[name], explain=explain)


def test_the_command_that_follows_is_the_callers_and_whole() -> None:
    command = "mlopsctl apply " + "a-long-folder/" * 10 + "plan.json"
    assert render_text(USUAL, colour=False, width=60, explain=False, command=command).endswith(f": {command}\n")
    assert "To make it so" not in render_text(USUAL, colour=False, width=60, explain=False, command="")
    assert "To make it so" not in as_text(EMPTY)


def test_no_secret_is_shown_even_of_whole_objects() -> None:
    assert "c2VjcmV0" not in as_text(WHOLE, explain=True)
    assert SECRET in as_text(WHOLE, explain=True)


def test_explain_tells_the_same_part_from_the_one_that_moved() -> None:
    lines = as_text(USUAL, explain=True).splitlines()
    assert "      → params.trees   200 → 400" in lines
    assert "        params.depth   4" in lines


def test_a_part_that_one_key_lacks_is_shown_as_none() -> None:
    stage = replace(MODEL, before={}, after={"environment": {"TZ": "UTC"}}, moved=("environment",))
    text = as_text(replace(EMPTY, changes=(TREES,), stages=(stage,)), explain=True)
    assert '→ environment   (none) → {"TZ": "UTC"}' in text


def test_what_is_deleted_is_shown_whatever_else_there_is() -> None:
    assert "- delete  Secret the-last" in as_text(diverse(1000))
    assert "and 961 more objects" in as_text(diverse(1000))


def test_a_thousand_pipelines_are_read_like_one() -> None:
    started = time.process_time()
    assert len(as_text(many(1000)).splitlines()) <= 60
    assert time.process_time() - started < 5


def test_explain_names_each_of_a_thousand() -> None:
    lines = as_text(many(1000), explain=True).splitlines()
    assert sum("ServiceAccount pipeline-" in line for line in lines) == 1000
    assert not any("more" in line for line in lines)


def test_values_that_only_look_the_same_are_not_put_together() -> None:
    changes = [
        change(Action.UPDATE, key("ConfigMap", f"c{number}"), field("data.a", before, 2))
        for number, before in enumerate([1, True, 1.0, "absent", ABSENT] * 6)
    ]
    (group,) = grouped(changes)
    assert group.differing == {"data.a"}
    alike = grouped([change(Action.UPDATE, key("ConfigMap", f"c{number}"), field("a", 1, 2)) for number in range(30)])
    assert [each.differing for each in alike] == [frozenset()]


def test_few_objects_are_shown_one_by_one() -> None:
    assert len(grouped(many(6).changes)) == 18
    assert [len(group.changes) for group in grouped(many(7).changes)] == [7, 7, 7]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (ABSENT, "(none)"),
        ("absent", "absent"),
        (None, "null"),
        ("null", '"null"'),
        (True, "true"),
        ("true", '"true"'),
        (400, "400"),
        ("400", '"400"'),
        ("1.5e3", '"1.5e3"'),
        ("1h", "1h"),
        ("", '""'),
        (" a", '" a"'),
        ("(none)", '"(none)"'),
        ("a → b", '"a → b"'),
        ("\x1b[2J", '"\\u001b[2J"'),
        (["a", {"b": 1}], '["a", {"b": 1}]'),
    ],
)
def test_a_value_is_not_taken_for_another(value: Any, said: str) -> None:
    assert flat(value) == said


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x" * 300 + "1" + "y" * 300, "x" * 300 + "2" + "y" * 300),
        ("sha256:" + "a" * 64, "sha256:" + "a" * 63 + "b"),
        ("x" * 500, "x" * 499),
        ("", "x" * 500),
        ("a\n" * 100, "a\n" * 99),
        ("a\nb\n", "a\nb"),
        ("a\nb", "a\nb\n\n"),
        ("a\n" * 5000 + "b", "a\n" * 5000 + "c"),
        ({"a": "x" * 90, "b": 1}, {"a": "x" * 90, "b": True}),
        ([1] * 90, [1] * 91),
        ("a " * 60, ["a " * 60]),
    ],
)
@pytest.mark.parametrize("room", [24, 60, 100])
def test_long_values_show_what_differs(before: Any, after: Any, room: int) -> None:
    rows = rows_of(before, after, room=room, whole=False)
    assert len(rows) <= 14
    assert all(display_width(row.text) <= room for row in rows)
    assert [row.text for row in rows if row.sign == "-"] != [row.text for row in rows if row.sign == "+"]


@given(VALUES, VALUES, st.integers(20, 100), st.booleans())
def test_any_values_fit_and_are_harmless(before: Any, after: Any, room: int, whole: bool) -> None:  # noqa: FBT001 - by hypothesis
    for rows in (rows_of(before, after, room=room, whole=whole), diff_of(before, after, room=room, whole=whole)):
        assert all(row.text.isprintable() for row in rows)
        assert whole or all(display_width(row.text) <= room for row in rows)


@given(st.text(), st.text(), st.text(max_size=10))
def test_any_texts_of_a_cluster_are_made_harmless(name: str, note: str, path: str) -> None:
    made = change(Action.CREATE, key("Kind" + name, name), field(path, name, note), note=note)
    plan = replace(
        USUAL,
        changes=(made,),
        target=replace(USUAL.target, context=name, server=note, environment=path),
        stages=(replace(MODEL, stage=name, reason=note, moved=(path,), before={path: name}),),
        checks=(replace(USUAL.checks[0], stage=name, what=note),),
        drift=(replace(USUAL.drift[0], key=key(name, note), manager=path, at=note),),
    )
    for explain in (True, False):
        assert all(line.isprintable() for line in as_text(plan, explain=explain).split("\n"))


@given(st.text(), st.integers(1, 60))
def test_what_is_cut_in_the_middle_keeps_both_ends(text: str, width: int) -> None:
    printable = "".join(filter(str.isprintable, text))
    short = cut_middle(printable, width)
    assert display_width(short) <= width
    assert short == printable or "…" in short


def test_cutting_in_the_middle() -> None:
    assert cut_middle("abcdefghij", 10) == "abcdefghij"
    assert cut_middle("abcdefghij", 7) == "abc…hij"
    assert cut_middle("abcdefghij", 2) == "a…"


def test_parts_are_packed_in_order() -> None:
    assert packed(["aaaa", "bbbb", "cccc"], 12) == ["aaaa · bbbb", "cccc"]
    assert packed([], 12) == [""]


@pytest.mark.parametrize(
    ("count", "kind", "said"),
    [
        (1, "Ingress", "1 Ingress"),
        (2, "Ingress", "2 Ingresses"),
        (3, "NetworkPolicy", "3 NetworkPolicies"),
        (2, "Gateway", "2 Gateways"),
        (1200, "ConfigMap", "1,200 ConfigMaps"),
    ],
)
def test_kinds_have_plurals(count: int, kind: str, said: str) -> None:
    assert plural(count, kind) == said


def test_even_the_narrowest_terminal_shows_all_words() -> None:
    assert max(map(display_width, as_text(USUAL, width=10).splitlines())) <= 2 * NARROWEST + 60


def test_what_is_only_set_back_is_shown_once_and_counted_twice() -> None:
    back = change(Action.UPDATE, DRIFT.key, field("spec.predictor.minReplicas", 5, 2, 61))
    plan = replace(EMPTY, drift=(DRIFT,), changes=(back,))
    text = as_text(plan)
    assert text.count("minReplicas") == 1
    assert "\nChanges\n" not in text
    assert "1 to change, 1 drifted" in text
    more = replace(back, fields=(*back.fields, field("spec.predictor.maxReplicas", 5, 6, 62)))
    text = as_text(replace(plan, changes=(more,)))
    assert (text.count("minReplicas"), text.count("maxReplicas")) == (1, 1)
    left = replace(DRIFT, is_reverted=False)
    assert as_text(replace(plan, drift=(left,))).count("minReplicas") == 2


def test_two_fields_are_both_set_back() -> None:
    two = replace(DRIFT, fields=(*DRIFT.fields, field("spec.predictor.maxReplicas", 2, 5, 61)))
    assert consequence(two) == "Apply sets both back."
    assert consequence(replace(two, fields=two.fields + DRIFT.fields)) == "Apply sets all 3 back."
