"""The offline check of what is rendered: what it says, and that it lets through what is right."""

import copy
import json
import re
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.render.fault import place_of
from mlopsctl.render.scalar_checks import _compiled
from mlopsctl.render.stripping import Schema, TargetSchema, expanded, of_definition
from mlopsctl.render.structural import checker
from mlopsctl.render.targets import TARGETS, Problem, Targets
from tests.oracle import typed_opinion
from tests.target_examples import EXAMPLES, Json, at, changed, places, without, wrong_ones

ROOM: Final = 1_500_000  # bytes for all schemas together
FILES: Final = sorted(TARGETS.rglob("*.json"))
WORKFLOWS: Final = ("apis/argoproj.io/v1alpha1/workflowtemplates", "apis/argoproj.io/v1alpha1/cronworkflows")
TEMPLATE: Final = EXAMPLES[WORKFLOWS[0]]
CRON: Final = EXAMPLES[WORKFLOWS[1]]
SERVICE: Final = EXAMPLES["apis/serving.kserve.io/v1beta1/inferenceservices"]
ROUTE: Final = EXAMPLES["apis/gateway.networking.k8s.io/v1/httproutes"]
CONFIG: Final = EXAMPLES["api/v1/configmaps"]
ROLE: Final = EXAMPLES["apis/rbac.authorization.k8s.io/v1/roles"]
CONTAINER: Final = ("spec", "templates", 1, "container")
PREDICTOR: Final = ("spec", "predictor")
TASKS: Final = ("spec", "templates", 0, "dag", "tasks")
LONG: Final = "a-name-that-is-a-bit-too-long-for-a-workflow-on-a-timetable"

# What is made wrong: an example, a path, and the value to be there.
SLIPS: Final[dict[str, tuple[Json, tuple[str | int, ...], Any]]] = {
    "a similar field": (SERVICE, (*PREDICTOR, "replicas"), 2),
    "no similar field": (SERVICE, (*PREDICTOR, "zzz"), 2),
    "a field of few": (SERVICE, (*PREDICTOR, "model", "modelFormat", "qqq"), "x"),
    "a field at the top": (TEMPLATE, ("sepc",), {}),
    "a string for an integer": (SERVICE, (*PREDICTOR, "minReplicas"), "two"),
    "a string for a boolean": (CRON, ("spec", "suspend"), "no"),
    "a number for a string": (TEMPLATE, (*CONTAINER, "env", 0, "value"), 100),
    "null": (TEMPLATE, (*CONTAINER, "args"), None),
    "an object for a list": (TEMPLATE, (*CONTAINER, "args"), {}),
    "a list for an object": (TEMPLATE, CONTAINER, []),
    "a fraction of an integer": (SERVICE, (*PREDICTOR, "maxReplicas"), 1.5),
    "too large for its bits": (SERVICE, (*PREDICTOR, "maxReplicas"), 2**31),
    "a value of no list": (CONFIG, ("binaryData", "b"), "not base64"),
    "no choice": (ROUTE, ("spec", "rules", 0, "matches", 0, "path", "type"), "Prefix"),
    "below a bound": (ROUTE, ("spec", "rules", 0, "backendRefs", 0, "weight"), -1),
    "a form": (ROUTE, ("spec", "hostnames", 0), "not a host"),
    "a quantity": (TEMPLATE, (*CONTAINER, "resources", "requests", "cpu"), "500 m"),
    "too many": (ROUTE, ("spec", "hostnames"), [f"{n}.example.com" for n in range(17)]),
    "the same twice": (TEMPLATE, (*CONTAINER, "env", 1, "name"), "TREES"),
    "the keys that are told apart": (TEMPLATE, (*CONTAINER, "ports"), [{"containerPort": 80}] * 2),
    "of 4.1 alone": (TEMPLATE, ("spec", "templates", 1, "pendingTimeout"), "1h"),
    "of 3.7 alone": (CRON, ("spec", "schedule"), "0 4 * * *"),
    "refused by 4.1 alone": (CRON, ("spec", "concurrencyPolicy"), "Never"),
    "a status": (TEMPLATE, ("status",), {}),
    "a field of metadata": (TEMPLATE, ("metadata", "label"), {}),
    "a number as label": (TEMPLATE, ("metadata", "labels", "app"), 1),
    "a label's value": (TEMPLATE, ("metadata", "labels", "app"), "Anna & Otto"),
    "a label's key": (TEMPLATE, ("metadata", "labels", "app/"), "a"),
    "an annotation's key": (TEMPLATE, ("metadata", "annotations", "-/b"), "a"),
    "annotations as large as a novel": (TEMPLATE, ("metadata", "annotations", "a"), "x" * 300_000),
    "a name": (CONFIG, ("metadata", "name"), "Contract"),
    "a name that is too long for cron": (CRON, ("metadata", "name"), LONG),
    "a name of KServe": (SERVICE, ("metadata", "name"), "2nd.churn"),
    "a template's name": (TEMPLATE, ("spec", "templates", 1, "name"), "run_it"),
    "two types of template": (TEMPLATE, ("spec", "templates", 1, "suspend"), {}),
    "a timeout of a dag": (TEMPLATE, ("spec", "templates", 0, "activeDeadlineSeconds"), 5),
    "two ways to depend": (TEMPLATE, (*TASKS, 1, "dependencies"), ["load"]),
    "a task from a digit on": (TEMPLATE, (*TASKS, 1, "name"), "2train"),
    "no image": (TEMPLATE, (*CONTAINER, "image"), ""),
    "a ConfigMap's key": (CONFIG, ("data", "a/b"), "x"),
    "a ConfigMap as large as a model": (CONFIG, ("data", "a"), "x" * 1_100_000),
    "a key in both": (CONFIG, ("data", "b"), "x"),
    "a path without a root": (ROUTE, ("spec", "rules", 0, "matches", 0, "path", "value"), "v2"),
    "a kind of nobody": (ROUTE, ("kind",), "HTTPRout"),
    "a version of nobody": (ROUTE, ("apiVersion",), "gateway.networking.k8s.io/v7"),
    "a kind that leads elsewhere": (ROUTE, ("apiVersion",), "../../v1"),
    "a kind of Kubernetes that isn't rendered": (CONFIG, ("kind",), "Pod"),
    "a kind that is no word": (CONFIG, ("kind",), 7),
}
GAPS: Final[dict[str, tuple[Json, tuple[str | int, ...]]]] = {
    "no name": (TEMPLATE, ("metadata", "name")),
    "no metadata": (TEMPLATE, ("metadata",)),
    "no spec": (TEMPLATE, ("spec",)),
    "no template of a task": (TEMPLATE, (*CONTAINER, "env", 0, "name")),
    "no port": (ROUTE, ("spec", "rules", 0, "backendRefs", 0, "port")),
    "no schedules": (CRON, ("spec", "schedules")),
    "no groups": (ROLE, ("rules", 0, "apiGroups")),
    "no version": (ROLE, ("apiVersion",)),
}


