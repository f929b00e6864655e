"""What goes wrong around mlopsctl: damaged stores, full disks, servers that fail, odd surroundings."""

import json
import resource
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.scenarios.project import MLOPSCTL, Project, ended

PIPELINE = """
    stages:
      numbers: {kind: data, run: "echo data >> $OUTSIDE/ran; echo one > ${outputs.data}"}
      model:
        kind: train
        inputs: {numbers: numbers}
        outputs: {model: model}
        run: echo model >> $OUTSIDE/ran; cat ${inputs.numbers} ${inputs.numbers} > ${outputs.model}
    """


@pytest.fixture
def two(project: Project) -> Project:
    project.pipeline(PIPELINE)
    return project


@pytest.mark.parametrize("harm", ["flipped", "truncated", "deleted"])
def test_a_damaged_blob_is_noticed_and_made_again(two: Project, harm: str) -> None:
    two.run()
    two.ran()
    blob = two.blob_with(b"one\n")
    blob.unlink()
    if harm != "deleted":
        blob.write_bytes(b"eno\n" if harm == "flipped" else b"on")
    said = two.run()
    assert "its earlier result is no longer whole" in said.out
    assert two.ran() == ["data"]
    assert two.blob_with(b"one\n")
    assert two.blob_with(b"one\none\n")


@pytest.mark.parametrize("edited", ["{", "[]", '{"version": 1}', ""], ids=["cut", "list", "other", "empty"])
def test_a_record_that_someone_edited_is_no_result(two: Project, edited: str) -> None:
    two.run()
    two.ran()
    for record in (two.folder / ".mlops/store/records/stages").glob("*.json"):
        if '"model"' in record.read_text():
            record.write_text(edited)
    assert "its earlier result is no longer whole" in two.run().out
    assert two.ran() == ["model"]
    assert "2 of 2 stages from cache" in two.run().out


def test_runs_recorded_by_a_clock_that_was_ahead(two: Project) -> None:
    two.run()
    (record,) = (two.folder / ".mlops/store/records/runs").glob("*.json")
    future = json.loads(record.read_text()) | {"run": "7" + record.stem[1:], "started": "2399-01-01T00:00:00+00:00"}
    record.with_stem(future["run"]).write_text(json.dumps(future))
    two.run()
    listed = two.mlopsctl("runs", "list").out.splitlines()
    assert len(listed) == 4
    assert "2399-01-01" in listed[1]


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("folder", "error[MLO003]"),
        ("dangling", "error[MLO003]"),
        ("latin", "error[MLO102]"),
        ("yaml", "error[MLO101]"),
    ],
)
def test_a_pipeline_that_can_not_be_read(two: Project, kind: str, sentence: str) -> None:
    file = two.folder / "pipeline.yaml"
    text = file.read_bytes()
    file.unlink()
    match kind:
        case "folder":
            file.mkdir()
        case "dangling":
            file.symlink_to("nowhere.yaml")
        case "latin":
            file.write_bytes(text.replace(b"one", b"\xe9"))
        case _:
            file.write_bytes(text + b"  : [")
    said = two.run(code=1)
    assert sentence in said.err


def test_a_full_disk(two: Project) -> None:
    """No file may grow beyond a few kilobytes, which the kernel refuses as it refuses to fill a disk."""
    two.run()  # the environment is there
    two.pipeline(PIPELINE.replace("echo one", "seq 1 9999"))

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    process = two.start("run", preexec_fn=little_room)
    said = ended(process, 1)
    assert "error[MLO" in said.err
    assert list((two.folder / ".mlops/store/tmp").iterdir()) == []
    two.run()


@contextmanager
def failing_server(status: int) -> Iterator[str]:
    """A server that answers everything with one status."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_HEAD = do_PUT = do_POST = answer  # noqa: N815  # as http.server looks for them

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "sentence"), [(500, "the server answers 500"), (403, "the server answers 403"), (503, "answers 503")]
)
def test_a_store_that_fails(two: Project, status: int, sentence: str) -> None:
    with failing_server(status) as endpoint:
        aws = {"AWS_ENDPOINT_URL": endpoint, "AWS_REGION": "x", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
        begun = time.monotonic()
        said = two.run("--store", "s3://bucket/prefix", code=1, environ=aws)
    assert "error[MLO901]" in said.err
    assert sentence in said.err
    assert time.monotonic() - begun < 60
    assert two.ran() == []


def test_an_address_of_no_store(two: Project) -> None:
    assert "is not the address of a store" in two.run("--store", "ftp://host/store", code=1).err


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("{requirements: nothing.lock}", "error[MLO341]"),
        ('{python: "3.4"}', "error[MLO"),
        ("{requirements: bad.lock}", "error[MLO805]: cannot install `bad.lock`"),
    ],
    ids=["no-lock", "no-python", "no-sense"],
)
def test_an_environment_that_can_not_be_made(two: Project, code: str, sentence: str) -> None:
    two.write("bad.lock", "this is == not a requirement\n")
    two.pipeline(f"code: {code}\n" + PIPELINE.replace("\n    ", "\n"))
    assert sentence in two.run(code=1).err
    assert two.ran() == []


def test_a_reader_that_has_enough(two: Project) -> None:
    two.run()
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; '{MLOPSCTL}' runs list | true; '{MLOPSCTL}' schema | head -1"],
        cwd=two.folder,
        env=two.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("command", [["run"], ["runs", "list"], ["validate"], ["--version"]], ids=" ".join)
@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-", "< /dev/null > /dev/full"], ids=["out", "both", "full"])
def test_output_that_goes_nowhere(two: Project, command: list[str], closed: str) -> None:
    script = f'"$@" {closed}'
    done = subprocess.run(
        ["bash", "-c", script, "bash", MLOPSCTL, *command],
        cwd=two.folder,
        env=two.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert done.returncode in ((1,) if "full" in closed else (0, 1))
    assert "MLO999" not in done.stderr


@pytest.mark.parametrize("environ", [{"LANG": "C", "LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}], ids=["C", "ascii"])
def test_a_terminal_that_knows_no_unicode(two: Project, environ: dict[str, str]) -> None:
    two.run(environ=environ)
    two.pipeline("stages: {}\n")
    assert "pipeline.yaml" in two.run(code=1, environ=environ).err


def test_no_home_and_almost_no_environment(two: Project) -> None:
    bare = {name: two.environ[name] for name in ("MLOPS_CACHE", "OUTSIDE")}
    process = two.start("run", env=bare)
    assert "✓ model" in ended(process, 0).out


def test_a_project_that_can_not_be_written_to(two: Project) -> None:
    mounted = subprocess.run(
        ["unshare", "--mount", "--map-root-user", "true"], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no private mounts here ({mounted.stderr.strip()}): sudo make test")
    script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && cd "$0" && exec "$1" run'
    done = subprocess.run(
        ["unshare", "--mount", "--map-root-user", "sh", "-ec", script, two.folder, MLOPSCTL],
        env=two.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "error[MLO902]" in done.stderr
    assert "Read-only file system" in done.stderr
    assert done.returncode == 1


def test_very_long_lines(project: Project) -> None:
    project.pipeline(f"stages: {{numbers: {{kind: data, run: 'exit 1 # {'x' * 100_000} ${{outputs.data}}'}}}}\n")
    said = project.run(code=1)
    assert "error[MLO801]" in said.err
    assert max(map(len, said.err.splitlines())) < 1000
