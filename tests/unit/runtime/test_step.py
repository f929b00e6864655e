"""A step: inputs before the command, outputs behind it, and nothing kept of what went wrong."""

import sys
from pathlib import Path

import pytest

from mlopsctl.runtime.process import CannotStart
from mlopsctl.runtime.step import OutputFile, Place, Step, StepResult, perform
from mlopsctl.runtime.stop import Stop
from mlopsctl.store import Artifact, BlobMissing, Store, open_store

OUTPUTS = {
    "MODEL": OutputFile("model", "model.bin"),
    "PLOTS": OutputFile("plots", "deep/plots", optional=True),
}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "store")


@pytest.fixture
def data(store: Store, tmp_path: Path) -> Artifact:
    path = tmp_path / "flights.csv"
    path.write_text("a,b\n")
    return store.put_artifact(path)


def run(store: Store, folder: Path, script: str, *, timeout: float | None = None, **inputs: Artifact) -> StepResult:
    place = Place(folder / "attempt", folder / "attempt" / "code")
    place.code.mkdir(parents=True)
    step = Step(
        argv=("/bin/sh", "-ec", script),
        env={"PATH": "/usr/bin:/bin", "GIVEN": "value"},
        inputs=inputs,
        outputs=OUTPUTS,
        timeout=timeout,
    )
    with Stop() as stop:
        return perform(step, place, store, on_line=lambda _: None, stop=stop)


def test_a_command_finds_its_inputs_and_leaves_its_outputs(store: Store, tmp_path: Path, data: Artifact) -> None:
    result = run(
        store, tmp_path, 'test "$(pwd)" = "${MODEL%/outputs/*}/code"; cp "$DATA" "$MODEL"; echo $GIVEN', DATA=data
    )
    assert result.succeeded
    assert list(result.outputs) == ["model"]
    assert store.get_bytes(result.outputs["model"].digest) == b"a,b\n"
    assert (tmp_path / "attempt" / "log.txt").read_text() == "value\n"


def test_an_input_keeps_its_name_and_so_its_ending(store: Store, tmp_path: Path, data: Artifact) -> None:
    result = run(store, tmp_path, 'basename "$DATA" > "$MODEL"', DATA=data)
    assert store.get_bytes(result.outputs["model"].digest) == b"flights.csv\n"


def test_folders_go_in_and_out(store: Store, tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    (parts / "in").mkdir(parents=True)
    (parts / "in" / "x").write_text("x")
    script = 'mkdir "$PLOTS"; cp -r "$PARTS"/. "$PLOTS"; touch "$MODEL"'
    result = run(store, tmp_path, script, PARTS=store.put_artifact(parts))
    assert sorted(result.outputs) == ["model", "plots"]
    store.fetch_artifact(result.outputs["plots"], tmp_path / "back")
    assert (tmp_path / "back" / "in" / "x").read_text() == "x"


@pytest.mark.parametrize(
    "script", ["true", 'mkdir "$MODEL"', 'ln -s nowhere "$MODEL"'], ids=["nothing", "empty", "to nowhere"]
)
def test_an_output_that_must_be_there_and_is_not(store: Store, tmp_path: Path, script: str) -> None:
    result = run(store, tmp_path, f'{script}; mkdir -p "$PLOTS"; touch "$PLOTS/a"')
    assert not result.succeeded
    assert [output.name for output in result.missing] == ["model"]
    assert result.outputs == {}


def test_of_a_command_that_fails_nothing_is_kept(store: Store, tmp_path: Path) -> None:
    result = run(store, tmp_path, 'touch "$MODEL"; exit 3')
    assert (result.succeeded, result.ending.exit_code, result.outputs) == (False, 3, {})


def test_a_command_that_takes_too_long_has_failed(store: Store, tmp_path: Path) -> None:
    result = run(store, tmp_path, 'touch "$MODEL"; sleep 30', timeout=0.2)
    assert (result.succeeded, result.ending.reason) == (False, "timeout")


def test_a_command_that_writes_to_its_input_has_failed(store: Store, tmp_path: Path, data: Artifact) -> None:
    result = run(store, tmp_path, 'chmod u+w "$DATA"; echo more >> "$DATA"; touch "$MODEL"', DATA=data)
    assert (result.succeeded, result.harmed, result.outputs) == (False, ("DATA",), {})


def test_a_command_that_replaces_its_input_harms_nobody(store: Store, tmp_path: Path, data: Artifact) -> None:
    result = run(store, tmp_path, 'rm -f "$DATA"; echo mine > "$DATA"; cp "$DATA" "$MODEL"', DATA=data)
    assert result.succeeded
    assert store.get_bytes(data.digest) == b"a,b\n"


def test_an_input_that_the_store_has_not_is_an_error(tmp_path: Path, data: Artifact) -> None:
    other = open_store(tmp_path / "other")
    with pytest.raises(BlobMissing):
        run(other, tmp_path, "true", DATA=data)


def test_a_program_that_is_not_there_cannot_start(store: Store, tmp_path: Path) -> None:
    place = Place(tmp_path, tmp_path)
    step = Step(argv=(str(tmp_path / "missing"),), env={}, inputs={}, outputs={})
    with Stop() as stop, pytest.raises(CannotStart):
        perform(step, place, store, on_line=lambda _: None, stop=stop)


def test_what_a_command_prints_is_told_by_line(store: Store, tmp_path: Path) -> None:
    lines: list[str] = []
    step = Step(argv=(sys.executable, "-c", "print('a'); print('b', end='')"), env={}, inputs={}, outputs={})
    with Stop() as stop:
        perform(step, Place(tmp_path, tmp_path), store, on_line=lines.append, stop=stop)
    assert lines == ["a", "b"]
