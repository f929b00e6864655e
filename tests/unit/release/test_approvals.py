"""Who agreed to a release, in real repositories."""

import json
import subprocess
from pathlib import Path

import pytest

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.release.approvals import Agreement, Review, agreement_on, missing, read_reviews

ANN, BOB, CAT = "Ann <ann@example.com>", "Bob <bob@example.com>", "Cat <cat@example.com>"


class Repository:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.release = folder / "releases" / "prod" / "churn.yaml"
        self.release.parent.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit(ANN, "Begin", file="README.md")

    def git(self, *arguments: str) -> str:
        identity = ["-c", "user.name=Merge Bot", "-c", "user.email=bot@example.com", "-c", "commit.gpgsign=false"]
        done = subprocess.run(
            ["git", *identity, *arguments], cwd=self.folder, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self, author: str, message: str, *trailers: str, file: str = "releases/prod/churn.yaml") -> str:
        path = self.folder / file
        path.write_text(f"{path.read_text() if path.exists() else ''}{message}\n")
        self.git("add", "-A")
        text = "\n\n".join(filter(None, (message, "\n".join(trailers))))
        self.git("commit", "--quiet", f"--author={author}", "-m", text)
        return self.git("rev-parse", "HEAD")

    def merge(self, branch: str, *trailers: str) -> str:
        self.git("merge", "--quiet", "--no-ff", branch, "-m", f"Merge {branch}\n\n" + "\n".join(trailers))
        return self.git("rev-parse", "HEAD")

    def agreed(self, review: Review | None = None) -> list[str]:
        return list(agreement_on(self.release, [review] if review else ()).approved)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def test_trailers_of_the_last_change_count(repository: Repository) -> None:
    repository.commit(ANN, "One", f"Approved-by: {CAT}")
    changed = repository.commit(ANN, "Two", f"Approved-by: {BOB}", f"Reviewed-by: {CAT}", f"Signed-off-by: {ANN}")
    repository.commit(BOB, "Something else", "Approved-by: Dan <dan@example.com>", file="README.md")
    found = agreement_on(repository.release)
    assert found == Agreement(commit=changed, authors=(ANN,), approved=(BOB, CAT))
    assert [missing(found, required) for required in (1, 2, 3)] == [0, 0, 1]


def test_nobody_approves_what_they_wrote_and_nobody_counts_twice(repository: Repository) -> None:
    twice = ("Approved-by: Bob <bob@example.com>", "Reviewed-by: Robert <BOB@example.com>")
    repository.commit(ANN, "One", "Approved-by: Ann Again <ANN@example.com>", *twice)
    assert [name.rpartition("<")[2].lower() for name in repository.agreed()] == ["bob@example.com>"]


def test_a_merge_brings_the_trailers_and_authors_of_its_branch(repository: Repository) -> None:
    repository.git("checkout", "--quiet", "-b", "promote")
    repository.commit(ANN, "Release")
    repository.commit(BOB, "Release again", f"Approved-by: {CAT}", f"Approved-by: {ANN}")
    repository.commit(BOB, "Beside it", "Approved-by: Dan <dan@example.com>", file="notes.md")
    repository.git("checkout", "--quiet", "main")
    repository.commit(ANN, "Meanwhile", file="README.md")
    merged = repository.merge("promote", "Reviewed-by: Eve <eve@example.com>")
    found = agreement_on(repository.release)
    assert found.commit == merged
    assert set(found.authors) == {ANN, BOB}
    assert set(found.approved) == {CAT, "Eve <eve@example.com>"}


def test_a_review_of_the_request_counts_and_of_another_does_not(repository: Repository) -> None:
    before = repository.git("rev-parse", "HEAD")
    repository.git("checkout", "--quiet", "-b", "promote")
    last = repository.commit(ANN, "Release")
    repository.git("checkout", "--quiet", "main")
    repository.merge("promote")
    assert repository.agreed() == []
    assert repository.agreed(Review(commit=last, approved=("bob", "ann@example.com"))) == ["bob"]
    with pytest.raises(DiagnosedError) as raised:
        repository.agreed(Review(commit=before, approved=("bob",)))
    assert [found.code for found in raised.value.diagnostics] == ["MLO421"]


def test_nobody_approved_what_is_not_committed(repository: Repository) -> None:
    repository.commit(ANN, "One", f"Approved-by: {BOB}")
    repository.release.write_text("forged\n")
    assert repository.agreed() == []
    assert agreement_on(repository.release).commit == ""


def test_without_git_nobody_approved_anything(tmp_path: Path) -> None:
    (tmp_path / "churn.yaml").write_text("x\n")
    assert agreement_on(tmp_path / "churn.yaml") == Agreement(commit="", authors=(), approved=())


@pytest.mark.parametrize(
    "text", ["", "[1]", "{}", '{"commit": 1, "approved": []}', '{"commit": "a", "approved": "bob"}', "{"]
)
def test_what_is_no_review_is_said(tmp_path: Path, text: str) -> None:
    file = tmp_path / "review.json"
    file.write_text(text)
    with pytest.raises(DiagnosedError) as raised:
        read_reviews(file)
    assert [found.code for found in raised.value.diagnostics] == ["MLO422"]
    with pytest.raises(DiagnosedError, match="No such file"):
        read_reviews(tmp_path / "none.json")


def test_a_review_is_read(tmp_path: Path) -> None:
    file = tmp_path / "review.json"
    file.write_text(json.dumps({"commit": "abc", "approved": ["bob"], "url": "https://example.com/1"}))
    assert read_reviews(file) == (Review(commit="abc", approved=("bob",)),)
    file.write_text(f"[{file.read_text()}]")
    assert read_reviews(file) == (Review(commit="abc", approved=("bob",)),)
    file.write_text("[]")
    assert read_reviews(file) == ()


def test_of_several_reviews_that_of_the_release_counts(repository: Repository) -> None:
    before = repository.git("rev-parse", "HEAD")
    last = repository.commit(ANN, "Release")
    both = [Review(commit=before, approved=("cat",)), Review(commit=last, approved=("bob",))]
    assert agreement_on(repository.release, both).approved == ("bob",)


def test_where_the_history_ends_nobody_can_tell_who_agreed(repository: Repository, tmp_path: Path) -> None:
    repository.commit(ANN, "Release", f"Approved-by: {BOB}")
    clone = tmp_path / "clone"
    repository.git("clone", "--quiet", "--depth", "1", f"file://{repository.folder}", str(clone))
    with pytest.raises(DiagnosedError, match="MLO764"):
        agreement_on(clone / repository.release.relative_to(repository.folder))
