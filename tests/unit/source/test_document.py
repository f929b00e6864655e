"""Documents with their places: what is read where, what is refused, and that no text at all breaks the reader."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlopsctl.source.document import DEEPEST, MOST_ALIASED, parse
from mlopsctl.source.nodes import MappingNode, plain
from tests.unit.source.yaml_text import FILE, diagnosed, is_inside, mapping, read, spans_of, under

BAD_TEXTS = {
    "colon in a plain text": ("a: b: c\n", "MLO101", 1, 5),
    "tab as indentation": ("a:\n\tb: 1\n", "MLO101", 2, 1),
    "bracket left open": ("a: [1, 2\nb: 3\n", "MLO101", 2, 2),
    "quote left open": ('a: "b\n', "MLO101", 2, 1),
    "other indentation": ("a: 1\n  b: 2\n", "MLO101", 2, 4),
    "reserved character": ("a: @b\n", "MLO101", 1, 4),
    "unknown directive and nothing": ("%YAML 1.2\n", "MLO101", 2, 1),
    "same key twice": ("a: 1\nb: 2\na: 3\n", "MLO103", 3, 1),
    "same key twice, quoted once": ("{a: 1, 'a': 2}", "MLO103", 1, 8),
    "number as a key": ("a:\n  1: x\n", "MLO104", 2, 3),
    "truth value as a key": ("true: x\n", "MLO104", 1, 1),
    "null as a key": ("~: x\n", "MLO104", 1, 1),
    "list as a key": ("? [a]\n: b\n", "MLO104", 1, 3),
    "unknown anchor": ("a: *b\n", "MLO106", 1, 4),
    "anchor inside of itself": ("a: &a [*a]\n", "MLO106", 1, 8),
    "anchor of another document": ("a: &a 1\n---\nb: *a\n", "MLO106", 3, 4),
    "tag of another type": ("a: !!int x\n", "MLO108", 1, 4),
    "tag of a language": ("a: !!python/name:os.system\n", "MLO108", 1, 4),
    "own tag on a list": ("a: !mine [1]\n", "MLO108", 1, 4),
    "infinite number": ("a:\n  - .inf\n", "MLO108", 2, 5),
    "no number": ("a: .NaN\n", "MLO108", 1, 4),
    "too large a number": ("a: 1e999\n", "MLO108", 1, 4),
    "control character": ("a: 1\nb: \x1b[31m\n", "MLO109", 2, 4),
    "NUL": ("\0", "MLO109", 1, 1),
    "control character behind an astral one": ("a: 😀\x07\n", "MLO109", 1, 5),
    "no character at all": ("a: \uffff\n", "MLO109", 1, 4),
}


@pytest.mark.parametrize(("text", "code", "line", "column"), BAD_TEXTS.values(), ids=BAD_TEXTS)
def test_a_fault_has_its_code_and_place(text: str, code: str, line: int, column: int) -> None:
    assert diagnosed(text) == [(code, line, column)]


def test_the_help_for_a_character_is_an_escape_that_reads_as_it() -> None:
    for character in ("\x07", "\x9b", "\uffff"):
        (found,) = parse(f"a: {character}", FILE).diagnostics
        escape = found.helps[0].rpartition(": ")[2]
        assert plain(read(f"a: {escape}")) == {"a": character}


def test_all_faults_of_a_file_are_found_and_the_rest_is_read() -> None:
    text = "a: 1\na: 2\nb: .inf\n3: x\nc: ok\n"
    parsed = parse(text, FILE)
    assert [found.code for found in parsed.diagnostics] == ["MLO103", "MLO108", "MLO104"]
    assert [plain(document.root) for document in parsed.documents] == [{"a": 1, "b": ".inf", "c": "ok"}]


def test_documents_before_a_syntax_error_are_kept() -> None:
    parsed = parse("a: 1\n---\nb: [\n", FILE)
    assert [plain(document.root) for document in parsed.documents] == [{"a": 1}]
    assert [found.code for found in parsed.diagnostics] == ["MLO101"]


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "---\n", "---\n...\n---\n", "\ufeff"], ids=repr)
def test_empty_documents_are_left_out(text: str) -> None:
    assert parse(text, FILE).is_empty


@pytest.mark.parametrize("text", ["''", "null", "~", "---\n''\n"], ids=repr)
def test_a_document_that_says_nothing_in_words_is_one(text: str) -> None:
    assert not parse(text, FILE).is_empty


PLACES = {
    "block": ("a:\n  b: xy\n", "b", "xy"),
    "flow": ("a: {b: xy, c: 1}\n", "b", "xy"),
    "flow over lines": ("a: {\n  b:\n    xy,\n}\n", "b", "xy"),
    "double quotes": ('a:\n  "b": "x\\ty"\n', '"b"', '"x\\ty"'),
    "single quotes": ("a:\n  'b': 'it''s'\n", "'b'", "'it''s'"),
    "plain over lines": ("a:\n  b: x\n    y\n    z\nc: 1\n", "b", "x\n    y\n    z"),
    "literal": ("a:\n  b: |\n    x\n    y\nc: 1\n", "b", "|\n    x\n    y\n"),
    "folded": ("a:\n  b: >-\n    x\n    y\nc: 1\n", "b", ">-\n    x\n    y\n"),
    "behind accents": ("äöü: 1\na:\n  é: ñandú\n", "é", "ñandú"),
    "behind emoji": ("a: {😀: '👩‍👩‍👧', b: xy}\n", "b", "xy"),
    "combining marks": ("a:\n  e\u0301: o\u0308x\n", "e\u0301", "o\u0308x"),
    "byte order mark": ("\ufeffa: {b: xy}\n", "b", "xy"),
    "carriage returns": ("# c\r\na:\r\n  b: xy\r\n", "b", "xy"),
    "carriage returns alone": ("# c\ra:\r  b: xy\r", "b", "xy"),
    "line separators": ("# c\u2028a:\x85  b: xy\u2029", "b", "xy"),
    "behind a comment": ("a: # one\n  # two\n  b: xy # three\n", "b", "xy"),
    "nothing": ("a:\n  b:\n", "b", ""),
    "anchored": ("a:\n  b: &x xy\n", "b", "&x xy"),
}


@pytest.mark.parametrize(("text", "key", "value"), PLACES.values(), ids=PLACES)
def test_the_last_key_but_one_and_its_value_are_found_again(text: str, key: str, value: str) -> None:
    below = mapping(text).get("a")
    assert isinstance(below, MappingNode)
    entry = [*below.entries.values()][0 if len(below.entries) == 1 or text.startswith("a: {b") else -1]
    assert (under(text, entry.key), under(text, entry.value.span)) == (key, value)


@pytest.mark.parametrize(
    ("text", "covered"),
    [
        pytest.param("a:\n  b: 1\n  c: 2 # c\n\nd: 1\n", "b: 1\n  c: 2", id="block mapping"),
        pytest.param("a:\n  - 1\n  - [2]\n\n# end\n", "- 1\n  - [2]", id="block sequence"),
        pytest.param("a: [1, 2,  ] # c\n", "[1, 2,  ]", id="flow sequence"),
        pytest.param("x: &x {y: 1}\na:\n  b: *x\n", "b: *x", id="ends in an alias"),
        pytest.param("a:\n  - x: &x 1\n  - *x\nb: 1\n", "- x: &x 1\n  - *x", id="ends in an alias of its own"),
        pytest.param("a:\n  b:\nc: 1\n", "b:", id="ends in nothing"),
    ],
)
def test_a_collection_ends_with_its_last_value(text: str, covered: str) -> None:
    node = mapping(text).get("a")
    assert node is not None
    assert under(text, node.span) == covered


def test_what_an_alias_stands_for_keeps_the_place_of_its_anchor() -> None:
    text = "base: &base {cpu: 1}\nstages:\n  one: *base\n"
    root = mapping(text)
    stages = root.get("stages")
    assert isinstance(stages, MappingNode)
    assert stages.get("one") == root.get("base")
    assert under(text, stages.entries["one"].key) == "one"


def test_an_anchor_means_what_was_last_marked_with_it() -> None:
    assert plain(read("[&x 1, *x, &x [2], *x]")) == [1, 1, [2], [2]]


# Each line stands for ten times as many values as the one above: 10⁹ in all.
BOMB = "a: &a [" + ", ".join("x" * 10) + "]\n"
BOMB += "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
SAME_ANCHOR_BOMB = "a0: &x [1]\nb0: *x\n" + "".join(f"a{n}: &x [{', '.join(['*x'] * 10)}]\n" for n in range(1, 10))


@pytest.mark.parametrize("text", [BOMB, SAME_ANCHOR_BOMB], ids=["aliases of aliases", "one anchor again and again"])
def test_aliases_do_not_expand_without_bound(text: str) -> None:
    began = time.process_time()
    assert [code for code, _, _ in diagnosed(text)] == ["MLO105"]
    assert time.process_time() - began < 1


def test_so_many_aliases_as_are_allowed_are_read() -> None:
    text = f"a: &a x\nb: [{', '.join(['*a'] * MOST_ALIASED)}]\n"
    assert diagnosed(text) == []
    assert diagnosed(text.replace("]", ", *a]"))[0][0] == "MLO105"


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ("{a: ", "}")], ids=["lists", "mappings"])
def test_depth_is_bounded(opening: str, closing: str) -> None:
    assert diagnosed(opening * DEEPEST + "1" + closing * DEEPEST) == []
    assert [code for code, _, _ in diagnosed(opening * 5000 + "1" + closing * 5000)] == ["MLO107"]


def test_depth_by_way_of_aliases_is_bounded_too() -> None:
    lines = [f"a{n}: &a{n} {'[' * 30}{f'*a{n - 1}' if n else '1'}{']' * 30}" for n in range(4)]
    assert diagnosed("\n".join(lines[:2])) == []
    assert diagnosed("\n".join(lines)) == [("MLO107", 3, 39)]


# Texts that look like YAML reach further into the parser than any characters do.
PIECES = """a|b: |: |- |? |{|}|[|]|, |&x |*x|!!int |!t |>-|"|'|# |---|...|${params.x}|1|0x1F|.inf|~|<<: |é😀|%|@"""
BLANKS = ("\n", "\n  ", "\n    ", "\t", "\r\n", "\\", "|\n", "\ufeff", "\x85", "\u2028", "\0", "\x1b")
TEXTS = st.one_of(
    st.text(max_size=60), st.lists(st.sampled_from([*PIECES.split("|"), *BLANKS]), max_size=25).map("".join)
)


@settings(max_examples=600, deadline=None)
@given(TEXTS)
def test_any_text_is_read_or_refused_at_a_place_inside_it(text: str) -> None:
    parsed = parse(text, FILE)
    spans = [span for document in parsed.documents for span in spans_of(document.root)]
    spans += [found.span for found in parsed.diagnostics if found.span]
    spans += [related.span for found in parsed.diagnostics for related in found.related]
    assert [span for span in spans if not is_inside(text, span)] == []
    assert all(found.span is not None for found in parsed.diagnostics)


# YAML has no surrogate pairs, and none of these characters may stand in it unescaped or without being a line's end.
JSON_TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029\ufeff\ufffe\uffff"), max_size=12
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | JSON_TEXT,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(JSON_TEXT, below, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(JSON, st.sampled_from([None, 2]))
def test_json_is_read_as_json(value: object, indent: int | None) -> None:
    found = plain(read(json.dumps(value, indent=indent, ensure_ascii=False)))
    assert json.dumps(found) == json.dumps(value)  # as texts, so that 1, 1.0 and true are not the same
