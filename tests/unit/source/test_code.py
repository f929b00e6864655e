"""The code of a pipeline is what git would track: the judge is git itself."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlopsctl.source.code import code_files, included

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed: apt-get install git")


def tree(folder: Path, files: Mapping[str, str]) -> Path:
    """A folder with these texts by path."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return folder


def seen(folder: Path) -> list[str]:
    return [path for path in code_files(folder) if not path.endswith(".gitignore")]


def of_git(folder: Path) -> list[str]:
    """The files that git would add, with no ignore file but those of the tree."""
    quiet = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    listing = ["git", "ls-files", "-z", "-co", "--exclude-per-directory=.gitignore", "--", "."]
    listed = subprocess.run(listing, cwd=folder, env=quiet, capture_output=True, check=True).stdout
    return sorted(os.fsdecode(path) for path in listed.split(b"\0") if path)


def repository(folder: Path) -> Path:
    subprocess.run(["git", "init", "-q", "--template=", folder], check=True, env={"PATH": os.environ["PATH"]})
    return folder


SEMANTICS = {
    "name anywhere": ("x\n", ["a"]),
    "name at the top": ("/x\n", ["a", "d/e/x", "d/x"]),
    "path is anchored": ("d/x\n", ["a", "d/e/x", "x"]),
    "folder only": ("e/\n", ["a", "d/x", "x"]),
    "folder that is a file": ("x/\n", ["a", "d/e/x", "d/x", "x"]),
    "star stops at a slash": ("d/*\n!d/e\n", ["a", "d/e/x", "x"]),
    "two stars": ("**/e/x\n", ["a", "d/x", "x"]),
    "all below": ("d/**\n", ["a", "x"]),
    "between": ("d/**/x\n", ["a", "x"]),
    "one character": ("?\n!d\n!e\n", []),
    "range": ("[a-c]\n", ["d/e/x", "d/x", "x"]),
    "not in range": ("/[!a-c]\n", ["a"]),
    "negation": ("x\n!/x\n", ["a", "x"]),
    "no way back into a folder": ("d\n!d/x\n", ["a", "x"]),
    "the last match counts": ("!x\nx\n", ["a"]),
    "comment": ("#x\n", ["a", "d/e/x", "d/x", "x"]),
    "escaped comment": ("\\#x\n", ["a", "d/e/x", "d/x", "x"]),
    "trailing space": ("x  \n", ["a"]),
    "old line ends": ("x\r\na\r\n", []),
    "byte order mark": ("\ufeffx\n", ["a"]),
    "form feed is no line end": ("x\fa\n", ["a", "d/e/x", "d/x", "x"]),
    "nothing to negate": ("!\n", ["a", "d/e/x", "d/x", "x"]),
    "slash alone": ("/\n", ["a", "d/e/x", "d/x", "x"]),
    "broken range": ("[a\n", ["a", "d/e/x", "d/x", "x"]),
    "capitals": ("X\nA\n", ["a", "d/e/x", "d/x", "x"]),
}


@needs_git
@pytest.mark.parametrize(("ignore", "left"), SEMANTICS.values(), ids=SEMANTICS)
def test_a_gitignore_means_what_git_says(tmp_path: Path, ignore: str, left: list[str]) -> None:
    folder = tree(repository(tmp_path), {"a": "", "x": "", "d/x": "", "d/e/x": "", ".gitignore": ignore})
    assert seen(folder) == left
    assert [path for path in of_git(folder) if path != ".gitignore"] == left


