"""Which versions are needed, and how versions are read and compared."""

import re

Number = tuple[int, int]

# What mlopsctl asks for: field validation by the server and all that it applies are there from this version on.
KUBERNETES: Number = (1, 30)
# `schedules` of a CronWorkflow, several in one object.
ARGO_WORKFLOWS: Number = (3, 6)
# Deployments without Knative are called Standard, and have their rollouts.
KSERVE: Number = (0, 15)

_NUMBER = re.compile(r"(?:^|[^\d.])v?(\d+)\.(\d+)(?:\.\d+)?")


def number_of(text: str) -> Number | None:
    """The first two parts of a version such as `v1.34.4` or `quay.io/argoproj/cli:v3.7.14`; None if it has none."""
    match = _NUMBER.search(text)
    return (int(match[1]), int(match[2])) if match else None


def written(number: Number) -> str:
    """As people write it: `1.30`."""
    return f"{number[0]}.{number[1]}"
