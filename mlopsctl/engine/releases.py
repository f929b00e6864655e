"""The release that serves: read, and moved by compare-and-swap, which the audit log knows of first."""

import json
from dataclasses import asdict, replace
from typing import Any

from mlopsctl.engine.audit import Deed, Did, append
from mlopsctl.frozen import frozen
from mlopsctl.store import Artifact, Pointer, PointerMoved, Release, Store

Json = dict[str, Any]


@frozen
class Serving:
    """What serves now, and the version of the pointer that says so; both None where nothing serves."""

    release: Release | None
    version: str | None


def read_serving(store: Store, pipeline: str, environment: str) -> Serving:
    """What serves now."""
    pointer = store.read_pointer(_name(pipeline, environment))
    return Serving(None, None) if pointer is None else Serving(Release.from_json(pointer.value), pointer.version)


@frozen(kw_only=True)
class Decision:
    """Who lets a release serve, what they do by that, and why if they say so; the audit log has all three."""

    who: str
    did: Did = Did.SERVES
    why: str = ""


def move_serving(
    store: Store, release: Release, environment: str, *, expect: str | None, decision: Decision
) -> Pointer:
    """Let `release` serve, if nothing else came to serve since `expect` was read. Raises PointerMoved.

    The audit log says so first, and if another was faster it says that, too.
    """
    deed = Deed(
        did=decision.did,
        pipeline=release.pipeline,
        run=release.run,
        model=release.model.digest,
        commit=release.commit,
        why=decision.why,
    )
    entry = append(store, environment, deed, who=decision.who)
    try:
        return store.move_pointer(_name(release.pipeline, environment), release.to_json(), expect=expect)
    except PointerMoved:
        append(store, environment, replace(deed, did=Did.OVERTAKEN, takes_back=entry.digest), who=decision.who)
        raise


def _name(pipeline: str, environment: str) -> str:
    return f"serving/{environment}/{pipeline}"


def served(pipeline: str, model: Artifact, server: Json, requirements: str) -> Json:
    """What answers, as JSON: the model, its server and its libraries. Its digest tells versions apart."""
    document = {"pipeline": pipeline, "model": asdict(model), "server": server, "requirements": requirements}
    found: Json = json.loads(json.dumps(document))
    return found


def served_by(release: Release) -> Json:
    """What answers where a release serves."""
    return served(release.pipeline, release.model, release.server, release.requirements)


def is_same(serving: Release, release: Release) -> bool:
    """Whether a release would change nothing of what answers."""
    return served_by(serving) == served_by(release)
