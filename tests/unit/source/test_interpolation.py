"""References are found where they stand in the file, however YAML quotes and folds the text around them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlopsctl.source.interpolation import Reference, read_text
from tests.unit.source.yaml_text import place_of, scalar, under

AT_THEIR_OWN_PLACE = {
    "plain": "run: go ${params.x} on\n",
    "at the very start": "run: ${params.x}\n",
    "double quotes": 'run: "go \\"there\\" ${params.x} \\n"\n',
    "single quotes": "run: 'it''s ${params.x}'\n",
    "literal": "run: |\n  first\n  second ${params.x}\n",
    "literal, deeper": "run: |2\n    first\n     ${params.x}\n",
    "folded": "run: >-\n  first\n  second\n\n  third ${params.x}\n",
    "plain over lines": "run: first\n  second\n    ${params.x} third\n",
    "double quotes over lines": 'run: "first\n\n  second \\\n  ${params.x}"\n',
    "behind an escape": "run: $${x} ${params.x}\n",
    "behind emoji": "run: 😀 é ${params.x}\n",
    "carriage returns": "run: |\r\n  first\r\n  ${params.x}\r\n",
    "with a comment behind": "run: ${params.x} # ${inputs.y}\n",
    "anchored": "run: &run go ${params.x}\n",
    "in a literal with a comment in its head": "run: | # say\n  ${params.x}\n",
}


@pytest.mark.parametrize("text", AT_THEIR_OWN_PLACE.values(), ids=AT_THEIR_OWN_PLACE)
def test_a_reference_has_its_own_place(text: str) -> None:
    found, wrong = read_text(scalar(text, "run"))
    (reference,) = found.references()
    assert wrong == ()
    assert reference.parts == ("params", "x")
    assert under(text, reference.span) == "${params.x}"


def test_many_references_each_have_theirs() -> None:
    text = 'run: "${params.a}${params.b} $${params.c}\n  ${inputs.d-e} ${params.a}"\n'
    found, _ = read_text(scalar(text, "run"))
    assert [under(text, reference.span) for reference in found.references()] == [
        "${params.a}",
        "${params.b}",
        "${inputs.d-e}",
        "${params.a}",
    ]
    assert len({reference.span for reference in found.references()}) == 4


@pytest.mark.parametrize(
    "text",
    [
        'run: "\\x24{params.x}"\n',
        'run: "${par\\x61ms.x}"\n',
        'run: "${params\\\n  .x}"\n',
        "run: | # ${params.y}\n  ${params.x}\n",
    ],
    ids=["escaped dollar", "escaped letter", "continued line", "reference in the block's comment"],
)
def test_where_writing_moves_the_text_the_whole_scalar_is_the_place(text: str) -> None:
    node = scalar(text, "run")
    found, _ = read_text(node)
    assert [(reference.parts, reference.span) for reference in found.references()] == [(("params", "x"), node.span)]


@pytest.mark.parametrize(
    ("written", "literal"),
    [
        ("$${params.x}", "${params.x}"),
        ("$$${params.x}", "$${params.x}"),
        ("$x $", "$x $"),
        ("$(date) {}", "$(date) {}"),
        ("$${", "${"),
    ],
)
def test_what_is_no_reference_is_left_alone(written: str, literal: str) -> None:
    found, wrong = read_text(scalar(f"run: '{written}'\n", "run"))
    assert (list(found.references()), wrong) == ([], ())
    assert "".join(str(part) for part in found.parts) == literal


@pytest.mark.parametrize(
    "written",
    [
        "${}",
        "${ params.x }",
        "${params.x * 2}",
        "${params.}",
        "${.x}",
        "${1x}",
        "${params.x:-1}",
        "${params.é}",
        "${params.x",
        "${",
    ],
)
def test_what_looks_like_a_reference_and_is_none_is_refused_at_its_place(written: str) -> None:
    text = f"a: 1\nrun: go {written}\n"
    found, wrong = read_text(scalar(text, "run"))
    assert [place_of(fault) for fault in wrong] == [("MLO110", 2, 9)]
    assert list(found.references()) == []
    assert str(found) == f"go {written}"


@pytest.mark.parametrize(("written", "shown"), [("1", "1"), ("0x1F", "0x1F"), ("true", "true"), ("1.50", "1.50")])
def test_what_is_no_text_is_taken_as_it_is_written(written: str, shown: str) -> None:
    found, _ = read_text(scalar(f"run: {written}\n", "run"))
    assert str(found) == shown


NAMES = st.from_regex(r"[a-z_][a-z0-9_-]{0,4}(\.[a-z_][a-z0-9_-]{0,4}){0,2}", fullmatch=True)
PARTS = st.lists(
    st.text(
        st.characters(codec="ascii", exclude_characters="$'", min_codepoint=32, exclude_categories=["Cc"]), max_size=6
    )
    | NAMES.map(lambda name: f"${{{name}}}")
)


@given(PARTS)
def test_a_text_is_the_sum_of_its_parts(parts: list[str]) -> None:
    written = "".join(parts)
    text = f"run: '{written}'\n"
    found, wrong = read_text(scalar(text, "run"))
    assert wrong == ()
    assert str(found) == written
    assert found.resolved(lambda reference: f"${{{'.'.join(reference.parts)}}}") == written
    for part in found.parts:
        if isinstance(part, Reference):
            assert under(text, part.span) == str(part)
