"""Values reach a command as they are and are never read as code: the judges are real shells."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlopsctl.diagnostics import Position, Span
from mlopsctl.ir.command import SHELL, expanded, script, variable, variable_name, with_variables
from mlopsctl.source.interpolation import Reference, Text, read_text
from mlopsctl.source.nodes import ScalarNode

NOWHERE = Span("", Position(1, 1), Position(1, 1))
VALUE = "two  words \"and\" 'quotes' $(touch pwned) `touch pwned` \\ *\nand a line é"
SHELLS = [
    pytest.param(list(SHELL), id="sh"),
    pytest.param(
        ["bash", "--posix", "-ec"],
        id="bash",
        marks=pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed: apt-get install bash"),
    ),
]
all_shells = pytest.mark.parametrize("shell", SHELLS)


def text(written: str) -> Text:
    """A command as the language reads it, with `REF` for `${params.value}` and `REF3` for `${params.value3}`."""
    written = written.replace("${", "$${")
    for number in range(30, -1, -1):
        written = written.replace(f"REF{number}", f"${{params.value{number}}}")
    found, wrong = read_text(ScalarNode(written.replace("REF", "${params.value}"), NOWHERE, ""))
    assert not wrong
    return found


def run(shell: list[str], written: str, values: Mapping[str, str], folder: Path) -> subprocess.CompletedProcess[bytes]:
    environ = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", **values}
    return subprocess.run([*shell, script(text(written))], env=environ, cwd=folder, capture_output=True, check=False)


def printed(shell: list[str], written: str, value: str, folder: Path) -> str:
    done = run(shell, written, {"MLOPS_PARAM_VALUE": value}, folder)
    assert (done.returncode, done.stderr) == (0, b"")
    assert list(folder.iterdir()) == []
    return done.stdout.decode()


WHOLE = {
    "bare": "printf %s REF",
    "double quotes": 'printf %s "REF"',
    "single quotes": "printf %s 'REF'",
    "in a substitution": 'printf %s "$(printf %s REF)"',
    "quoted in a substitution": 'printf %s "$(printf %s "REF")"',
    "in single quotes in a substitution": "printf %s \"$(printf %s 'REF')\"",
    "in backticks": 'printf %s "`printf %s REF`"',
    "in a subshell": '(printf %s "$(printf %s "$(printf %s REF)")")',
    "behind empty quotes": "printf %s '' REF",
    "behind an escaped quote": "printf %s \\' REF | sed \"1s/^'//\"",
    "behind a backslash in quotes": "printf %s\\\\n 'a\\' > /dev/null; printf %s REF",
    "behind quotes in quotes": 'printf %s "it\'s (" > /dev/null; printf %s REF',
    "behind a comment with an apostrophe": "# don't\nprintf %s REF # isn't it\n",
    "behind a comment with a backslash": "# a \\\nprintf %s REF",
    "behind a comment that names it": "# not REF, that's it\nprintf %s REF",
    "behind a word with a hash": "printf %s it\\#s'' > /dev/null; printf %s REF",
    "behind the number of arguments": "test $# = 0; printf %s REF",
    "behind a hash in quotes": "printf %s ' # ' \" # \" > /dev/null; printf %s REF",
    "in a here-document": "cat <<END\nREF!\nEND",
    "behind a here-document": "cat > /dev/null <<END\nit's \" # (\nEND\nprintf %s REF",
    "behind a quoted here-document": "cat > /dev/null <<'END'\nit's REF\nEND\nprintf %s REF",
    "behind an indented here-document": "cat > /dev/null <<-END\n\tit's\n\tEND\nprintf %s REF",
    "behind two here-documents": "cat <<A <<B > /dev/null\n'\nA\n\"\nB\nprintf %s REF",
    "behind the line of a here-document": "cat <<END > /dev/null && printf %s REF\n'\nEND\n",
    "behind a case": "case a in a) printf %s REF;; esac",
    "in a variable": 'x=REF; printf %s "$x"',
    "in a default": 'printf %s "${nothing:-REF}"',
    "in a function": 'say() { printf %s "$1"; }\nsay REF',
    "over lines": "printf %s \\\n  REF",
}


@all_shells
@pytest.mark.parametrize("written", WHOLE.values(), ids=WHOLE)
def test_a_value_arrives_as_it_is_wherever_it_stands(shell: list[str], written: str, tmp_path: Path) -> None:
    assert printed(shell, written, VALUE, tmp_path).removesuffix("!\n") == VALUE


@all_shells
@pytest.mark.parametrize(
    ("written", "argument"),
    [("a\\REF", f"a\\{VALUE}"), ('"a\\REF"', f"a\\{VALUE}"), ("'a\\REF'", f"a\\{VALUE}"), ("\\\\REF", f"\\{VALUE}")],
    ids=["bare", "double quotes", "single quotes", "escaped"],
)
def test_a_backslash_before_a_reference_stays_one(
    shell: list[str], written: str, argument: str, tmp_path: Path
) -> None:
    assert printed(shell, f"printf '%s|' {written} end", VALUE, tmp_path) == f"{argument}|end|"


@all_shells
@pytest.mark.parametrize("written", ["$((REF + 1))", '"$((REF + 1))"', "$(((REF) + 1))", "$((1 + (2 * REF) - REF))"])
def test_arithmetic(shell: list[str], written: str, tmp_path: Path) -> None:
    assert printed(shell, f"echo {written}", "3", tmp_path) == "4\n"


@all_shells
@pytest.mark.parametrize("value", ["x[$(touch pwned)]", "$(touch pwned)", "1; touch pwned", "x", "1.5"])
def test_what_is_no_number_ends_an_expression_and_runs_nothing(shell: list[str], value: str, tmp_path: Path) -> None:
    done = run(shell, "echo $((REF + 1)); echo on", {"MLOPS_PARAM_VALUE": value}, tmp_path)
    assert (done.returncode != 0, done.stdout) == (True, b"")
    assert list(tmp_path.iterdir()) == []


# One argument each, whatever the value.
ARGUMENTS = {
    "REF0": "{}",
    '"REF1"': "{}",
    "'REF2'": "{}",
    "--a=REF3": "--a={}",
    "REF4.csv": "{}.csv",
    '"a REF5 b"': "a {} b",
    "'a REF6 b'": "a {} b",
    "'it'\\''s REF7'": "it's {}",
    "\"'REF8'\"": "'{}'",
    "'\"REF9\"'": '"{}"',
    '"\\"REF10\\""': '"{}"',
    "a'b'REF11\"c\"": "ab{}c",
}
SUBSTITUTED = {'"$(printf %s REF12)"': "{}", "\"$(printf %s 'REF13')\"": "{}", '"`printf %s REF14`"': "{}"}
# Here the shell splits what it reads, as everywhere; it must run none of it.
SPLIT = ["$(printf %s REF15)", "`printf %s REF16`", "$(printf %s \"$(printf %s 'REF17')\")"]

DANGEROUS = [
    "$(touch x)",
    "`touch x`",
    ";touch x;",
    "&& touch x",
    "",
    " touch x",
    "> x",
    '"',
    "'",
    "\\",
    "\n",
    "*",
    "?",
    "[a-z]",
    "#",
    "~",
    "$HOME",
    "${HOME}",
    "$((1+1))",
    "{a,b}",
    "!",
    "\t",
    " ",
    "<<E",
    "$",
    "%s",
    "\\0",
    "-n",
    "é😀",
    "\r",
    "\x1b",
    "=",
    "&",
    "(",
    ")",
]
VALUES = st.lists(
    st.sampled_from(DANGEROUS) | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=4),
    max_size=6,
)


@all_shells
@settings(max_examples=200, deadline=None)
@given(values=st.lists(VALUES.map("".join), min_size=18, max_size=18))
def test_no_value_is_code(shell: list[str], tmp_path_factory: pytest.TempPathFactory, values: list[str]) -> None:
    folder = tmp_path_factory.getbasetemp() / "bait"  # with a file for every glob to find
    folder.mkdir(exist_ok=True)
    (folder / "a").touch()
    show = 'show() { printf \'%s\\0\' "$#" "$@"; } # that\'s all\n'
    lines = [f"show {argument}" for argument in (*ARGUMENTS, *SUBSTITUTED)]
    quiet = [f": {argument}" for argument in SPLIT]
    variables = {f"MLOPS_PARAM_VALUE{number}": value for number, value in enumerate(values)}
    done = run(shell, show + "\n".join(lines + quiet), variables, folder)
    assert (done.returncode, done.stderr) == (0, b"")
    arrived = done.stdout.decode().split("\0")[:-1]
    expected = [form.format(value) for form, value in zip(ARGUMENTS.values(), values, strict=False)]
    expected += [
        form.format(value.rstrip("\n")) for form, value in zip(SUBSTITUTED.values(), values[12:], strict=False)
    ]
    assert arrived == [part for argument in expected for part in ("1", argument)]
    assert [path.name for path in folder.iterdir()] == ["a"]


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("params", "trees"), "MLOPS_PARAM_TREES"),
        (("params", "learning-rate"), "MLOPS_PARAM_LEARNING_RATE"),
        (("inputs", "flights"), "MLOPS_INPUT_FLIGHTS"),
        (("outputs", "model"), "MLOPS_OUTPUT_MODEL"),
        (("secrets", "warehouse"), "MLOPS_SECRET_WAREHOUSE"),
        (("run", "id"), "MLOPS_RUN_ID"),
        (("environment", "name"), "MLOPS_ENVIRONMENT_NAME"),
        (("port",), "MLOPS_PORT"),
    ],
)
def test_the_variable_of_a_reference(parts: tuple[str, ...], name: str) -> None:
    assert variable(Reference(parts, NOWHERE)) == variable_name(*parts) == name


def test_a_text_that_no_shell_reads_takes_values_as_they_are() -> None:
    found = with_variables(text("a 'REF' ${HOME} REF1"))
    assert found == "a '${MLOPS_PARAM_VALUE}' ${HOME} ${MLOPS_PARAM_VALUE1}"
    assert (
        expanded(found, {"MLOPS_PARAM_VALUE": "${MLOPS_PARAM_VALUE1} \\1"}) == "a '${MLOPS_PARAM_VALUE1} \\1' ${HOME} "
    )
