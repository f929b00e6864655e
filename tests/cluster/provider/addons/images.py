"""The images of the add-ons: names, and whether a node may ask a registry for them."""

from dataclasses import dataclass
from typing import Literal

PullPolicy = Literal["Never", "IfNotPresent"]


@dataclass(frozen=True)
class Images:
    """References of images. KServe's and JobSet's program is /manager; all others are on PATH, by their own names."""

    workflow_controller: str
    executor: str
    argo_server: str
    kserve_controller: str
    jobset_controller: str
    gateway: str
    s3: str
    pull_policy: PullPolicy = "Never"
