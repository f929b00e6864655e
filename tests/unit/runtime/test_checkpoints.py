"""State of a command is kept whole or not at all, and nothing that goes wrong with it fails the command."""

import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from mlopsctl.runtime.checkpoints import Checkpoint, Keeper, forget, restore, saved
from mlopsctl.runtime.process import Ending
from mlopsctl.store import Store, open_store
from tests.waiting import until

KEY = "1" * 64
CHECKPOINT = Checkpoint(key=KEY, run="01M7YTAQAPR31N2R2Q7Z7C0V5T", path="state", every=0.1)
ENDED = Ending(
    exit_code=1, signal=None, reason="exited", seconds=1.0, last_lines=(), log_bytes=0, truncated=False, peak_memory=0
)
KILLED = replace(ENDED, exit_code=None, signal=9)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "store")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    return tmp_path / "state"


def nothing(line: str) -> None:
    raise AssertionError(line)


def kept(store: Store, tmp_path: Path, checkpoint: Checkpoint = CHECKPOINT) -> dict[str, str]:
    """What the next attempt finds, whose code has a file in that folder, too."""
    found = tmp_path / os.urandom(4).hex() / "state"
    found.mkdir(parents=True)
    (found / "of the code").touch()
    restore(checkpoint, store, found, nothing)
    files = {path.relative_to(found).as_posix(): path for path in found.rglob("*") if path.is_file()}
    assert "of the code" not in files or list(files) == ["of the code"]
    for file in files.values():
        file.open("a").close()  # each may be written to
    return {name: path.read_text() for name, path in files.items() if name != "of the code"}


def test_state_is_kept_while_the_command_runs(store: Store, folder: Path, tmp_path: Path) -> None:
    with Keeper(CHECKPOINT, store, folder, nothing).running():
        for number in ("1", "2"):
            (folder / "below").mkdir(exist_ok=True)
            (folder / "below" / "epoch").write_text(number)
            expected = {"below/epoch": number}
            until(lambda expected=expected: kept(store, tmp_path) == expected)  # type: ignore[misc]  # defaults have no types


def test_no_copy_is_of_files_that_are_being_written(store: Store, folder: Path, tmp_path: Path) -> None:
    """A command that is always writing is never kept, and one whose two files belong together is kept with both."""
    done = threading.Event()

    def write() -> None:
        number = 0
        while not done.wait(0.02):
            number += 1
            for name in ("model", "optimizer"):
                (folder / name).write_text(str(number))

    thread = threading.Thread(target=write)
    with Keeper(CHECKPOINT, store, folder, nothing).running():
        thread.start()
        time.sleep(3)
        assert saved(CHECKPOINT, store) is None
        done.set()
        thread.join()
        until(lambda: saved(CHECKPOINT, store) is not None)
    found = kept(store, tmp_path)
    assert found["model"] == found["optimizer"] == (folder / "model").read_text()


@pytest.mark.parametrize(
    ("ending", "seconds_ago", "expected"),
    [
        (ENDED, 0, {"epoch": "1"}),
        (KILLED, 5, {"epoch": "1"}),
        (KILLED, 0, {}),
        (replace(ENDED, exit_code=137), 0, {}),
        (replace(ENDED, exit_code=143), 0, {}),
    ],
)
def test_what_a_command_left_is_kept_unless_it_was_killed_while_writing(
    store: Store, tmp_path: Path, ending: Ending, seconds_ago: int, expected: dict[str, str]
) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    keeper = Keeper(CHECKPOINT, store, folder, nothing)
    (folder / "epoch").write_text("1")
    os.utime(folder / "epoch", (time.time() - seconds_ago,) * 2)
    keeper.at_end(ending)
    assert kept(store, tmp_path) == expected


def test_a_result_that_is_asked_for_anew_begins_from_the_start(store: Store, folder: Path, tmp_path: Path) -> None:
    keeper = Keeper(CHECKPOINT, store, folder, nothing)
    (folder / "epoch").write_text("1")
    keeper.at_end(ENDED)
    anew = replace(CHECKPOINT, anew=True)
    assert kept(store, tmp_path, anew) == {"epoch": "1"}, "its own state counts, whichever attempt it is"
    assert kept(store, tmp_path, replace(anew, run="another")) == {}
    assert kept(store, tmp_path, replace(CHECKPOINT, run="another")) == {"epoch": "1"}
    forget(CHECKPOINT, store)
    assert kept(store, tmp_path) == {}


def test_a_store_that_is_away_is_said_and_costs_time_alone(store: Store, folder: Path, tmp_path: Path) -> None:
    said: list[str] = []
    keeper = Keeper(CHECKPOINT, store, folder, said.append)
    (folder / "epoch").write_text("1")
    keeper.at_end(ENDED)
    for blob in (tmp_path / "store" / "blobs").rglob("*"):
        if blob.is_file():
            blob.unlink()
    restore(CHECKPOINT, store, tmp_path / "next" / "state", said.append)
    assert list((tmp_path / "next" / "state").iterdir()) == []
    (tmp_path / "file").write_text("")
    Keeper(CHECKPOINT, open_store(tmp_path / "file"), tmp_path / "next" / "state", said.append).at_end(ENDED)
    broken = Keeper(CHECKPOINT, open_store(tmp_path / "file"), folder, said.append)
    (folder / "epoch").write_text("2")
    broken.at_end(ENDED)
    assert [line.partition(": ")[2].partition(":")[0] for line in said] == [
        "begins from the start, as the checkpoint can't be had",
        "the checkpoint was not kept",
    ]
