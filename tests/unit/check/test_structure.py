"""Each way to break a schema is worded for people, once, at the place of the mistake."""

from pathlib import Path
from typing import Any

import pytest

from mlopsctl.check import structure
from mlopsctl.diagnostics import Diagnostic
from mlopsctl.source.document import parse
from mlopsctl.source.header import Kind, Source
from mlopsctl.source.nodes import MappingNode

HEAD = "apiVersion: mlopsctl.dev/v1\nkind: Pipeline\nmetadata: {name: p}\nspec:\n"
MODEL = f"{HEAD}  stages:\n    model: {{kind: train, run: go, outputs: {{m: m}}, %s}}\n"


def found_in(text: str, kind: Kind = "Pipeline") -> list[Diagnostic]:
    parsed = parse(text, "x.yaml")
    assert parsed.diagnostics == ()
    (document,) = parsed.documents
    assert isinstance(document.root, MappingNode)
    source = Source(kind, "p", document.root, Path("x.yaml"))
    return [found for found, _ in structure.check(source, document.root)]


def under(text: str, found: Diagnostic) -> str:
    assert found.span is not None
    start, end = found.span.start, found.span.end
    assert start.line == end.line
    return text.splitlines()[start.line - 1][start.column - 1 : end.column - 1]


STAGE_NAME = "the name of a stage: lowercase letters, digits and `-`, at most 40 characters"
CASES = {
    "unknown key": (MODEL % "retires: {}", "MLO120", "retires", "there is no key `retires` in `model`"),
    "wrong type": (MODEL % "timeout: 5", "MLO121", "5", "`timeout` must be a text, this is a number"),
    "list for a text": (
        MODEL % "run_: 1".replace("run_: 1", "image: [a]"),
        "MLO121",
        "[a]",
        "`image` must be a text, this is a list",
    ),
    "missing key": (f"{HEAD}  stages:\n    q: {{kind: evaluate}}\n", "MLO122", "q", "`q` has no `run`"),
    "one of two missing": (f"{HEAD}  stages:\n    d: {{kind: data}}\n", "MLO122", "d", "`d` has no `source` or `run`"),
    "one of three missing": (
        MODEL % "tune: {trials: 1, objective: {metric: a}, space: {x: {}}}",
        "MLO122",
        "x",
        "`x` has no `int`, `float` or `in`",
    ),
    "no choice": (f"{HEAD}  stages:\n    m: {{kind: trian}}\n", "MLO123", "trian", "`kind` can't be `trian`"),
    "wrong type where there are choices": (
        f"{HEAD}  stages:\n    m: {{kind: 5}}\n",
        "MLO121",
        "5",
        "`kind` must be a text, this is a number",
    ),
    "wrong form": (
        MODEL % "timeout: 2 hours",
        "MLO124",
        "2 hours",
        "`timeout` can't be `2 hours`: expected a duration such as `90s`, `15m`, `2h` or `7d`",
    ),
    "line break at the end": (
        MODEL % 'timeout: "2h\\n"',
        "MLO124",
        '"2h\\n"',
        "`timeout` can't be `2h`: expected a duration such as `90s`, `15m`, `2h` or `7d`",
    ),
    "too small": (MODEL % "retries: {limit: -1}", "MLO125", "-1", "`limit` must be at least 0, this is -1"),
    "too few": (f"{HEAD}  stages: {{}}\n", "MLO126", "{}", "`stages` must have at least 1 key, this has 0"),
    "key with a line break": (
        f'{HEAD}  stages:\n    "m\\n": {{kind: task, run: go}}\n',
        "MLO127",
        '"m\\n"',
        f"`m` can't be a name here: expected {STAGE_NAME}",
    ),
    "twice": (MODEL % "requires: [a, a]", "MLO128", "a", "`a` stands in this list a second time"),
    "nothing": (MODEL % "timeout: ", "MLO129", "timeout", "`timeout` has no value, it must be a text"),
}


@pytest.mark.parametrize(("text", "code", "place", "message"), CASES.values(), ids=CASES)
def test_a_mistake_is_said_once(text: str, code: str, place: str, message: str) -> None:
    (found,) = found_in(text)
    assert (found.code, under(text, found), found.message) == (code, place, message)


def test_what_is_missing_is_described_also_where_the_description_is_shared() -> None:
    (found,) = found_in(f"{HEAD}  stages:\n    q: {{kind: evaluate}}\n")
    assert found.helps == ("add `run`",)
    assert found.notes[0].startswith("`run`: The command line")


def test_what_is_missing_of_several_is_not_said_to_be_the_last() -> None:
    (found,) = found_in(f"{HEAD}  stages:\n    d: {{kind: data}}\n")
    assert (found.helps, found.notes) == (("add `source` or `run`",), ())


def test_a_text_that_ends_in_a_line_break_is_said_to() -> None:
    (found,) = found_in(MODEL % 'timeout: "2h\\n"')
    assert found.helps == ("the text ends in a line break, which `|-` and `>-` leave off",)


def test_a_slip_is_not_also_a_missing_key() -> None:
    assert [found.code for found in found_in(f"{HEAD}  stages:\n    q: {{kind: evaluate, rum: go}}\n")] == ["MLO120"]


def test_all_mistakes_are_found_at_once() -> None:
    stages = "    Q: {kind: evaluate}\n    m: {kind: task, run: go, timeout: 1}\n"
    text = f"{HEAD}  code: {{python: 3.11}}\n  stages:\n{stages}"
    assert sorted(found.code for found in found_in(text)) == ["MLO121", "MLO121", "MLO122", "MLO127"]


def patterns(schema: Any) -> list[str]:
    """Every `pattern` in a schema."""
    if isinstance(schema, list):
        return [found for item in schema for found in patterns(item)]
    if not isinstance(schema, dict):
        return []
    own = [schema["pattern"]] if isinstance(schema.get("pattern"), str) else []
    return own + [found for value in schema.values() for found in patterns(value)]


@pytest.mark.parametrize("kind", ["Project", "Pipeline", "Environment", "Policy", "Release"])
def test_every_pattern_is_held_against_the_whole_text(kind: Kind) -> None:
    found = patterns(structure.schema(kind))
    assert found
    assert [pattern for pattern in found if not (pattern.startswith("^") and pattern.endswith("$"))] == []
