"""Versions as they are written in tags, labels and answers."""

import pytest

from mlopsctl.cluster.controllers import _deployment
from mlopsctl.cluster.versions import number_of, written


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("v1.34.4", (1, 34)),
        ("1.30", (1, 30)),
        ("v1.34.4-gke.1200", (1, 34)),
        ("v3.10.0", (3, 10)),
        ("latest", None),
        ("", None),
        ("20261121", None),
    ],
)
def test_the_first_two_parts_count(text: str, number: tuple[int, int] | None) -> None:
    assert number_of(text) == number


def test_a_version_is_written_as_people_do() -> None:
    assert written((1, 30)) == "1.30"


@pytest.mark.parametrize(
    ("image", "label", "version"),
    [
        ("quay.io/argoproj/workflow-controller:v3.7.14", "", "3.7.14"),
        ("registry:5000/controller:v3.7.14@sha256:12ab", "", "3.7.14"),
        ("registry.example.com:5000/controller", "v3.6.1", "3.6.1"),
        ("controller@sha256:1.2", "3.6.1", "3.6.1"),
        ("controller:latest", "", ""),
        ("10.0.0.1:5000/controller:latest", "", ""),
    ],
)
def test_the_version_of_a_controller_is_its_tag_or_its_label(image: str, label: str, version: str) -> None:
    found = _deployment(
        {
            "metadata": {"labels": {"app.kubernetes.io/version": label}},
            "spec": {"template": {"spec": {"containers": [{"image": image}]}}},
        }
    )
    assert found.version == version