@pytest.fixture(scope="module")
def targets() -> Targets:
    return Targets()


def put(document: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """The document with a value at a path, be there one or not."""
    around = at(document, path[:-1])
    if isinstance(around, dict):
        return changed(document, path[:-1], {**around, path[-1]: value}) if path[:-1] else {**around, path[-1]: value}
    return changed(document, path, value)


def told(found: tuple[Problem, ...]) -> list[str]:
    return [
        f"{one.place}: {one.message}" + (f" (in {', '.join(one.releases)})" if one.releases else "") for one in found
    ]


# --- what it says


@pytest.mark.parametrize("path", EXAMPLES)
def test_what_is_right_is_let_through(targets: Targets, path: str) -> None:
    assert targets.problems(EXAMPLES[path]) == ()


def test_what_is_wrong_is_said(targets: Targets, snapshot: SnapshotAssertion) -> None:
    slips = {name: told(targets.problems(put(*slip))) for name, slip in SLIPS.items()}
    gaps = {name: told(targets.problems(without(*gap))) for name, gap in GAPS.items()}
    said = slips | gaps
    assert [name for name, found in said.items() if not found] == []
    assert "\n".join(f"{name}\n" + "\n".join(f"  {one}" for one in found) for name, found in said.items()) == snapshot


def test_every_fault_is_found_at_once(targets: Targets) -> None:
    wrong = put(put(put(SERVICE, (*PREDICTOR, "a"), 1), (*PREDICTOR, "minReplicas"), ""), ("metadata", "b"), 1)
    assert {found.place for found in targets.problems(wrong)} == {
        "metadata.b",
        "spec.predictor.a",
        "spec.predictor.minReplicas",
    }


def test_texts_of_a_class_of_ones_own_are_texts(targets: Targets) -> None:
    class Marked(str):
        __slots__ = ()

    def marked(value: Any) -> Any:
        if isinstance(value, dict):
            return {Marked(key): marked(part) for key, part in value.items()}
        if isinstance(value, list):
            return [marked(part) for part in value]
        return Marked(value) if isinstance(value, str) else value

    for example in EXAMPLES.values():
        assert targets.problems(marked(example)) == ()


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ((), "the object"),
        (("spec", "templates", 0, "name"), "spec.templates[0].name"),
        (("metadata", "labels", "a.b/c"), "metadata.labels[a.b/c]"),
    ],
)
def test_a_path_as_people_write_it(path: tuple[str | int, ...], written: str) -> None:
    assert place_of(path) == written


