"""Many pipelines are rendered by several processes as by one: the same texts, the same said of them, the same kept."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlopsctl.cli.exit_codes import ExitCode
from tests.bench.many_pipelines import write_project

COUNT = 75  # enough for three processes
COPIES = 2  # of the first process, for the rules and again for the objects
# The command line with so many processors, as the machine of the tests may have fewer; it says how often it was copied.
COMMAND = """
import atexit, os, sys
processors, copies = int(sys.argv.pop(1)), []
os.sched_getaffinity = lambda _: range(processors)
sys.addaudithook(lambda event, _: copies.append(1) if event == "os.fork" else None)
atexit.register(lambda: print(f"copies: {len(copies)}", file=sys.stderr))
from mlopsctl.cli.main import main
main()
"""
PATCH = """\
apiVersion: mlopsctl.dev/v1
kind: Patch
metadata: {name: %s}
spec:
  target: {kind: WorkflowTemplate, name: %s}
  merge: %s
"""
RIGHT = "{metadata: {labels: {patched: 'yes'}}}"

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="processes are copied on Linux alone")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "many"
    write_project(folder, COUNT)
    return folder


def mlopsctl(project: Path, command: str, processors: int, code: int = 0) -> tuple[str, str, int]:
    """What is printed, what is said, and how many copies of the process there were; of a cache of its own."""
    argv = [sys.executable, "-c", COMMAND, str(processors), command]
    cache = project.parent / f"cache-{processors}"
    env = {**os.environ, "NO_COLOR": "1", "COLUMNS": "100", "MLOPS_CACHE": str(cache)}
    done = subprocess.run(argv, cwd=project, env=env, capture_output=True, text=True, check=False)
    said, _, copies = done.stderr.rpartition("copies: ")
    assert done.returncode == code, said
    return done.stdout, said, int(copies)


def alike(project: Path, command: str = "render", *, code: int = 0, copies: int = 2 * COPIES) -> tuple[str, str]:
    """What one process makes and says, which is what three make and say."""
    made, said, of_one = mlopsctl(project, command, 1, code)
    assert of_one == 0
    assert mlopsctl(project, command, 3, code) == (made, said, copies)
    return made, said


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")


def pipeline(project: Path, number: int) -> Path:
    return project / "pipelines" / f"airline-{number:04}" / "pipeline.yaml"


def patch(project: Path, name: str, target: str, merge: str = RIGHT) -> None:
    file = project / "patches" / f"{name}.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(PATCH % (name, target, merge), "utf-8")


def test_texts_and_warnings_are_the_same(project: Path) -> None:
    for number in (70, 2, 40):
        change(pipeline(project, number), "params: {depth:", "params: {width: 1, depth:")
        change(pipeline(project, number), "replicas: {min: 2", "replicas: {min: 0")
    patch(project, "late", f"airline-{COUNT - 1:04}")
    patch(project, "nobody", "airline-9999")
    made, said = alike(project)
    assert made.count('patched: "yes"') == 1
    assert [line.partition(":")[0] for line in said.splitlines() if line.startswith("warning")] == [
        *3 * ["warning[MLO253]"], "warning[MLO743]", *3 * ["warning[MLO749]"],
    ]  # fmt: skip
    assert said.index("airline-0002") < said.index("airline-0040") < said.index("airline-0070")


def test_broken_rules_are_the_same(project: Path) -> None:
    for number in (70, 2):
        change(pipeline(project, number), "inputs: {table: features}", "inputs: {table: featurs}")
    for command in ("render", "validate"):
        copies = COPIES if command == "render" else 2 * COPIES  # on this machine and in the environment
        made, said = alike(project, command, code=ExitCode.FAILED, copies=copies)
        assert (made + said).count("error[MLO204]") == 2


def test_errors_are_the_same(project: Path) -> None:
    change(pipeline(project, 3), "name: airline-0003,", "name: first,")
    change(
        pipeline(project, 71), "name: airline-0071,", "name: first-drift,"
    )  # whose CronWorkflow is that of a monitor
    patch(project, "broken", "airline-0040", "{spec: {priorityClas: high}}")
    made, said = alike(project, code=ExitCode.FAILED)
    assert made == ""
    assert [line.partition(":")[0] for line in said.splitlines() if line.startswith("error")] == [
        "error[MLO730]", "error[MLO737]",
    ]  # fmt: skip


def test_a_template_that_cannot_be_filled_is_shown_as_by_one_process(project: Path) -> None:
    template = project / "templates" / "gateway" / "http-route.yaml"
    ours = Path(__file__).parents[3] / "templates" / "gateway" / "http-route.yaml"
    template.parent.mkdir(parents=True)
    text = ours.read_text("utf-8")
    template.write_text(f'{text}[% if name == "airline-0070" %][[ nothing ]][% endif %]\n', "utf-8")
    made, said = alike(project, code=ExitCode.FAILED)
    assert made == ""
    assert "error[MLO731]" in said
    assert "templates/gateway/http-route.yaml" in said


def test_what_copies_asked_of_the_file_system_is_known(project: Path) -> None:
    made, _, copies = mlopsctl(project, "render", 3)
    assert copies == 2 * COPIES
    assert mlopsctl(project, "render", 3) == (made, "", 0)  # as it is kept
    change(pipeline(project, 70).with_name("train.py"), "print(", "print(0, ")
    after, _, copies = mlopsctl(project, "render", 3)
    assert copies == 2 * COPIES
    assert after != made
    assert after == mlopsctl(project, "render", 1)[0]
