"""The rights that are asked for are those that the page tells administrators to give."""

import re
from pathlib import Path
from typing import Final

import yaml

from mlopsctl.cluster.rights import Right, _grouped, needed

PAGE: Final = Path(__file__).parents[3] / "docs" / "doctor.md"


def test_the_role_in_the_docs_is_what_is_asked_for() -> None:
    block = re.search(r"^```yaml\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert block is not None
    rules = yaml.safe_load(block[1])["rules"]
    given = {
        Right(group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert given == set(needed(with_gateway=True))
    assert {right.resource for right in given - set(needed(with_gateway=False))} == {"httproutes"}


def test_resources_that_lack_the_same_are_named_together() -> None:
    missing = [Right("", "pods", "get"), Right("", "pods", "list"), Right("apps", "deployments", "get")]
    missing += [Right("apps", "deployments", "list"), Right("", "events", "list")]
    assert _grouped(missing) == ["get, list pods, deployments.apps", "list events"]
