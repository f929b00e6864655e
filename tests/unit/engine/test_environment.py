import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlopsctl.engine.cache import default_cache
from mlopsctl.engine.environment import Environment, EnvironmentFailed, environment_for
from mlopsctl.runtime.stop import Stop

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
SIX = (
    "six==1.17.0"
    " --hash=sha256:4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274"
    " --hash=sha256:ff70335d468e7eb6ec65b95b99d3a2836546063f63acc5171de367e834932a81\n"
)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "requirements.lock"
    path.write_text(SIX)
    return path


def make(lock: Path | None, cache: Path, python: str | None = None) -> Environment:
    return environment_for(lock, python=python, cache=cache, on_line=lambda _: None)


def six_version(environment: Environment) -> str:
    ask = [environment.python, "-c", "import six; print(six.__version__)"]
    return subprocess.run(ask, check=True, capture_output=True, text=True).stdout.strip()


def test_the_locked_packages_are_installed_once(lock: Path, cache: Path) -> None:
    first = make(lock, cache)
    assert first.created
    assert six_version(first) == "1.17.0"
    again = make(lock, cache)
    assert not again.created
    assert again.python == first.python == cache / "environments" / first.digest / "bin" / "python"


def test_each_lock_and_python_has_its_own(lock: Path, cache: Path) -> None:
    bare, locked = make(None, cache), make(lock, cache)
    assert bare.digest != locked.digest
    assert make(lock, cache, VERSION).digest == locked.digest
    lock.write_text(SIX + "# changed\n")
    assert make(lock, cache).created


def test_without_a_lock_there_are_no_packages(cache: Path) -> None:
    environment = make(None, cache, VERSION)
    listed = subprocess.run([environment.python, "-c", "import six"], check=False, capture_output=True, text=True)
    assert "No module named 'six'" in listed.stderr


def test_relative_paths_are_those_of_the_caller(lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    environment = make(Path(lock.name), Path("cache"))
    assert environment.python.is_absolute()
    assert six_version(environment) == "1.17.0"


def test_settings_for_another_environment_are_not_followed(
    cache: Path, lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_SYSTEM_PYTHON", "1")
    monkeypatch.setenv("UV_MANAGED_PYTHON", "1")
    monkeypatch.setenv("VIRTUAL_ENV", "/nowhere")
    assert six_version(make(lock, cache)) == "1.17.0"


def test_finding_it_starts_nothing_and_loads_no_uv(lock: Path, cache: Path) -> None:
    make(lock, cache)
    lock.touch()
    script = f"""
import sys; from pathlib import Path
started = []
sys.addaudithook(lambda event, _: event in ("subprocess.Popen", "os.posix_spawn", "os.fork") and started.append(event))
from mlopsctl.engine.environment import environment_for
environment_for(Path({str(lock)!r}), python=None, cache=Path({str(cache)!r}), on_line=print)
print("uv" in sys.modules, started)
"""
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout == "False []\n"


def test_use_is_recorded(lock: Path, cache: Path) -> None:
    marker = make(lock, cache).python.parents[1] / ".complete"
    os.utime(marker, (0, 0))
    make(lock, cache)
    assert time.time() - marker.stat().st_mtime < 60


def test_a_broken_interpreter_is_repaired(lock: Path, cache: Path) -> None:
    environment = make(lock, cache)
    environment.python.unlink()
    environment.python.symlink_to("/no/such/python")
    assert make(lock, cache).created
    assert six_version(environment) == "1.17.0"


def in_another_process(lock: Path, cache: Path) -> subprocess.Popen[str]:
    script = f"""
from pathlib import Path; from mlopsctl.engine.environment import environment_for
made = environment_for(Path({str(lock)!r}), python=None, cache=Path({str(cache)!r}), on_line=lambda line: None)
print(made.created)
"""
    return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)


def test_of_two_at_once_one_installs_and_the_other_waits(lock: Path, cache: Path) -> None:
    both = [in_another_process(lock, cache) for _ in range(2)]
    assert sorted(process.communicate(timeout=60)[0] for process in both) == ["False\n", "True\n"]


def test_a_killed_installation_is_repaired(lock: Path, cache: Path) -> None:
    with in_another_process(lock, cache) as process:
        deadline = time.monotonic() + 30
        while not list(cache.glob("environments/*/pyvenv.cfg")) and time.monotonic() < deadline:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
    (folder,) = (path for path in (cache / "environments").iterdir() if path.is_dir())
    assert not (folder / ".complete").exists()
    environment = make(lock, cache)
    assert environment.created
    assert six_version(environment) == "1.17.0"


@pytest.mark.parametrize(
    ("requirements", "said", "hint"),
    [
        pytest.param(
            "no-such-package-of-ours==1.0\n",
            "no-such-package-of-ours was not found",
            "correct the name or the version",
            id="unknown package",
        ),
        pytest.param("six==99.0\n", "no version of six==99.0", "correct the name or the version", id="unknown version"),
        pytest.param(
            f"six==1.17.0 --hash=sha256:{'0' * 64}\n", "Hash mismatch", "the index has other files", id="other bytes"
        ),
        pytest.param(SIX + "attrs==25.1.0\n", "--require-hashes", "lock the requirements again", id="a hash missing"),
        pytest.param("not a requirement !!\n", "Couldn't parse", "correct that line", id="not a requirement"),
    ],
)
def test_what_cannot_be_installed_says_why(*, lock: Path, cache: Path, requirements: str, said: str, hint: str) -> None:
    lock.write_text(requirements)
    with pytest.raises(EnvironmentFailed) as caught:
        make(lock, cache)
    assert caught.value.message == "cannot install `requirements.lock`"
    assert said in "\n".join(caught.value.output_tail)
    assert caught.value.hint.startswith(hint)


def test_a_python_that_is_not_there_is_not_fetched(cache: Path) -> None:
    with pytest.raises(EnvironmentFailed) as caught:
        make(None, cache, "3.99")
    assert caught.value.message == "no environment for Python 3.99"
    assert caught.value.hint.startswith("install that Python")


def test_an_index_that_does_not_answer_is_told_apart(lock: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_NO_CACHE", "1")
    with pytest.raises(EnvironmentFailed) as caught:
        make(lock, cache)
    assert caught.value.hint.startswith("the package index can't be reached")


def test_a_cache_that_cannot_be_written_says_so(lock: Path) -> None:
    with pytest.raises(EnvironmentFailed, match="cannot make the Python environment in `/proc/nowhere`"):
        make(lock, Path("/proc/nowhere"))


def test_it_can_be_stopped(lock: Path, cache: Path) -> None:
    with Stop() as stop:
        stop.set()
        with pytest.raises(EnvironmentFailed, match="stopped"):
            environment_for(lock, python=None, cache=cache, on_line=lambda _: None, stop=stop)
    assert make(lock, cache).created


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        pytest.param({"MLOPS_CACHE": "/a", "XDG_CACHE_HOME": "/b"}, Path("/a"), id="ours first"),
        pytest.param({"XDG_CACHE_HOME": "/b"}, Path("/b/mlopsctl"), id="the user's"),
        pytest.param({"XDG_CACHE_HOME": "relative"}, Path.home() / ".cache/mlopsctl", id="a relative one is ignored"),
        pytest.param({}, Path.home() / ".cache/mlopsctl", id="neither"),
    ],
)
def test_where_the_cache_is(environ: dict[str, str], folder: Path) -> None:
    assert default_cache(environ) == folder
