"""A rendering that is kept is what would be made now: whatever changes, it is made anew."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlopsctl.cli import renderings
from mlopsctl.cli.renderings import Asked, rendering
from mlopsctl.cli.screen import Screen
from mlopsctl.diagnostics import has_errors
from mlopsctl.render import kept
from mlopsctl.render.files import finished
from mlopsctl.render.kept import Kept
from tests.rendered import EVERYTHING

ENVIRONMENT = "prod"
PACKAGE = Path(kept.__file__).parents[1]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EVERYTHING, tmp_path / "shop"))


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What stands for our own files, as somebody may be working on those while this runs."""
    own = tmp_path / "package"
    own.mkdir()
    (own / "one.py").write_text("1")
    monkeypatch.setattr(kept, "_PACKAGE", own)
    return own


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "renderings"


def made(
    project: Path, *, schemas: tuple[Path, ...] = (), environment: str = ENVIRONMENT, committed: bool = True
) -> Kept:
    asked = Asked(environment=environment, schemas=schemas, is_committed=committed)
    cache = project.parent / "cache"
    return rendering(Screen(environ={"MLOPS_CACHE": str(cache)}), project / "mlops.yaml", asked)


def texts(rendered: Kept) -> list[tuple[str, str]]:
    return list(finished(rendered.pieces, rendered.mark, "3f2c91a"))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def test_what_is_kept_is_what_was_made(project: Path, cache: Path) -> None:
    first, second = made(project), made(project)
    assert not has_errors(first.diagnostics)
    assert len(first.pieces) >= 10
    assert (second.mark, tuple(second.pieces), second.diagnostics) == (first.mark, first.pieces, first.diagnostics)
    assert len(list(cache.iterdir())) == 1
    assert texts(second) == texts(first)


def files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


@pytest.mark.parametrize("file", [path.relative_to(EVERYTHING).as_posix() for path in files(EVERYTHING)])
def test_a_change_of_any_file_is_seen(project: Path, file: str) -> None:
    before = made(project).mark
    path = project / file
    path.write_bytes(path.read_bytes() + b"\n# changed\n")
    assert made(project).mark != before


