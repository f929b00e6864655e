"""What a store holds, as values: blobs, artifacts made of blobs, and pointers."""

from typing import Any, Literal

from mlopsctl.frozen import frozen


@frozen
class Blob:
    """Bytes by their digest, `sha256:` and 64 hexadecimal digits; `size` in bytes."""

    digest: str
    size: int


@frozen
class Artifact:
    """A file or a folder that was put.

    A file's digest is that of its bytes, a folder's that of its manifest; `size` is in bytes, for a folder in all.
    `name` is what the file or folder was called where it came from, without the path.
    """

    digest: str
    size: int
    kind: Literal["file", "folder"]
    name: str


@frozen
class Pointer:
    """Where a pointer points; `version` is new with every move and means nothing but that."""

    value: dict[str, Any]
    version: str
