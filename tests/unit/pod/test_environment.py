"""What one pod has installed the others unpack: the same packages, without an index and in a fraction of the time."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.unit.pod.pods import Pods

SIX = (
    "six==1.17.0"
    " --hash=sha256:4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274"
    " --hash=sha256:ff70335d468e7eb6ec65b95b99d3a2836546063f63acc5171de367e834932a81\n"
)
SPEC = """\
code: {requirements: requirements.lock}
params: {turn: 1}
stages:
  six: {kind: task, run: "echo ${params.turn}; python -c 'import six; print(six.__version__, six.__cached__)'"}
"""
OFFLINE = {"UV_OFFLINE": "1", "UV_NO_CACHE": "1"}


def turn(number: int) -> str:
    return f'[{{"name": "turn", "value": "{number}"}}]'


@pytest.fixture
def pods(tmp_path: Path) -> Pods:
    """A pod has installed the packages, and its folders are gone."""
    found = Pods(tmp_path)
    found.write("requirements.lock", SIX)
    found.applied(SPEC)
    assert "1.17.0" in found.stage("six").out
    shutil.rmtree(tmp_path / "cache")
    return found


def packed(pods: Pods) -> Path:
    """The blob of the packed environment."""
    (name,) = (pods.folder / "store" / "pointers" / "environments").glob("*.json")
    pointer = pods.store.read_pointer(f"environments/{name.stem}")
    assert pointer is not None
    digest = pointer.value["blob"].removeprefix("sha256:")
    return pods.folder / "store" / "blobs" / "sha256" / digest[:2] / digest[2:]


def test_the_next_pod_needs_no_index(pods: Pods) -> None:
    again = pods.stage("six", MLOPS_GIVEN=turn(2), **OFFLINE).out
    assert "1.17.0" in again
    assert "Installed" not in again
    assert "Creating virtual environment" not in again
    (compiled,) = (word for word in again.split() if word.endswith(".pyc"))
    assert Path(compiled).is_file()


def test_pods_that_share_a_cache_unpack_once(pods: Pods) -> None:
    """On a volume of a node, say: what one of them brings is there for the others, who wait for it."""
    with ThreadPoolExecutor() as pool:
        said = list(pool.map(lambda number: pods.stage("six", MLOPS_GIVEN=turn(number), **OFFLINE).out, (2, 3, 4)))
    assert all("1.17.0" in each and "made anew" not in each for each in said), said
    (kept,) = (each for each in (pods.folder / "cache" / "environments").iterdir() if each.is_dir())
    assert not list(kept.parent.glob("*.part")) + list(kept.parent.glob("*.tar"))


def test_a_system_without_tar_will_do(tmp_path: Path) -> None:
    """Python's own does the same, and finds a system's interpreter by its name."""
    pods = Pods(tmp_path)
    pods.write("requirements.lock", SIX)
    pods.applied(SPEC)
    bare = tmp_path / "bin"
    bare.mkdir()
    for program in ("sh", "cat", "kill"):
        (bare / program).symlink_to(str(shutil.which(program)))
    assert "1.17.0" in pods.stage("six", PATH=str(bare)).out
    shutil.rmtree(tmp_path / "cache")
    assert "1.17.0" in pods.stage("six", MLOPS_GIVEN=turn(2), PATH=str(bare), **OFFLINE).out


@pytest.mark.parametrize("content", [b"", b"no archive"])
def test_a_damaged_one_is_made_anew(pods: Pods, content: bytes) -> None:
    blob = packed(pods)
    blob.chmod(0o644)
    blob.write_bytes(content)
    again = pods.stage("six", MLOPS_GIVEN=turn(2)).out
    assert "the packed environment can't be used, so it is made anew" in again
    assert "1.17.0" in again


def test_what_can_not_be_installed_says_why(pods: Pods) -> None:
    pods.write("requirements.lock", SIX.replace("1.17.0", "0.0.1"))
    pods.applied(SPEC)
    failed = pods.stage("six", code=1, **OFFLINE)
    assert "error[MLO805]: cannot install `requirements.lock`" in failed.err


def test_without_its_lock_file_nothing_runs(pods: Pods) -> None:
    pods.damage(SIX.encode())
    assert "error[MLO901]" in pods.stage("six", code=1, MLOPS_GIVEN=turn(2)).err