CHANGES: dict[str, Callable[[Path], object]] = {
    "a new file of code": lambda project: next(project.rglob("*.py")).with_name("new.py").write_text("1\n"),
    "a file of code that can be run": lambda project: next(project.rglob("*.py")).chmod(0o755),
    "a file of code that is gone": lambda project: next(project.rglob("train.py")).unlink(),
    "an ignored file of code": lambda project: (project / "code" / ".gitignore").write_text("features.py\n"),
    "a schema that was pulled": lambda project: (
        (project / "crds" / "v1").mkdir(parents=True),
        (project / "crds" / "v1" / "Thing.json").write_text("{}"),
    ),
    "a repository around it that ignores": lambda project: (
        (project / ".git").mkdir(),
        (project / ".gitignore").write_text("features.py\n"),
    ),
    "a new release": lambda project: shutil.copy(
        next((project / "releases").rglob("*.yaml")), project / "releases" / "prod" / "other.yaml"
    ),
    "a release that is gone": lambda project: next((project / "releases").rglob("*.yaml")).unlink(),
    "a new template": lambda project: (
        (project / "templates" / "argo").mkdir(parents=True, exist_ok=True),
        (project / "templates" / "argo" / "cron-workflow.yaml").write_text("{}\n"),
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_of_what_there_is_is_seen(project: Path, change: Callable[[Path], object]) -> None:
    before = made(project).mark
    change(project)
    assert made(project).mark != before


def test_what_is_asked_for_counts(project: Path, tmp_path: Path) -> None:
    before = made(project).mark
    (tmp_path / "schemas").mkdir()
    with_schemas = made(project, schemas=(tmp_path / "schemas",)).mark
    (tmp_path / "schemas" / "v1").mkdir()
    (tmp_path / "schemas" / "v1" / "Thing.json").write_text("{}")
    others = [
        with_schemas,
        made(project, schemas=(tmp_path / "schemas",)).mark,
        made(project, environment="staging").mark,
        made(project, committed=False).mark,
    ]
    assert len({before, *others}) == 5
    assert made(project).mark == before


def test_another_mlopsctl_makes_it_anew(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = made(project).mark
    monkeypatch.setattr(kept, "__version__", "99.0.0")
    assert made(project).mark != before


def test_another_file_of_ours_makes_it_anew(project: Path, package: Path) -> None:
    before = made(project).mark
    (package / "templates").symlink_to(project / "environments")
    behind_a_link = made(project).mark
    (package / "one.py").write_text("12")
    assert len({before, behind_a_link, made(project).mark}) == 3


def test_our_own_files_are_all_looked_at() -> None:
    looked_at = {line.rsplit(":", 2)[0] for line in kept._own_files()}
    assert any(each.endswith("one.py") for each in looked_at)
    below = {path.relative_to(PACKAGE).as_posix() for path in kept._files_below(PACKAGE)}
    assert {"compiler.py", "templates/argo/stage.yaml", "schemas/v1/pipeline.json"} <= below


@pytest.mark.parametrize("at", [0, 30, 90, 200, -1, -2000])
def test_damage_is_noticed(project: Path, cache: Path, at: int) -> None:
    before = made(project)
    (file,) = cache.iterdir()
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(content)
    after = made(project)
    assert after.mark != before.mark
    assert texts(after) == texts(before)


@pytest.mark.parametrize("length", [0, 10, 85, 86, 3000])
def test_a_part_of_a_file_is_not_taken_for_it(project: Path, cache: Path, length: int) -> None:
    before = made(project)
    (file,) = cache.iterdir()
    file.write_bytes(file.read_bytes()[:length])
    assert made(project).mark != before.mark


def test_errors_are_found_each_time(project: Path, cache: Path) -> None:
    edit(project / "pipeline.yaml", "kind: train", "kind: trian")
    assert has_errors(made(project).diagnostics)
    assert has_errors(made(project).diagnostics)
    assert not cache.exists()


def test_warnings_are_told_each_time(project: Path) -> None:
    edit(project / "pipeline.yaml", "  schedule:", "  notify: {onFailure: [mail:team@example.com]}\n  schedule:")
    first, second = made(project), made(project)
    assert first.diagnostics
    assert (second.mark, second.diagnostics) == (first.mark, first.diagnostics)


def test_what_changes_while_it_is_made_is_not_kept(project: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = project / "pipeline.yaml"
    original = renderings._made

    def slow(screen: Screen, entry: Path, asked: Asked) -> Kept:
        found = original(screen, entry, asked)
        path.write_text(path.read_text("utf-8") + "# later\n", "utf-8")
        return found

    monkeypatch.setattr(renderings, "_made", slow)
    made(project)
    assert not cache.exists()


def test_only_some_are_kept(project: Path, cache: Path) -> None:
    cache.mkdir(parents=True)
    for number in range(20):
        old = cache / f"{number:064}"
        old.touch()
        os.utime(old, (number, number))
    mark = made(project).mark
    assert len(list(cache.iterdir())) == kept.MOST
    assert made(project).mark == mark


def test_a_cache_that_cannot_be_written_is_no_fault(project: Path) -> None:
    (project.parent / "cache").write_text("in the way")
    assert not has_errors(made(project).diagnostics)


def test_another_commit_is_stamped_on_what_is_kept(project: Path) -> None:
    environ = {**os.environ, "MLOPS_CACHE": str(project.parent / "cache")}
    author = ["-c", "user.name=a", "-c", "user.email=a@example.com"]

    def rendered() -> str:
        command = [sys.executable, "-m", "mlopsctl", "render", "-e", ENVIRONMENT]
        return subprocess.run(command, cwd=project, env=environ, check=True, capture_output=True, text=True).stdout

    def committed() -> str:
        subprocess.run(["git", *author, "commit", "-q", "--allow-empty", "-m", "x"], cwd=project, check=True)
        asked = ["git", "rev-parse", "HEAD"]
        return subprocess.run(asked, cwd=project, check=True, capture_output=True, text=True).stdout.strip()

    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    first, before = committed(), rendered()
    second, after = committed(), rendered()
    assert len(list((project.parent / "cache" / "renderings").iterdir())) == 1
    assert before.count(first) > 10
    assert before.replace(first, second).replace(first[:7], second[:7]).replace('"', "") == after.replace('"', "")
