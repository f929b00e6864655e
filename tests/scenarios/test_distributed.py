"""Trainings that are distributed, on this machine: processes that find each other, and fail together."""

import pytest

from tests.scenarios.project import Project

# Each but the first sends its number to it. What `outside` asks for is done at the end.
TRAIN = """
    import os, pathlib, socket, sys, time

    outside, model = pathlib.Path(os.environ["OUTSIDE"]), pathlib.Path(sys.argv[1])
    rank, count = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    first = (os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]))
    print("began as", rank, flush=True)
    if rank == 0:
        with socket.create_server(first) as server:
            numbers = [server.accept()[0].recv(9).decode() for _ in range(count - 1)]
        model.write_text(" ".join(sorted(numbers)))
    else:
        while True:
            try:
                with socket.create_connection(first) as peer:
                    peer.sendall(str(rank).encode())
                break
            except OSError:
                time.sleep(0.05)
        model.write_text("not mine to make")
    fails = outside / "fails"
    if fails.exists():
        if rank == 1:
            fails.unlink()
            sys.exit(3)
        time.sleep(3600)
    """
PIPELINE = """
    stages:
      model:
        kind: train
        outputs: {model: model}
        run: python train.py ${outputs.model}
        distributed: {nodes: 3}
    """


@pytest.fixture
def gang(project: Project) -> Project:
    project.write("train.py", TRAIN)
    project.pipeline(PIPELINE)
    return project


def test_ranks_meet_and_the_first_makes_the_model(gang: Project) -> None:
    said = gang.run("--verbose")
    assert {f"{rank} │ began as {rank}" for rank in range(3)} <= {
        line.partition("model │ ")[2] for line in said.out.splitlines()
    }, said.out
    assert "Left out" not in said.out
    gang.blob_with(b"1 2")
    assert b"not mine to make" not in {blob.read_bytes() for blob in gang.blobs()}
    log = gang.mlopsctl("logs", "latest", "model").out.splitlines()
    assert log == [f"{rank} │ began as {rank}" for rank in range(3)]


def test_what_many_made_is_not_what_one_would_make(gang: Project) -> None:
    gang.run()
    assert gang.outcomes() == {"model": "done"}
    gang.pipeline(PIPELINE.replace("nodes: 3", "nodes: 2"))
    assert "2 nodes instead of 3" in gang.run().out
    gang.pipeline(PIPELINE.replace("nodes: 3", "nodes: 3, queue: any"))
    gang.run()
    assert gang.outcomes() == {"model": "cached"}


def test_when_one_fails_all_end_and_begin_again(gang: Project) -> None:
    (gang.outside / "fails").touch()
    failed = gang.run(code=1)
    assert "error[MLO801]: the command of `model` failed with exit code 3" in failed.err
    assert "rank 1 of 3" in failed.err
    (gang.outside / "fails").touch()
    gang.pipeline(f"{PIPELINE.rstrip()}\n        retries: {{limit: 1, backoff: 0s}}\n")
    again = gang.run()
    assert "retry 1 of 1" in again.out
    gang.blob_with(b"1 2")
