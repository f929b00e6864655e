"""What the add-ons' webhooks serve with."""

import base64
from dataclasses import dataclass


@dataclass(frozen=True)
class ServingPair:
    """A certificate for the names of all webhooks, its key, and who signed it, as PEM."""

    authority: bytes
    certificate: bytes
    key: bytes


def in_base64(content: bytes) -> str:
    """As manifests have it."""
    return base64.b64encode(content).decode()
