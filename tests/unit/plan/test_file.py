"""A saved plan is the plan that it was, or it is refused."""

import json
import os
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from mlopsctl.diagnostics import DiagnosedError, Diagnostic, Span
from mlopsctl.manifest import Key
from mlopsctl.plan.encoding import FORMAT_VERSION, digest_of, plan_digest, to_json
from mlopsctl.plan.file import read_plan, write_plan
from mlopsctl.plan.model import ABSENT, Action, FieldChange, Plan
from mlopsctl.store import canonical_json, digest_json
from tests.unit.plan.plans import PLANS, change, plan, span

SCHEMA: Final = json.loads((Path(__file__).parents[3] / "schemas" / "output" / "v1" / "plan.json").read_text("utf-8"))
examples = settings(
    max_examples=150,
    deadline=None,
    derandomize=os.environ.get("MLOPSCTL_EXPLORE") != "1",
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
TREES: Final = FieldChange(path="stages.model.params.trees", before=200, after=ABSENT, place=span(21))
SMALL: Final = plan(change(Action.UPDATE, "flights", TREES), change(Action.DELETE, "old"), unchanged=3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "plan.json"


def fault(path: Path) -> Diagnostic:
    with pytest.raises(DiagnosedError) as raised:
        read_plan(path)
    [found] = raised.value.diagnostics
    return found


def answer(path: Path) -> Plan | str:
    """The plan, or the code of why there is none."""
    try:
        return read_plan(path)
    except DiagnosedError as error:
        return error.diagnostics[0].code


def places(made: Plan) -> list[Span | None]:
    fields = [field for drifted in made.drift for field in drifted.fields]
    fields += [field for changed in made.changes for field in changed.fields]
    return [*(each.origin for each in made.changes), *(field.place for field in fields)]


@examples
@given(PLANS)
def test_a_plan_comes_back_as_it_was(tmp_path: Path, made: Plan) -> None:
    write_plan(made, tmp_path / "plan.json")
    back = read_plan(tmp_path / "plan.json")
    assert back == made
    # Equality leaves out places, and 1 is True to it.
    assert canonical_json(to_json(back)) == canonical_json(to_json(made))
    assert places(back) == places(made)


@examples
@given(PLANS)
def test_the_schema_describes_every_plan(made: Plan) -> None:
    document = json.loads(canonical_json(to_json(made)))
    assert [error.message for error in Draft202012Validator(SCHEMA).iter_errors(document)] == []


def test_the_schema_is_closed_and_described() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    document = to_json(SMALL)
    validator = Draft202012Validator(SCHEMA)
    for change_ in ({"more": 1}, {"unchanged": -1}, {"plan_digest": "md5:1"}, {"format_version": 2}):
        assert not validator.is_valid({**document, **change_})
    for name in document:
        assert not validator.is_valid({key: value for key, value in document.items() if key != name})
        assert SCHEMA["properties"][name]["description"]


def test_the_file_is_canonical_and_its_owners_alone(path: Path) -> None:
    path.write_text("older")
    path.chmod(0o644)
    write_plan(SMALL, path)
    content = path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    assert content == canonical_json(json.loads(content)) + b"\n"
    assert json.loads(content)["format_version"] == FORMAT_VERSION
    write_plan(SMALL, path)
    assert path.read_bytes() == content
    assert [each.name for each in path.parent.iterdir()] == ["plan.json"]


def test_an_absent_value_is_not_null(path: Path) -> None:
    write_plan(SMALL, path)
    assert read_plan(path).changes[0].fields[0].after is ABSENT


def test_an_edited_plan_is_refused(path: Path) -> None:
    write_plan(SMALL, path)
    text = path.read_text("utf-8")
    path.write_text(text.replace('"environment":"staging"', '"environment":"prod"'), "utf-8")
    assert fault(path).code == "MLO863"
    path.write_text(json.dumps(json.loads(text), indent=2), "utf-8")  # by an editor that formats: it says the same
    assert read_plan(path) == SMALL
    for odd in ('"unchanged":NaN', '"unchanged":"\\ud800"'):
        path.write_text(text.replace('"unchanged":3', odd), "utf-8")
        assert fault(path).code == "MLO863"


@given(st.data())
@examples
def test_no_change_of_a_file_gives_another_plan(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "plan.json"
    write_plan(SMALL, path)
    content = bytearray(path.read_bytes())
    start = data.draw(st.integers(0, len(content) - 1))
    end = data.draw(st.integers(start, min(len(content), start + 20)))
    content[start:end] = data.draw(st.binary(max_size=4))
    path.write_bytes(content)
    assert answer(path) in (SMALL, "MLO861", "MLO862", "MLO863")


def test_a_part_of_a_plan_is_refused(path: Path) -> None:
    write_plan(SMALL, path)
    content = path.read_bytes()
    for length in (20, len(content) // 2, len(content) - 2):
        path.write_bytes(content[:length])
        assert fault(path).message == f"`{path}` is not a saved plan: a part of it is missing"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is empty"),
        (b"Target  cluster staging\n", "no JSON in line 1"),
        (b"[]", "it says no format_version"),
        (b'{"version": 1}', "it says no format_version"),
        (b"\xff\xfe", "it is no JSON"),
        (b"[" * 100_000, "it is no JSON"),
    ],
)
def test_what_is_no_plan_is_said_to_be_none(path: Path, content: bytes, why: str) -> None:
    path.write_bytes(content)
    found = fault(path)
    assert (found.code, found.message) == ("MLO861", f"`{path}` is not a saved plan: {why}")


def test_parts_that_are_missing_are_no_traceback(path: Path) -> None:
    document = to_json(SMALL)
    for name in document.keys() - {"format_version", "plan_digest"}:
        rest = {key: value for key, value in document.items() if key != name}
        path.write_bytes(canonical_json({**rest, "plan_digest": plan_digest(rest)}))
        assert fault(path).code == "MLO861"


@pytest.mark.parametrize("version", [0, 2, "1", True, None])
def test_another_format_is_refused_with_who_wrote_it(path: Path, version: Any) -> None:
    path.write_bytes(canonical_json({**to_json(SMALL), "format_version": version}))
    found = fault(path)
    assert found.code == "MLO862"
    assert found.message == (
        f"`{path}` was saved by mlopsctl 0.1.0 in format {version}, and this mlopsctl reads format {FORMAT_VERSION}"
    )


def test_a_file_that_is_not_there_or_not_a_file(tmp_path: Path) -> None:
    found = fault(tmp_path / "none.json")
    assert (found.code, found.message) == (
        "MLO860",
        f"the plan `{tmp_path / 'none.json'}` can't be read: No such file or directory",
    )
    assert fault(tmp_path).code == "MLO860"
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path / "none" / "plan.json", tmp_path, tmp_path / "pipe"):
        with pytest.raises(DiagnosedError, match=r"MLO860: the plan .* can't be written"):
            write_plan(SMALL, place)
    assert [each.name for each in tmp_path.iterdir()] == ["pipe"]


@pytest.mark.parametrize("values", [{"data": {"token": "aGk="}}, {"stringData": {"token": "hi"}}])
def test_a_plan_with_secret_values_is_not_saved_and_not_shown(path: Path, values: Any) -> None:
    document = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, **values}
    secret = replace(change(Action.CREATE, "s"), key=Key("", "Secret", "team", "s"), wanted=document)
    with pytest.raises(DiagnosedError) as raised:
        write_plan(plan(secret), path)
    [found] = raised.value.diagnostics
    assert (found.code, found.span) == ("MLO864", secret.origin)
    assert not path.exists()
    shown = json.dumps(to_json(plan(secret)))
    assert "(secret)" in shown
    assert '"hi"' not in shown
    assert "aGk=" not in shown
    empty = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}
    write_plan(plan(replace(secret, wanted=empty)), path)
    assert read_plan(path).changes[0].wanted == empty


@examples
@given(PLANS)
def test_the_digest_is_that_of_the_canonical_json(made: Plan) -> None:
    document = to_json(made)
    rest = {name: part for name, part in document.items() if name != "plan_digest"}
    assert document["plan_digest"] == plan_digest(document) == digest_of(made) == digest_json(rest)


def test_a_digest_takes_no_memory_for_all_of_a_plan() -> None:
    changes = [change(Action.CREATE, f"n{number}", wanted={"data": f"{number:010000}"}) for number in range(100)]
    many = plan(*changes)
    tracemalloc.start()
    try:
        digest_of(many)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 200_000  # bytes, of a million that its JSON has
