"""The release that serves: read and moved by compare-and-swap."""

from mlopsctl.frozen import frozen
from mlopsctl.store import Pointer, Release, Store


@frozen
class Serving:
    """What serves now, and the version of the pointer that says so; both None where nothing serves."""

    release: Release | None
    version: str | None


def read_serving(store: Store, pipeline: str, environment: str) -> Serving:
    """What serves now."""
    pointer = store.read_pointer(_name(pipeline, environment))
    return Serving(None, None) if pointer is None else Serving(Release.from_json(pointer.value), pointer.version)


def move_serving(store: Store, release: Release, environment: str, *, expect: str | None) -> Pointer:
    """Let `release` serve, if nothing else came to serve since `expect` was read. Raises PointerMoved."""
    return store.move_pointer(_name(release.pipeline, environment), release.to_json(), expect=expect)


def _name(pipeline: str, environment: str) -> str:
    return f"serving/{environment}/{pipeline}"
