"""Where each thing has its place: the layout that all stores share, and the names that fit into it."""

import re

from mlopsctl.store.errors import StoreError

_DIGEST = re.compile(r"sha256:([0-9a-f]{2})([0-9a-f]{62})")
# Names become file names: no separators, nothing hidden, no control characters.
_NAME = re.compile(r"[^./\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]*")
_SUFFIX = ".json"


def blob_key(digest: str) -> str:
    """The place of a blob. Raises StoreError if `digest` isn't one."""
    match = _DIGEST.fullmatch(digest)
    if match is None:
        raise StoreError(f"`{digest}` is not a digest", "a digest is `sha256:` and 64 hexadecimal digits")
    return f"blobs/sha256/{match[1]}/{match[2]}"


def records_folder(kind: str) -> str:
    """Where the records of a kind are. Raises StoreError if `kind` can't be a file name."""
    return f"records/{_named(kind)}"


def record_key(kind: str, id: str) -> str:  # noqa: A002  # records have an id, whatever Python calls its own
    """The place of a record. Raises StoreError if a name can't be a file name."""
    return f"{records_folder(kind)}/{_named(id)}{_SUFFIX}"


def record_id(name: str) -> str | None:
    """The id of the record whose file has this name, or None if it is no record's."""
    return name.removesuffix(_SUFFIX) if name.endswith(_SUFFIX) else None


def pointer_key(name: str) -> str:
    """The place of a pointer; its name may have several parts with slashes between. Raises StoreError as above."""
    return "pointers/" + "/".join(map(_named, name.split("/"))) + _SUFFIX


def _named(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise StoreError(
            f"`{name}` can't be a name in a store", "names have no slashes or control characters and start with no dot"
        )
    return name
