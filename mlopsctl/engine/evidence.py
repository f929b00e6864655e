"""What a release stands on: the gates that its model was judged by, and what was observed when it was."""

import json
from collections.abc import Mapping
from dataclasses import asdict, field
from typing import Any

from mlopsctl.frozen import frozen
from mlopsctl.store import RecordDamaged, Store

Json = dict[str, Any]
_VERSION = 1


@frozen(kw_only=True)
class Evidence:
    """What was judged before a release, kept by its digest.

    `model` is a digest; `gates` are as the language writes them, by evaluation; `checks` are what was expected and
    observed, of gates and of the load test.
    """

    pipeline: str
    model: str
    gates: Mapping[str, list[Json]] = field(default_factory=dict)
    checks: list[Json] = field(default_factory=list)

    def to_json(self) -> Json:
        """As a JSON object."""
        return {"version": _VERSION, **asdict(self)}


def read_evidence(store: Store, digest: str) -> Evidence:
    """The evidence with this digest. Raises BlobMissing, BlobCorrupt, and RecordDamaged for what is no evidence."""
    try:
        document = json.loads(store.get_bytes(digest))
        return Evidence(**{name: document[name] for name in ("pipeline", "model", "gates", "checks")})
    except (ValueError, TypeError, KeyError) as fault:
        raise RecordDamaged(f"the blob `{digest}` is no evidence that this mlopsctl reads: {fault}") from fault
