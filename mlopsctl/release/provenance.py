"""Whether what is said of how a model came to be is about that model, and agrees with its release."""

import json
from typing import Any

from mlopsctl.engine.provenance import PROVENANCE, STATEMENT
from mlopsctl.frozen import frozen
from mlopsctl.store import BlobCorrupt, BlobMissing, Release, Store


@frozen
class Verified:
    """A statement, if there is one, and what is wrong with it as a phrase; nothing is if that is empty."""

    statement: dict[str, Any] | None
    wrong: str


def verified_provenance(store: Store, release: Release) -> Verified:
    """The statement about a release's model, held against the release. Raises StoreError if the store can't answer.

    One says that a digest was made from others: of those that the release names, each that the statement names by the
    same name has to be the same.
    """
    if not release.provenance:
        return Verified(None, "it has none")
    try:
        said = json.loads(store.get_bytes(release.provenance))
    except (BlobMissing, BlobCorrupt, ValueError) as error:
        return Verified(None, f"it can't be read: {error}")
    try:
        return Verified(said, _wrong(said, release))
    except (KeyError, TypeError, AttributeError) as error:
        return Verified(None, f"it is no statement about provenance: {error}")


def _wrong(said: dict[str, Any], release: Release) -> str:
    if (said["_type"], said["predicateType"]) != (STATEMENT, PROVENANCE):
        return f"it is a statement of another kind, {said['predicateType']}"
    subjects = {f"sha256:{each['digest']['sha256']}" for each in said["subject"]}
    if release.model.digest not in subjects:
        return f"it is about {', '.join(sorted(subjects))}, and the model is {release.model.digest}"
    definition = said["predicate"]["buildDefinition"]
    if definition["externalParameters"]["pipeline"] != release.pipeline:
        return f"it is of the pipeline {definition['externalParameters']['pipeline']}"
    named = {each["name"]: each["digest"] for each in definition["resolvedDependencies"]}
    for stage, digest in release.data.items():
        there = named.get(f"{stage}.data", {}).get("sha256")
        if there is not None and f"sha256:{there}" != digest:
            return f"it names other data of `{stage}`: sha256:{there}, and the release {digest}"
    commit = named.get("commit", {}).get("gitCommit")
    if commit is not None and release.commit and commit != release.commit:
        return f"it names the commit {commit}, and the release {release.commit}"
    return ""