# --- what it finds


STRICT: Final = [
    (name, path)
    for name, example in EXAMPLES.items()
    for path in places(example)
    # Maps with names of the user's own choice, and what may be anything.
    if isinstance(at(example, path), dict)
    and path[-1:] not in [(free,) for free in ("labels", "annotations", "matchLabels", "data", "binaryData")]
    and path[-1:] not in [("nodeSelector",), ("limits",), ("requests",), ("selector",)]
    and "withItems" not in path
]


@given(place=st.sampled_from(STRICT), field=st.text(min_size=1).filter(lambda name: "e" not in name))
@settings(max_examples=300)
def test_an_unknown_field_is_found_wherever_it_is(place: tuple[str, tuple[str | int, ...]], field: str) -> None:
    name, path = place
    field = f"x{field}x"  # which no field is called
    found = SHARED.problems(put(EXAMPLES[name], (*path, field), {}))
    assert [one.path for one in found] == [(*path, field)]
    assert "is not a field of" in found[0].message


SHARED: Final = Targets()
MADE_UP: Final = [
    path for path in FILES if path.stem in ("HTTPRoute", "PodMonitor", "CronWorkflow", "JobSet", "Service")
]


def values_of(schema: Schema, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values that follow a schema, by its keywords one by one."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema.get("x-kubernetes-int-or-string"):
        return st.integers(0, 9)
    match schema.get("type"):
        case "string":
            return texts_of(schema)
        case "boolean":
            return st.booleans()
        case "integer" | "number":
            return st.integers(schema.get("minimum", 0), min(schema.get("maximum", 99), 99))
        case "array":
            least = schema.get("minItems", 0)
            items = values_of(schema["items"], depth + 1)
            return st.lists(items, min_size=least, max_size=max(least, 1))
        case "object":
            return objects_of(schema, depth)
        case _:
            return st.just({"any": ["thing"]})


def texts_of(schema: Schema) -> st.SearchStrategy[str]:
    if schema.get("format") == "date-time":
        return st.just("2026-01-31T08:00:00.5Z")
    if schema.get("format") == "byte":
        return st.binary(max_size=4).map(lambda raw: b64encode(raw).decode())
    if "pattern" not in schema:
        return st.text(min_size=schema.get("minLength", 0), max_size=schema.get("minLength", 0) + 3)
    most = schema.get("maxLength", 99)
    pattern = re.sub(r"\$$", r"\\Z", schema["pattern"]).replace("^(?i)", "^")
    return st.from_regex(re.compile(pattern, re.ASCII), alphabet=st.characters(max_codepoint=126)).filter(
        lambda text: schema.get("minLength", 0) <= len(text) <= most
    )


def objects_of(schema: Schema, depth: int) -> st.SearchStrategy[Any]:
    parts = schema.get("properties", {})
    required = {name: values_of(parts[name], depth + 1) for name in schema.get("required", ())}
    others = {name: part for name, part in parts.items() if name not in required} if depth < 4 else {}
    optional = {name: values_of(part, depth + 1) for name, part in list(others.items())[:6]}
    made = st.fixed_dictionaries(required, optional=optional)
    if "additionalProperties" in schema and not parts:
        return st.dictionaries(
            st.text("ab", min_size=1, max_size=3), values_of(schema["additionalProperties"]), max_size=2
        )
    return made


@pytest.mark.parametrize("file", MADE_UP, ids=lambda path: path.relative_to(TARGETS).as_posix())
def test_what_follows_a_schema_is_right(file: Path) -> None:
    schema = expanded(json.loads(file.read_text("utf-8"))).schema
    check = checker(schema)

    @given(document=values_of(schema))
    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    def holds(document: Any) -> None:
        assert [found.path for found in check(document)] == []

    holds()


# --- a second opinion


@pytest.mark.parametrize("path", WORKFLOWS)
def test_the_sdk_of_argo_finds_nothing_that_we_miss(targets: Targets, path: str) -> None:
    assert typed_opinion(EXAMPLES[path]) == []
    agreed = 0
    for what, document in wrong_ones(EXAMPLES[path]):
        if typed_opinion(document):
            # A quantity may be a number, which the SDK doesn't know.
            assert targets.problems(document) or "sizeLimit" in what, what
            agreed += 1
    assert agreed >= 50


# --- the schemas


def test_they_are_small() -> None:
    assert sum(path.stat().st_size for path in FILES) < ROOM


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.relative_to(TARGETS).as_posix())
def test_each_is_what_its_place_says(file: Path) -> None:
    found = expanded(json.loads(file.read_text("utf-8")))
    assert file.relative_to(TARGETS).parts[1:] == found.path.parts
    assert file.relative_to(TARGETS).parts[0] == found.release.lower().replace(" ", "-")
    assert found.to_text() == file.read_text("utf-8")
    for part in subschemas(found.schema):
        assert "description" not in part
        assert "pattern" not in part or _compiled(part["pattern"])


