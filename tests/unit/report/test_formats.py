"""The formats that programs read: SARIF, workflow commands, JUnit and JSON."""

import json
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from syrupy.assertion import SnapshotAssertion

from mlopsctl.diagnostics import Diagnostic, Explanation, Position, Related, Severity, Span
from mlopsctl.report import github, json_output, junit, sarif
from tests.unit.report.cases import CASES, DUPLICATE_KEY, PIPELINE, SOURCES, UNKNOWN_STAGE

SCHEMA: Final = Path(__file__).parents[3] / "schemas" / "output" / "v1" / "diagnostics.json"
ALL: Final = list(CASES.values())
EXPLANATIONS: Final = {
    "MLO204": Explanation("MLO204", Severity.ERROR, "unknown_stage", "A stage reads what no stage produces.\n\nFix: …")
}
TEXTS: Final = st.text(st.one_of(st.sampled_from("\ud800\udc80\x1b %:,\n\r<&\ufffe"), st.characters()), max_size=20)
SPANS: Final = st.builds(Span, TEXTS, *[st.builds(Position, st.integers(1, 9), st.integers(1, 9))] * 2)
FOUND: Final = st.builds(
    Diagnostic,
    code=st.just("MLO204"),
    severity=st.sampled_from(Severity),
    message=TEXTS,
    span=st.none() | SPANS,
    label=TEXTS,
    related=st.lists(st.builds(Related, SPANS, TEXTS), max_size=2).map(tuple),
    notes=st.lists(TEXTS, max_size=1).map(tuple),
)


def rendered_sarif(diagnostics: list[Diagnostic], sources: dict[str, str] = SOURCES) -> dict[str, Any]:
    text = sarif.render(diagnostics, sources, explanations=EXPLANATIONS, version="1.2.3")
    log = json.loads(text)
    assert isinstance(log, dict)
    return log


def test_github(snapshot: SnapshotAssertion) -> None:
    assert github.render(ALL, SOURCES) == snapshot


def test_junit(snapshot: SnapshotAssertion) -> None:
    assert junit.render(ALL, {**SOURCES, "sound.yaml": ""}) == snapshot


def test_json(snapshot: SnapshotAssertion) -> None:
    assert json_output.render([DUPLICATE_KEY], SOURCES) == snapshot


def test_sarif(snapshot: SnapshotAssertion) -> None:
    assert sarif.render([UNKNOWN_STAGE, DUPLICATE_KEY], SOURCES, explanations=EXPLANATIONS, version="1.2.3") == snapshot


@given(found=st.lists(FOUND, max_size=3))
def test_json_is_as_its_schema_says(found: list[Diagnostic]) -> None:
    schema = json.loads(SCHEMA.read_text())
    Draft202012Validator.check_schema(schema)
    document = json.loads(json_output.render(found, {}))
    Draft202012Validator(schema).validate(document)
    assert document["valid"] == (document["errors"] == 0)


@given(found=st.lists(FOUND, max_size=3))
def test_junit_is_well_formed_whatever_is_in_the_texts(found: list[Diagnostic]) -> None:
    root = ET.fromstring(junit.render(found, {}).encode())
    assert len(root.findall(".//testcase")) == len(found)
    assert len(root.findall(".//failure")) == sum(one.severity is Severity.ERROR for one in found)


@given(found=FOUND)
def test_a_workflow_command_stays_one_line_with_its_own_properties_only(found: Diagnostic) -> None:
    (line,) = github.render([found], {}).splitlines()
    properties, separator, _ = line.split(" ", 1)[1].partition("::")
    assert separator
    names = [each.partition("=")[0] for each in properties.split(",")]
    assert names in (
        ["title"],
        ["file", "line", "endLine", "title"],
        ["file", "line", "col", "endLine", "endColumn", "title"],
    )


@given(found=st.lists(FOUND, max_size=3))
def test_sarif_keeps_the_rules_of_its_format(found: list[Diagnostic]) -> None:
    log = rendered_sarif(found)
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert log["version"] == "2.1.0"
    assert run["columnKind"] == "unicodeCodePoints"
    assert len(run["results"]) == len(found)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in {"error", "warning"}
        for location in [*result["locations"], *result["relatedLocations"]]:
            artifact = location["physicalLocation"]["artifactLocation"]
            assert artifact["uri"].isascii()
            assert not set(artifact["uri"]) & set(' :%"<>\\^`{|}') - {"%"}
            assert artifact["uriBaseId"] in run["originalUriBaseIds"]
            assert min(location["physicalLocation"]["region"].values()) >= 1


def test_sarif_encodes_file_names() -> None:
    related = rendered_sarif([DUPLICATE_KEY])["runs"][0]["results"][0]["relatedLocations"][1]
    uri = related["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == "%C3%BCn%C3%AFcode%20dir/100%25%2Clong.yaml"


def fingerprint(found: Diagnostic, source: str) -> str:
    (result,) = rendered_sarif([found], {"pipeline.yaml": source})["runs"][0]["results"]
    return str(result["partialFingerprints"]["codeAndLine/v1"])


def test_a_fingerprint_stays_when_lines_move() -> None:
    place = Span("pipeline.yaml", Position(14, 23), Position(14, 28))
    moved = Diagnostic(code="MLO204", severity=Severity.ERROR, message=UNKNOWN_STAGE.message, span=place)
    assert fingerprint(moved, "#\n#\n#\n" + PIPELINE) == fingerprint(UNKNOWN_STAGE, PIPELINE)


@pytest.mark.parametrize(
    "changed",
    [PIPELINE.replace("modle", "modell"), "\n" + PIPELINE],
    ids=["line says something else", "another line is at fault"],
)
def test_a_fingerprint_changes_with_the_faulty_line(changed: str) -> None:
    assert fingerprint(UNKNOWN_STAGE, changed) != fingerprint(UNKNOWN_STAGE, PIPELINE)


def test_two_findings_on_one_line_have_different_fingerprints() -> None:
    results = rendered_sarif([UNKNOWN_STAGE, UNKNOWN_STAGE])["runs"][0]["results"]
    assert len({result["partialFingerprints"]["codeAndLine/v1"] for result in results}) == 2
