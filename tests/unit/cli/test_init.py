"""`init` as its users have it: with a terminal or without, in folders of all kinds."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from mlopsctl.compiler import check_everywhere
from mlopsctl.source.project import Sources, find_root, load

COMMAND = (sys.executable, "-m", "mlopsctl", "init")
ENVIRON = {"PATH": os.defpath, "LANG": "C.UTF-8", "COLUMNS": "100"}


def init(*arguments: str, cwd: Path, code: int = 0, through: tuple[str, ...] = ()) -> tuple[str, str]:
    """What the command prints, with nothing to read on its standard input."""
    ended = subprocess.run(
        [*through, *COMMAND, *arguments],
        cwd=cwd,
        env=ENVIRON,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in ended.stderr
    assert ended.returncode == code, ended.stderr
    return ended.stdout, ended.stderr


def tree(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def sources(folder: Path) -> Sources:
    return load(find_root(folder))


def test_what_it_says_of_a_new_folder(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    out, err = init("my models", cwd=tmp_path)
    assert out == snapshot
    assert err == ""


def test_what_it_says_of_the_folder_it_is_in(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    assert init("--name", "stopping", "--ci", "none", cwd=tmp_path)[0] == snapshot


def test_quietly(tmp_path: Path) -> None:
    before = (sys.executable, "-m", "mlopsctl", "--quiet", "init")
    said = subprocess.check_output(before, cwd=tmp_path, env=ENVIRON, stdin=subprocess.DEVNULL, timeout=60)
    assert said == b""
    assert (tmp_path / "mlops.yaml").is_file()


FOLDERS = {
    "spaces-and-capitals": ("My Churn Model", "my-churn-model"),
    "unicode": ("Prévisions d'été 日本", "previsions-d-ete"),
    "no-latin-letters": ("日本語", "pipeline"),
    "leading-digit": ("2024 churn", "ml-2024-churn"),
    "eighty-characters": ("a" * 80, "a" * 40),
    "yaml-and-shell": ("a: b # $(c) [[ d ]] 'e\"", "a-b-c-d-e"),
    "line-break": ("a\nb", "a-b"),
    "hyphen-first": ("./-x", "x"),
    "to-be-made": ("some/where/deep", "deep"),
    "where-it-is": (".", "here"),
}


@pytest.mark.parametrize("ci", ["github", "gitlab", "none"])
@pytest.mark.parametrize(("folder", "name"), FOLDERS.values(), ids=FOLDERS)
def test_nothing_is_wrong_with_what_it_writes(folder: str, name: str, ci: str, tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    init(folder, "--ci", ci, cwd=here)
    found = sources(here / folder)
    assert (found.name, [pipeline.name for pipeline in found.pipelines]) == (name, [name])
    assert [environment.name for environment in found.environments] == ["staging"]
    assert check_everywhere(found) == ()


@pytest.mark.parametrize("name", ["a" * 40, "no", "null", "x1"])
def test_nothing_is_wrong_with_a_name_that_is_given(name: str, tmp_path: Path) -> None:
    init("--name", name, cwd=tmp_path)
    assert sources(tmp_path).name == name
    assert check_everywhere(sources(tmp_path)) == ()


@pytest.mark.parametrize(
    "name", ['"; rm -rf / #', "", "Churn", "1st", "a-", "a\n", "a\x1b[2J", "../up", "a" * 41, "[[ name ]]"], ids=repr
)
def test_a_name_that_is_none_is_refused_in_the_rules_words(name: str, tmp_path: Path) -> None:
    _, err = init("--name", name, cwd=tmp_path, code=64)
    assert "expected a lowercase name such as `flight-delays`: letters, digits and `-`, at most 40 characters" in err
    assert repr(name) in err
    assert tree(tmp_path) == set()


def test_existing_files_are_listed_and_kept(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    (tmp_path / "README.md").write_text("mine")
    (tmp_path / ".gitignore").write_text("mine")
    before = tree(tmp_path)
    out, err = init(cwd=tmp_path, code=1)
    assert out == ""
    assert err.replace(str(tmp_path), "HERE") == snapshot
    assert tree(tmp_path) == before
    assert (tmp_path / "README.md").read_text() == "mine"


def test_a_second_time_is_refused(tmp_path: Path) -> None:
    init("churn", cwd=tmp_path)
    before = tree(tmp_path)
    assert "14 files are in the way" in init("churn", cwd=tmp_path, code=1)[1]
    assert tree(tmp_path) == before


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "churn").write_text("mine")
    assert f"`{tmp_path / 'churn'}` is in the way" in init("churn", cwd=tmp_path, code=1)[1]


def test_a_link_that_leads_to_itself(tmp_path: Path) -> None:
    (tmp_path / "churn").symlink_to("churn")
    assert "is in the way" in init("churn", cwd=tmp_path, code=1)[1]


def test_a_name_that_no_folder_can_have(tmp_path: Path) -> None:
    assert "File name too long" in init("a" * 300, cwd=tmp_path, code=1)[1]
    assert tree(tmp_path) == set()


# Root writes everywhere, but for a capability that it can do without.
AS_ANYBODY = ("setpriv", "--bounding-set=-all", "--inh-caps=-all") if os.geteuid() == 0 else ()


@pytest.mark.parametrize("folder", [".", "new"])
def test_a_folder_that_is_read_only(folder: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    _, err = init(folder, cwd=tmp_path, code=1, through=AS_ANYBODY)
    tmp_path.chmod(0o755)
    assert f"MLO020]: no project can be written to `{tmp_path / folder}`: Permission denied" in err
    assert tree(tmp_path) == set()


@pytest.mark.parametrize(("folder", "has_ci"), [(".", True), ("models", False)], ids=["root", "below"])
def test_in_a_repository_ci_is_for_its_root(folder: str, tmp_path: Path, *, has_ci: bool) -> None:
    (tmp_path / ".git").mkdir()
    init(folder, cwd=tmp_path)
    assert (tmp_path / folder / ".github").exists() == has_ci


class Session:
    """The command on a terminal of its own, and the one who types there."""

    def __init__(self, process: subprocess.Popen[bytes], keyboard: int) -> None:
        self.process = process
        self.keyboard = keyboard
        self.seen = ""

    def shows(self, text: str, *, within: float = 30.0) -> bool:
        """Whether the terminal shows the text in time, in seconds, after what was waited for before."""
        deadline = time.monotonic() + within
        while text not in self.seen:
            ready, _, _ = select.select([self.keyboard], [], [], max(deadline - time.monotonic(), 0))
            if not ready:
                return False
            self.seen += os.read(self.keyboard, 4096).decode()
        self.seen = self.seen.partition(text)[2]
        return True

    def reads(self, text: str) -> None:
        assert self.shows(text), f"waiting for {text!r}, seen {self.seen!r}"

    def insists(self, key: str, text: str) -> None:
        """Press the key until the text is shown.

        A signal that comes in the instant between the prompt and the wait for an answer is only seen with the next.
        """
        assert any(self.types(key) or self.shows(text, within=2) for _ in range(5)), self.seen

    def types(self, text: str) -> None:
        os.write(self.keyboard, text.encode())

    def ends(self, code: int) -> None:
        assert self.process.wait(30) == code


@contextmanager
def terminal(folder: Path, *arguments: str, stdout: int | None = None) -> Iterator[Session]:
    keyboard, screen = pty.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", *COMMAND, *arguments],  # a terminal of its own, so that Ctrl-C is a signal
        cwd=folder,
        env=ENVIRON | {"TERM": "xterm"},
        stdin=screen,
        stdout=screen if stdout is None else stdout,
        stderr=screen,
    )
    try:
        yield Session(process, keyboard)
    finally:
        process.kill()
        process.wait()
        os.close(screen)
        os.close(keyboard)


def test_answers_on_a_terminal(tmp_path: Path) -> None:
    with terminal(tmp_path, "My Models") as session:
        session.reads("Name of the project [my-models]: ")
        session.types("Not A Name\n")
        session.reads("'Not A Name' can't be a name: expected a lowercase name")
        session.reads("Name of the project [my-models]: ")
        session.types("churn\n")
        session.reads("CI file (github, gitlab, none) [github]: ")
        session.types("jenkins\n")
        session.reads("'jenkins' is none of github, gitlab, none")
        session.types("gitlab\n")
        session.ends(0)
    assert sources(tmp_path / "My Models").name == "churn"
    assert (tmp_path / "My Models" / ".gitlab-ci.yml").is_file()


def test_enter_takes_what_is_usual(tmp_path: Path) -> None:
    with terminal(tmp_path, "churn") as session:
        session.reads("Name of the project [churn]: ")
        session.types("\n")
        session.reads("[github]: ")
        session.types("\n")
        session.ends(0)
    assert sources(tmp_path / "churn").name == "churn"
    assert (tmp_path / "churn" / ".github").is_dir()


def test_no_question_where_it_would_land_in_a_file(tmp_path: Path) -> None:
    with terminal(tmp_path, "churn", stdout=subprocess.DEVNULL) as session:
        session.ends(0)
    assert sources(tmp_path / "churn").name == "churn"


def test_what_is_given_is_not_asked(tmp_path: Path) -> None:
    with terminal(tmp_path, "--name", "churn", "--ci", "none") as session:
        session.ends(0)
    assert sources(tmp_path).name == "churn"


@pytest.mark.parametrize("key", ["\x03", "\x04"], ids=["ctrl-c", "ctrl-d"])
@pytest.mark.parametrize("answers", ["", "\n"], ids=["first-question", "second-question"])
def test_giving_up_leaves_nothing(answers: str, key: str, tmp_path: Path) -> None:
    with terminal(tmp_path, "churn") as session:
        for answer in answers:
            session.reads("]: ")
            session.types(answer)
        session.reads("]: ")
        session.insists(key, "interrupted")
        session.ends(130)
    assert tree(tmp_path) == set()


def test_the_terminal_may_go_away(tmp_path: Path) -> None:
    with terminal(tmp_path, "churn") as session:
        session.reads("]: ")
        session.process.send_signal(signal.SIGHUP)
        session.ends(-signal.SIGHUP)
    assert tree(tmp_path) == set()
