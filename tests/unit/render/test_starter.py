"""What a new project consists of."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from mlopsctl.render.starter import LONGEST_NAME, Ci, Starter, name_from

SCHEMA = Path(__file__).parents[3] / "schemas" / "v1" / "project.json"
NAMES = {
    "as-it-is": ("churn", "churn"),
    "capitals-and-spaces": ("My Churn  Model", "my-churn-model"),
    "marks": ("Prévisions d'été", "previsions-d-ete"),
    "leading-digits": ("2024 churn", "ml-2024-churn"),
    "dots": (".churn..v2.", "churn-v2"),
    "letters-of-no-use": ("日本語", "pipeline"),
    "nothing": ("", "pipeline"),
    "long": ("a" * 80, "a" * 40),
    "cut-at-a-hyphen": ("a" * 39 + " b", "a" * 39),
    "digits-and-long": ("7" * 80, "ml-" + "7" * 37),
}


def starter(ci: Ci) -> Starter:
    return Starter(name="stopping", ci=ci, python="3.11", version="1.2.3")


@pytest.mark.parametrize(("folder", "name"), NAMES.values(), ids=NAMES)
def test_the_name_is_made_from_the_folders(folder: str, name: str) -> None:
    assert name_from(folder) == name


@given(st.text(max_size=60) | st.text("aZ0-_. é", max_size=60))
def test_any_folder_gives_a_name_that_the_schema_allows(folder: str) -> None:
    rule = json.loads(SCHEMA.read_text())["$defs"]["dnsLabel"]
    assert rule["maxLength"] == LONGEST_NAME
    name = name_from(folder)
    assert re.fullmatch(rule["pattern"], name)
    assert len(name) <= LONGEST_NAME


@pytest.mark.parametrize("ci", Ci, ids=str)
def test_the_project_file_comes_last(ci: Ci) -> None:
    assert list(starter(ci).files())[-1] == "mlops.yaml"


@pytest.mark.parametrize("path", starter(Ci.GITHUB).files())
def test_files(path: str, snapshot: SnapshotAssertion) -> None:
    assert starter(Ci.GITHUB).files()[path] == snapshot


def test_gitlab(snapshot: SnapshotAssertion) -> None:
    files = starter(Ci.GITLAB).files()
    assert ".github/workflows/mlops.yaml" not in files
    assert files[".gitlab-ci.yml"] == snapshot


def test_without_ci_there_is_no_ci_file() -> None:
    assert starter(Ci.GITHUB).files().keys() - starter(Ci.NONE).files().keys() == {".github/workflows/mlops.yaml"}
