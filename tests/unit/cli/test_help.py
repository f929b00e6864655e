"""What the command line says of itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

MLOPSCTL = Path(sys.executable).with_name("mlopsctl")
COMMANDS = ["", "init", "validate", "run", "render", "plan", "apply", "destroy", "unlock", "promote", "reject"]
COMMANDS += ["serve", "status", "stop", "resume", "rollback", "audit", "lineage"]
COMMANDS += ["drift", "verify", "runs", "runs list", "runs show", "runs compare", "runs cancel", "runs retry"]
COMMANDS += ["logs", "graph", "ci", "ci github", "ci gitlab", "ci comment", "ci approvals"]
COMMANDS += ["doctor", "explain", "schema", "schema pull", "help"]


def said(arguments: str = "", **environ: str) -> str:
    return subprocess.check_output(
        [MLOPSCTL, *arguments.split()],
        env={"PATH": os.defpath, "COLUMNS": "80", "NO_COLOR": "1"} | environ,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("command", COMMANDS, ids=[command or "mlopsctl" for command in COMMANDS])
def test_help(command: str, snapshot: SnapshotAssertion) -> None:
    text = said(f"{command} --help")
    assert text == snapshot
    assert "..." not in text.partition("Commands:")[2]  # where summaries that are too long are cut


def test_without_a_command_there_is_help() -> None:
    assert said() == said("help") == said("--help")


def test_every_command_is_listed_once() -> None:
    listed = said("--help").partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in listed] == [name for name in COMMANDS if name and " " not in name]


def test_topics(snapshot: SnapshotAssertion) -> None:
    assert {topic: said(f"help {topic}") for topic in ("exit-codes", "completion")} == snapshot


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_can_ask_for_its_script_by_name(shell: str) -> None:
    assert f"_MLOPSCTL_COMPLETE=complete_{shell}" in said(_MLOPSCTL_COMPLETE=f"source_{shell}")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("mlopsctl r", {"reject", "render", "resume", "rollback", "run", "runs"}),
        ("mlopsctl init --c", {"--ci"}),
        ("mlopsctl init --ci git", {"github", "gitlab"}),
    ],
    ids=["command", "option", "value"],
)
def test_completion_in_bash(line: str, words: set[str]) -> None:
    place = str(len(line.split()) - 1)
    assert set(said(_MLOPSCTL_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=place).split()) == words
