"""Each code has one origin, an explanation and words that stand alone."""

import re
from pathlib import Path
from types import ModuleType

import pytest

import mlopsctl
from mlopsctl.cli.catalogue import all_explanations
from mlopsctl.diagnostics import (
    DiagnosedError,
    Diagnostic,
    Finding,
    Position,
    Severity,
    Span,
    diagnostic,
    explanations,
    has_errors,
    in_reading_order,
    rule,
    similar,
)

EXPLANATIONS = all_explanations()


@diagnostic("MLO998", Severity.WARNING)
def odd(line: int, file: str = "f") -> Finding:
    """It is odd.

    Example:
        this

    Fix: make it even.
    """
    return Finding(message="it is odd", span=at(line, file) if line else None)


@rule("MLO997")
def many(lines: list[int]) -> list[Finding]:
    """They are many."""
    return [Finding(message="one", span=at(line)) for line in lines]


def at(line: int, file: str = "f") -> Span:
    return Span(file, Position(line, 1), Position(line, 2))


def module_of(*functions: object, name: str = __name__) -> ModuleType:
    module = ModuleType(name)
    for number, function in enumerate(functions):
        setattr(module, f"f{number}", function)
    return module


def test_what_a_function_finds_is_stamped_with_its_code() -> None:
    found = odd(3)
    assert isinstance(found, Diagnostic)
    assert (found.code, found.severity, found.message) == ("MLO998", Severity.WARNING, "it is odd")
    assert [(one.code, one.severity) for one in many([1, 2])] == [("MLO997", Severity.ERROR)] * 2


def test_each_code_of_the_program_can_be_explained() -> None:
    package = Path(mlopsctl.__file__).parent
    written = "\n".join(file.read_text("utf-8") for file in package.rglob("*.py"))
    made = set(re.findall(r'^@(?:diagnostic|rule)\("(MLO\d{3})"', written, flags=re.MULTILINE))
    assert made > {"MLO001"}
    assert made - set(EXPLANATIONS) == set()


def test_explanations_are_collected_once_from_where_they_are_made() -> None:
    found = explanations([module_of(odd, many)])
    assert list(found) == ["MLO997", "MLO998"]
    assert found["MLO998"].text == "It is odd.\n\nExample:\n    this\n\nFix: make it even."
    assert explanations([module_of(odd, name="elsewhere")]) == {}  # imported there, not made


def test_two_origins_of_one_code_are_a_bug() -> None:
    @diagnostic("MLO998")
    def again() -> Finding:
        """The same."""
        return Finding(message="")

    with pytest.raises(ValueError, match="MLO998 has two origins: odd and again"):
        explanations([module_of(odd, again)])


def test_only_an_error_makes_a_command_fail() -> None:
    assert not has_errors([odd(1)])
    assert has_errors([odd(1), *many([2])])


def test_diagnostics_are_read_by_file_and_place_and_once() -> None:
    found = [odd(0), odd(2), odd(1, "g"), odd(1), odd(2), *many([1])]
    ordered = [
        (one.span and one.span.file, one.span and one.span.start.line, one.code) for one in in_reading_order(found)
    ]
    assert ordered == [
        ("f", 1, "MLO997"),
        ("f", 1, "MLO998"),
        ("f", 2, "MLO998"),
        ("g", 1, "MLO998"),
        (None, None, "MLO998"),
    ]


def test_an_error_carries_what_was_diagnosed() -> None:
    error = DiagnosedError(odd(1), odd(2))
    assert str(error) == "MLO998: it is odd; MLO998: it is odd"
    assert len(error.diagnostics) == 2


def test_a_message_is_one_line_whatever_is_named_in_it() -> None:
    @diagnostic("MLO996")
    def named(name: str) -> Finding:
        return Finding(message=f"no `{name}`")

    assert len(named("a\nb\u2028c\x85d").message.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "found"), [("modle", "model"), ("model", "model"), ("xyz", None), ("", None), ("mod", "model")]
)
def test_the_similar_name(name: str, found: str | None) -> None:
    assert similar(name, ["data", "model", "serve"]) == found


def test_no_code_has_two_origins() -> None:
    assert len(EXPLANATIONS) > 100
    assert all(re.fullmatch(r"MLO\d{3}", code) for code in EXPLANATIONS)


@pytest.mark.parametrize("code", EXPLANATIONS)
def test_every_code_says_what_it_means_and_what_to_do(code: str) -> None:
    text = EXPLANATIONS[code].text
    first = text.splitlines()[0]
    assert first.endswith(".")
    assert "\nFix: " in text
    assert not re.search(r"(?<!`)\?$", text, re.MULTILINE), "statements, not questions"
    if "\nExample:" in text:
        assert re.search(r"\nExample:\n    \S", text), "the example is indented below its heading"
