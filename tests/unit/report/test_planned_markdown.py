"""Plans as comments on pull requests: read back with a parser of Markdown, as nothing may break out of its place."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from syrupy.assertion import SnapshotAssertion

from mlopsctl.plan.model import Action, Effect, Plan
from mlopsctl.report.markdown import code, fence, length, prose, short
from mlopsctl.report.planned_markdown import SHORTEST, render_markdown
from tests.unit.report.plans import (
    DRIFT,
    EMPTY,
    MODEL,
    PLANS,
    USUAL,
    WHOLE,
    change,
    diverse,
    field,
    key,
    many,
)

GITHUB: Final = 65_536
OURS: Final = re.compile(
    r"<!-- mlopsctl plan: [\w.%~-]* -->\n?|<details><summary>[\w ,:']+</summary>\n?|</details>\n?", re.ASCII
)
# What a browser of GitHub would make of words that are not in code, beside Markdown.
ALIVE: Final = re.compile(r"[<>&@#|*~\\]|//|www\.|:\w+:|[\x00-\x09\x0b-\x1f\x7f\u200b-\u200f\u202a-\u202e]")
NASTY: Final = st.sampled_from(
    [
        "```",
        "`",
        "````diff",
        "</details>",
        "<script>alert(1)</script>",
        "<!--",
        "-->",
        "@everyone",
        "#1",
        "|",
        "\n",
        "\n\n",
        "\r",
        "\n- ",
        "\n    ",
        "](https://evil.example)",
        "![x](y)",
        "[",
        "**",
        "__",
        "~~",
        "\\",
        "&lt;",
        "www.evil.example",
        "https://evil.example",
        "\u202e",
        "\u0301",
        "\ud800",
        "𝒜" * 500,
        "a" * 3000,
        "===",
        "---",
        ":tada:",
        "$`x`$",
    ]
)
TEXTS: Final = st.lists(NASTY | st.text(max_size=8), max_size=8).map("".join)


def tokens(text: str) -> list[Token]:
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)


def flattened(found: list[Token]) -> Iterator[Token]:
    for token in found:
        yield token
        yield from flattened(token.children or [])


def assert_contained(text: str) -> None:
    """Nothing is there but headings, lists, code and our own tags, all of which end where they should."""
    found = list(flattened(tokens(text)))
    kinds = {token.type for token in found}
    assert kinds <= {
        *(
            f"{kind}_{end}"
            for kind in ("heading", "paragraph", "bullet_list", "list_item", "strong")
            for end in ("open", "close")
        ),
        *("inline", "text", "softbreak", "code_inline", "fence", "html_block"),
    }
    html = [token.content for token in found if token.type == "html_block"]
    assert all(OURS.fullmatch(each) for each in html)
    assert html[0].startswith("<!--")
    assert sum("<details>" in each for each in html) == sum("</details>" in each for each in html)
    assert all(token.info == "diff" for token in found if token.type == "fence")
    assert [token.content for token in found if token.type == "text" and ALIVE.search(token.content)] == []
    assert max(map(len, text.split("\n"))) <= 4000


@pytest.mark.parametrize("name", [name for name in PLANS if name != "thousand unlike"])
def test_a_plan_reads_well(name: str, snapshot: SnapshotAssertion) -> None:
    text = render_markdown(PLANS[name])
    assert text == snapshot
    assert_contained(text)


@pytest.mark.parametrize("plan", [diverse(3000), many(3000), PLANS["values"]], ids=["unlike", "alike", "few"])
@pytest.mark.parametrize("limit", [SHORTEST, 20_000, 60_000])
def test_no_plan_is_longer_than_allowed(plan: Plan, limit: int) -> None:
    text = render_markdown(plan, limit)
    assert length(text) <= limit < GITHUB
    assert_contained(text)


@pytest.mark.parametrize("limit", [SHORTEST, 20_000, 60_000])
def test_what_does_not_fit_is_left_out_whole_and_counted(limit: int) -> None:
    plan = diverse(3000)
    text = render_markdown(plan, limit)
    shown = len(re.findall(r"^- \*\*(?:change|delete)\*\* `", text, re.MULTILINE))
    left_out = re.search(r"^and ([\d,]+) more objects left out here: `mlopsctl plan", text, re.MULTILINE)
    assert left_out
    assert shown + int(left_out[1].replace(",", "")) == len(plan.changes)
    assert "- **delete** `Secret the-last`" in text


def test_a_long_section_takes_no_room_from_short_ones() -> None:
    text = render_markdown(replace(diverse(3000), drift=(DRIFT,), stages=USUAL.stages, checks=USUAL.checks), SHORTEST)
    assert "kubectl-edit" in text
    assert "approval by one of ops-research" in text
    assert "**training** `model`" in text
    assert text.count("left out here") == 1


def test_a_limit_that_nothing_fits_into_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 8,000 characters"):
        render_markdown(EMPTY, SHORTEST - 1)


def test_the_first_line_is_found_again() -> None:
    assert render_markdown(USUAL).split("\n")[0] == "<!-- mlopsctl plan: staging -->"
    evil = replace(USUAL, target=replace(USUAL.target, environment="a-->\n<b>"))
    assert render_markdown(evil).split("\n")[0] == "<!-- mlopsctl plan: a--%3E%5Cn%3Cb%3E -->"


def test_no_secret_is_shown() -> None:
    assert "c2VjcmV0" not in render_markdown(WHOLE)


def test_the_command_that_follows_is_the_callers() -> None:
    assert render_markdown(USUAL, command="merge").endswith("\n\nTo make it so: `merge`\n")
    assert "To make it so" not in render_markdown(USUAL, command="")


@settings(max_examples=200)
@given(TEXTS, TEXTS, TEXTS, st.sampled_from([1, 3, 12]), st.sampled_from([SHORTEST, 60_000]))
def test_no_text_breaks_out_of_its_place(one: str, two: str, three: str, count: int, limit: int) -> None:
    changes = [
        change(
            action,
            key("Kind" + one, two, namespace=three),
            field(one, two, three),
            field(two, three, [one]),
            note=three,
        )
        for action in Action
        for _ in range(count)
    ]
    stages = [
        replace(MODEL, pipeline=f"{one}{number}", stage=two, reason=three, effect=effect)
        for number in range(count)
        for effect in Effect
    ]
    plan = replace(
        USUAL,
        target=replace(USUAL.target, environment=one, context=two, server=three, namespace=one),
        provenance=replace(USUAL.provenance, project=one, branch=two, commit=three),
        changes=tuple(replace(each, is_predicted=False) for each in changes),
        drift=tuple(replace(DRIFT, key=key(one, two), manager=three, at=one) for _ in range(count)),
        stages=tuple(stages),
        checks=tuple(replace(USUAL.checks[0], pipeline=stage.pipeline, stage=one, what=two) for stage in stages),
    )
    text = render_markdown(plan, limit)
    assert length(text) <= limit
    assert_contained(text)


@given(TEXTS)
def test_code_and_prose_stay_in_their_line(text: str) -> None:
    for made in (code(text), prose(text)):
        (opened, inline, closed) = tokens(f"so: {made} and on")
        assert (opened.type, inline.type, closed.type) == ("paragraph_open", "inline", "paragraph_close")
        said = [token for token in inline.children or [] if token.type != "text"]
        assert [token.type for token in said] == (["code_inline"] if made.startswith("`") else [])


@given(st.lists(TEXTS, max_size=5))
def test_a_fence_ends_where_it_should(lines: list[str]) -> None:
    found = tokens(fence([f"+ {line}" for line in lines], "diff") + "\n\nafter")
    assert [token.type for token in found] == ["fence", "paragraph_open", "inline", "paragraph_close"]
    assert found[0].content.count("\n") == len(lines)


@pytest.mark.parametrize(
    "text",
    ["params changed: trees", "code changed: src/train.py", "every 30 minutes, next 14:30 Europe/Paris", "auc ≥ 0.85"],
)
def test_plain_words_stay_as_they_are(text: str) -> None:
    assert prose(text) == text


@pytest.mark.parametrize(
    "text", ["@ann", "www.a.b", "http://a", "a_", "*a*", "a|b", "<b>", ":tada:", "#12", "a\\b", ""]
)
def test_other_words_are_code(text: str) -> None:
    assert prose(text) == code(text)


def test_shortening_counts_characters() -> None:
    assert short("a" * 100, 10) == "aaaaaa…aaa"
    assert len(short("e" + "\u0301" * 1000, 50)) == 50
    assert length("𝒜") == 2