NAMES = st.sampled_from(["a", "b", "ab", "a.py", "b.csv", "A", "é", "a b", "#a", "!a"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
PIECES = [
    "",
    "a",
    "b",
    "*",
    "**",
    "?",
    "[ab]",
    "[!a]",
    "[",
    "]",
    "/",
    ".py",
    "*.csv",
    "!",
    "#",
    "\\",
    " ",
    "a/",
    "/**/",
    "é",
]
PATTERNS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map("".join)
IGNORES = st.lists(PATTERNS, max_size=4).map(lambda lines: "\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose files each example replaces."""
    return repository(tmp_path_factory.mktemp("repository"))


@needs_git
@settings(max_examples=150, deadline=None)
@given(
    files=st.lists(PATHS, max_size=8, unique=True),
    ignores=st.dictionaries(st.sampled_from(["", "a/", "a/b/", "b/"]), IGNORES, min_size=1, max_size=3),
    below=st.sampled_from([".", "a", "a/b"]),
)
def test_what_git_would_track_is_the_code(
    workshop: Path, files: list[str], ignores: dict[str, str], below: str
) -> None:
    for entry in workshop.iterdir():
        if entry.name != ".git":
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    (workshop / below).mkdir(parents=True, exist_ok=True)
    for name in files:
        if not any((workshop / parent).is_file() for parent in Path(name).parents) and not (workshop / name).is_dir():
            tree(workshop, {name: ""})
    for place, text in ignores.items():
        if (workshop / place).is_dir():
            (workshop / place / ".gitignore").write_text(text)
    assert list(code_files(workshop / below)) == of_git(workshop / below)


def test_ignore_files_above_the_code_count_up_to_the_repository(tmp_path: Path) -> None:
    files = {".gitignore": "a\n", "in/.gitignore": "*.csv\n!keep.csv\n", "in/code/.gitignore": "!a\n", "in/code/a": ""}
    code = (
        tree(tmp_path / "r", {**files, "in/code/x.csv": "", "in/code/keep.csv": "", "in/code/b/a": ""}) / "in" / "code"
    )
    (tmp_path / "r" / ".git").mkdir()
    tree(tmp_path, {".gitignore": "*\n"})  # of another repository, or of none
    assert seen(code) == ["a", "b/a", "keep.csv"]


def test_without_a_repository_only_the_folder_itself_counts(tmp_path: Path) -> None:
    code = tree(tmp_path, {".gitignore": "*\n", "code/a": "", "code/b": "", "code/.gitignore": "b\n"}) / "code"
    assert seen(code) == ["a"]


@needs_git
def test_a_folder_that_is_ignored_itself_has_no_code(tmp_path: Path) -> None:
    code = tree(repository(tmp_path), {".gitignore": "code/\n", "code/a": ""}) / "code"
    assert seen(code) == of_git(code) == []


def test_environments_caches_and_our_own_state_are_no_code(tmp_path: Path) -> None:
    names = [
        "venv/pyvenv.cfg",
        "venv/lib/x.py",
        ".mlops/store/x",
        "__pycache__/x.pyc",
        ".git/config",
        ".ipynb_checkpoints/x",
    ]
    assert seen(tree(tmp_path, dict.fromkeys([*names, "a/__pycache__/y.pyc", "a/b.py", ".hidden"], ""))) == [
        ".hidden",
        "a/b.py",
    ]


def test_documents_and_data_can_be_left_out(tmp_path: Path) -> None:
    folder = tree(tmp_path, dict.fromkeys(["pipeline.yaml", "data/a.csv", "data/b.csv", "x.py"], ""))
    assert list(code_files(folder, without=[folder / "pipeline.yaml", folder / "data"])) == ["x.py"]
    assert list(code_files(folder, without=[folder / "data" / ".." / "x.py"]))[-1] == "pipeline.yaml"


def test_links_count_as_what_they_lead_to_inside_the_code(tmp_path: Path) -> None:
    tree(tmp_path, {"secret": "s", "code/a.py": "a", "code/b/c.py": "c"})
    code = tmp_path / "code"
    (code / "b" / "to-file").symlink_to("../a.py")
    (code / "to-file").symlink_to("b/c.py")
    (code / "out").symlink_to("../secret")
    (code / "absolute").symlink_to(tmp_path / "secret")
    (code / "nowhere").symlink_to("missing")
    (code / "around").symlink_to("around")
    (code / "folder").symlink_to("b")
    assert list(code_files(code)) == ["a.py", "b/c.py", "b/to-file", "to-file"]


def test_a_code_folder_reached_by_a_link_is_the_same_code(tmp_path: Path) -> None:
    tree(tmp_path, {"real/a.py": "a", "real/b.py": "b"})
    (tmp_path / "real" / "link.py").symlink_to("a.py")
    (tmp_path / "code").symlink_to("real")
    assert list(code_files(tmp_path / "code")) == ["a.py", "b.py", "link.py"]


def test_what_is_no_file_is_no_code(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / ".gitignore").mkdir()
    assert list(code_files(tree(tmp_path, {"a.py": ""}))) == ["a.py"]


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        code_files(tmp_path / "missing")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything: run make test as another user")
def test_an_unreadable_folder_is_an_error(tmp_path: Path) -> None:
    folder = tree(tmp_path, {"a/b.py": ""}) / "a"
    folder.chmod(0)
    try:
        with pytest.raises(PermissionError):
            code_files(tmp_path)
    finally:
        folder.chmod(0o755)


@pytest.mark.parametrize(
    ("patterns", "chosen"),
    [
        ([], ["a.py", "lib/b.py", "lib/c.txt"]),
        (["*.py"], ["a.py", "lib/b.py"]),
        (["/*.py"], ["a.py"]),
        (["lib/**"], ["lib/b.py", "lib/c.txt"]),
        (["lib"], ["lib/b.py", "lib/c.txt"]),
        (["lib", "!*.txt"], ["lib/b.py"]),
        (["none.py"], []),
    ],
)
def test_a_stage_may_ask_for_a_part(tmp_path: Path, patterns: list[str], chosen: list[str]) -> None:
    files = code_files(tree(tmp_path, dict.fromkeys(["a.py", "lib/b.py", "lib/c.txt"], "")))
    assert list(included(files, patterns)) == chosen
