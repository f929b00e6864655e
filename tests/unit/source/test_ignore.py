"""Patterns against git's own word for each name."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlopsctl.source.ignore import read_patterns, said_of

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed: apt-get install git")
NAMES = [
    *"aA0z_-]![ ^é~\t",
    "ab",
    "a.b",
    "a-b",
    "aXb",
    "0x",
    "a/b",
    "a/b/c",
    "a/x/y/b",
    "-a",
    "[a]",
    "a\\b",
    "ab/c",
    "axy/c",
]


def ignored_by_git(folder: Path, pattern: bytes) -> list[str]:
    (folder / ".gitignore").write_bytes(pattern + b"\n")
    asked = b"".join(os.fsencode(name) + b"\0" for name in NAMES)
    quiet = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", "check-ignore", "--no-index", "-z", "--stdin"]
    said = subprocess.run(command, cwd=folder, env=quiet, input=asked, capture_output=True, check=False).stdout
    return [os.fsdecode(name) for name in said.split(b"\0") if name]


def ignored(pattern: bytes) -> list[str]:
    """The names that the pattern means, or a folder around them: nothing brings back what is below an ignored one."""
    patterns = read_patterns([pattern])
    parts = {name: name.split("/") for name in NAMES}
    above = {name: ["/".join(found[: end + 1]) for end in range(len(found))] for name, found in parts.items()}
    return [
        name
        for name in NAMES
        if any(said_of(os.fsencode(path), patterns, is_folder=path != name) for path in above[name])
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("repository")
    subprocess.run(["git", "init", "-q", "--template=", path], check=True, env={"PATH": os.environ["PATH"]})
    return path


CLASSES = ["alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "xdigit"]
WRITTEN = [
    "[a-z]",
    "[z-a]",
    "[^a]",
    "[!a-z]",
    "[]a]",
    "[a]]",
    "[\\]]",
    "[a-]",
    "[--0]",
    "[a-c-z]",
    "[a\\-z]",
    "[[]",
    "[a",
    "[",
    "[]",
    "[!]",
]
PATHS = [
    "a/**",
    "**/b",
    "a/**/b",
    "a/**/",
    "**",
    "**/",
    "a**/c",
    "a**b",
    "/**",
    "a/*/*",
    "a/*",
    "*/b",
    "/a",
    "a//b",
    "//a",
    "/",
    "a\\/b",
]
SPACES = ["a ", "a\\ ", "\\ ", " a", "a\t", "a\\", "\\a", "\\!", "\\#", "!", "!!a", "[[:nope:]]"]


@pytest.mark.parametrize("pattern", [*(f"[[:{name}:]]" for name in CLASSES), *WRITTEN, *PATHS, *SPACES])
def test_a_pattern_means_what_git_says(folder: Path, pattern: str) -> None:
    assert ignored(pattern.encode()) == ignored_by_git(folder, pattern.encode())


@settings(max_examples=120, deadline=None)
@given(st.text("ab*?[]!-^\\/ .:x#é", min_size=1, max_size=7).map(str.encode))
def test_any_pattern_means_what_git_says(folder: Path, pattern: bytes) -> None:
    assert ignored(pattern) == ignored_by_git(folder, pattern)
