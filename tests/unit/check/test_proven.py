import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from mlopsctl.check.proven import MOST, Proven, digest_of, remembered
from mlopsctl.check.structure import SCHEMAS
from mlopsctl.compiler import check_everywhere
from mlopsctl.source import project
from mlopsctl.source.nodes import Json

SCHEMA = (SCHEMAS / "pipeline.json").read_text(encoding="utf-8")
PIPELINE = """\
apiVersion: mlopsctl.dev/v1
kind: Pipeline
metadata: {name: numbers}
spec:
  stages:
    numbers: {kind: data, run: "seq 10 > ${outputs.data}"}
    report: {kind: task, inputs: {numbers: numbers}, run: "wc -l ${inputs.numbers}"}
"""
LOADED = """
import json, sys
from pathlib import Path
from mlopsctl.check.proven import remembered
from mlopsctl.compiler import check_everywhere
from mlopsctl.source import project
with remembered(Path(sys.argv[1])) as proven:
    found = check_everywhere(project.load(Path(sys.argv[2])), proven=proven)
print(json.dumps([[one.code for one in found], "jsonschema" in sys.modules]))
"""


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    path = tmp_path / "pipeline.yaml"
    path.write_text(PIPELINE, encoding="utf-8")
    return path


def checked(pipeline: Path, proven: Proven) -> list[str]:
    return [found.code for found in check_everywhere(project.load(pipeline), proven=proven)]


def in_its_own_process(memory: Path, pipeline: Path) -> list[object]:
    command: Sequence[str | Path] = [sys.executable, "-c", LOADED, memory, pipeline]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    answer: list[object] = json.loads(done.stdout)
    return answer


def test_what_is_proven_needs_no_validator(tmp_path: Path, pipeline: Path) -> None:
    memory = tmp_path / "cache" / "proven"
    assert in_its_own_process(memory, pipeline) == [[], True]
    assert in_its_own_process(memory, pipeline) == [[], False]
    pipeline.write_text(PIPELINE.replace("metadata:", "# a comment\nmetadata:"), encoding="utf-8")
    assert in_its_own_process(memory, pipeline) == [[], False]
    pipeline.write_text(PIPELINE.replace("kind: task,", "kind: task, retires: 2,"), encoding="utf-8")
    assert in_its_own_process(memory, pipeline) == [["MLO120"], True]
    assert in_its_own_process(memory, pipeline) == [["MLO120"], True]


def test_a_changed_document_is_checked(pipeline: Path) -> None:
    proven = Proven()
    assert checked(pipeline, proven) == []
    assert len(proven.new) == 1
    pipeline.write_text(PIPELINE.replace("kind: task", "kind: tasks"), encoding="utf-8")
    assert "MLO123" in checked(pipeline, proven)
    assert len(proven.new) == 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param({"limit": 1}, {"limit": 1.0}, id="a-number-of-another-type"),
        pytest.param({"limit": 1}, {"limit": True}, id="a-number-and-a-truth"),
        pytest.param({"limit": 1}, {"limit": "1"}, id="a-number-and-a-text"),
        pytest.param({"limit": None}, {}, id="nothing-and-no-key"),
        pytest.param(["a", "b"], ["a,b"], id="a-list-and-a-text"),
    ],
)
def test_other_values_have_other_digests(before: Json, after: Json) -> None:
    assert digest_of(SCHEMA, before) != digest_of(SCHEMA, after)


def test_the_order_of_keys_says_nothing() -> None:
    assert digest_of(SCHEMA, {"a": 1, "b": 2}) == digest_of(SCHEMA, {"b": 2, "a": 1})


def test_another_schema_proves_nothing() -> None:
    assert digest_of(SCHEMA, {"kind": "Pipeline"}) != digest_of(SCHEMA.replace('"task"', '"job"'), {"kind": "Pipeline"})


def test_a_document_that_json_cannot_write_is_never_proven() -> None:
    assert digest_of(SCHEMA, {"limit": 10**5000}) is None


def test_the_memory_outlives_the_command_and_forgets_the_oldest(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "proven"
    with remembered(file) as proven:
        proven.new += [f"{number:064x}" for number in range(MOST + 5)]
    with remembered(file) as proven:
        assert len(proven.known) == MOST
        assert not proven.holds(f"{4:064x}")
        assert proven.holds(f"{5:064x}")


def test_a_memory_without_news_is_left_alone(tmp_path: Path) -> None:
    with remembered(tmp_path / "proven"):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"\xff\xfe not text", b"0" * 100], ids=["empty", "no-text", "no-digest"])
def test_a_broken_memory_remembers_nothing(tmp_path: Path, pipeline: Path, content: bytes) -> None:
    memory = tmp_path / "proven"
    memory.write_bytes(content)
    with remembered(memory) as proven:
        assert checked(pipeline, proven) == []
        assert len(proven.new) == 1


def test_a_memory_that_cannot_be_written_is_no_fault(tmp_path: Path, pipeline: Path) -> None:
    (tmp_path / "file").touch()
    with remembered(tmp_path / "file" / "proven") as proven:
        assert checked(pipeline, proven) == []
