"""A contract makes the same IR in a pod as the text did on a laptop."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlopsctl.compiler import compile_project
from mlopsctl.ir.code import CodeTree, read_code
from mlopsctl.ir.contract import read_contract, write_contract
from mlopsctl.ir.model import Pipeline
from mlopsctl.source import project
from mlopsctl.source.nodes import Json
from tests.unit.ir.documents import HEAD, lowered, stages

NO_CODE = CodeTree({}, {})
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text('aä"\\\n\u2028'),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text('aä"\n', max_size=3), inside, max_size=3),
)
EXAMPLES = sorted(path.parent for path in Path("examples").glob("*/pipeline.yaml"))


def there_and_back(pipeline: Pipeline) -> Pipeline:
    return read_contract(write_contract(pipeline, NO_CODE, ""), pipeline.environment).pipeline


@pytest.mark.parametrize("folder", EXAMPLES, ids=[folder.name for folder in EXAMPLES])
def test_what_is_read_is_what_was_written(folder: Path) -> None:
    compiled = compile_project(project.load(project.find_root(folder)))
    for pipeline in compiled.pipelines.values():
        found = there_and_back(pipeline)
        assert found.stages == pipeline.stages
        assert (found.params, found.secrets, found.schedule, found.notify) == (
            pipeline.params,
            pipeline.secrets,
            pipeline.schedule,
            pipeline.notify,
        )
        assert write_contract(found, NO_CODE, "") == write_contract(pipeline, NO_CODE, "")


@given(st.dictionaries(st.sampled_from(["a", "b"]), VALUES))
def test_its_texts_are_the_json_of_the_standard_library(pod: dict[str, Json]) -> None:
    stage = {"kind": "task", "run": "go", "pod": {"spec": pod}}
    pipeline = lowered(f"{HEAD}  stages: {json.dumps({'s': stage})}")
    written = write_contract(pipeline, NO_CODE, "")["stage.s.json"]
    assert written == json.dumps(json.loads(written), indent=1, ensure_ascii=False) + "\n"
    assert json.loads(written) == stage


def test_code_is_pinned_by_stage(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("a")
    (tmp_path / "b.py").write_text("b")
    pipeline = stages("a: {kind: task, run: go, code: {include: [a.py]}}\nb: {kind: task, run: go}")

    def pins() -> tuple[str, str]:
        code = read_code({path.name: path for path in sorted(tmp_path.iterdir())})
        found = read_contract(write_contract(pipeline, code, "sha256:1"), "local")
        assert found.requirements == "sha256:1"
        return found.code["a"], found.code["b"]

    before = pins()
    (tmp_path / "b.py").write_text("changed")
    after = pins()
    assert before[0] == after[0] != ""
    assert before[1] != after[1]


def test_who_owns_it_is_no_part_of_it() -> None:
    text = (
        "{apiVersion: mlopsctl.dev/v1, kind: Pipeline, metadata: {name: p, owner: %s}, "
        "spec: {stages: {a: {kind: task, run: go}}}}"
    )
    ann, ben = (write_contract(lowered(text % owner), NO_CODE, "") for owner in ("ann", "ben"))
    assert ann == ben


def test_code_does_not_count_where_none_is_run(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("a")
    pipeline = stages("a: {kind: data, source: a.csv}\nb: {kind: deploy, model: a, server: {format: sklearn}}")
    pins = read_contract(write_contract(pipeline, read_code({"a.py": tmp_path / "a.py"}), ""), "local").code
    assert pins == {"a": "", "b": ""}
