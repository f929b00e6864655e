import subprocess

import pytest

from mlopsctl.diagnostics import Position, Span
from mlopsctl.ir.command import SHELL, script
from mlopsctl.source.interpolation import Reference, Text

NOWHERE = Span("", Position(1, 1), Position(1, 1))
VALUE = "two  words \"and\" 'quotes' $(touch pwned) `touch pwned` \\ *\nand a line é"


def text(written: str) -> Text:
    before, *behind = written.split("REF")
    parts: list[str | Reference] = [before]
    for literal in behind:
        parts += [Reference(("params", "value"), NOWHERE), literal]
    return Text(tuple(parts), NOWHERE)


def printed(written: str, value: str) -> str:
    environ = {"MLOPS_PARAM_VALUE": value, "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        [*SHELL, script(text(written))], env=environ, capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.parametrize(
    "written",
    [
        "printf %s REF",
        'printf %s "REF"',
        "printf %s 'REF'",
        'printf %s "$(printf %s REF)"',
        'printf %s "$(printf %s "REF")"',
        "printf %s \"$(printf %s 'REF')\"",
        'printf %s "`printf %s REF`"',
        '(printf %s "$(printf %s "$(printf %s REF)")")',
        "printf %s '' REF",
        "printf %s \\' REF | sed \"1s/^'//\"",
        "printf %s\\\\n 'a\\' > /dev/null; printf %s REF",
        'printf %s "it\'s (" > /dev/null; printf %s REF',
    ],
)
def test_a_value_arrives_as_it_is_wherever_it_stands(written: str) -> None:
    assert printed(written, VALUE) == VALUE


@pytest.mark.parametrize(
    "written", ["echo $((REF + 1))", 'echo "$((REF + 1))"', "echo $(((REF) + 1))"], ids=["bare", "quoted", "nested"]
)
def test_arithmetic(written: str) -> None:
    assert printed(written, "3") == "4\n"