def subschemas(schema: Schema) -> Iterator[Schema]:
    yield schema
    for part in (*schema.get("properties", {}).values(), schema.get("items"), schema.get("additionalProperties")):
        if part is not None:
            yield from subschemas(part)


def test_one_folder_of_the_users_stands_for_all_of_ours(tmp_path: Path) -> None:
    schema = TargetSchema(
        api_version="argoproj.io/v1alpha1", kind="WorkflowTemplate", release="", schema={"type": "object"}
    )
    place = tmp_path / schema.path
    place.parent.mkdir(parents=True)
    place.write_text(schema.to_text())
    assert told(Targets([tmp_path]).problems(TEMPLATE)) == [
        "spec: `spec` is not a field of the object, which has no fields"
    ]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema": {}, "$defs": {}, "apiVersion": "v1", "kind": []}x'])
def test_a_schema_that_was_damaged(tmp_path: Path, text: str) -> None:
    place = tmp_path / "gateway.networking.k8s.io" / "v1" / "HTTPRoute.json"
    place.parent.mkdir(parents=True)
    place.write_text(text)
    with pytest.raises(DiagnosedError) as raised:
        Targets([tmp_path]).problems(ROUTE)
    assert raised.value.diagnostics[0].code == "MLO800"
    assert str(place) in raised.value.diagnostics[0].message


# --- stripping


def test_a_definition_is_stripped_to_what_can_be_wrong() -> None:
    pod = {"type": "object", "description": "a pod", "properties": {"a": {"type": "string", "default": "x" * 40}}}
    schema = {
        "description": "all of it",
        "type": "object",
        "required": ["spec", "kind"],
        "properties": {
            "kind": {"type": "string"},
            "status": {"type": "object"},
            "spec": {
                "type": "object",
                "properties": {"one": pod, "other": copy.deepcopy(pod), "description": {"type": "string"}},
                "x-kubernetes-validations": [{"rule": "true"}],
            },
        },
    }
    versions = [
        {"name": "v1", "served": True, "schema": {"openAPIV3Schema": schema}},
        {"name": "v0", "served": False, "schema": {"openAPIV3Schema": schema}},
        {"name": "v2", "served": True},
    ]
    spec = {"group": "example.com", "names": {"kind": "Widget"}, "versions": versions}
    first, other = of_definition({"spec": spec}, release="Widgets 1")
    bare = {"type": "object", "properties": {"a": {"type": "string", "default": "x" * 40}}}
    assert first.schema == {
        "type": "object",
        "required": ["spec"],
        "properties": {
            "spec": {"type": "object", "properties": {"one": bare, "other": bare, "description": {"type": "string"}}}
        },
    }
    assert first.path.as_posix() == "example.com/v1/Widget.json"
    assert first.to_text().count("x" * 40) == 1
    assert expanded(json.loads(first.to_text())) == first
    assert checker(other.schema)({"what": ["ever"]}) == []


@pytest.mark.parametrize(
    "document", [{}, {"spec": []}, {"spec": {"group": "a"}}, {"spec": {"versions": [{}], "group": "a"}}]
)
def test_what_is_no_definition_is_said_to_be_none(document: Json) -> None:
    with pytest.raises(ValueError, match="no CustomResourceDefinition"):
        list(of_definition(document, release=""))
