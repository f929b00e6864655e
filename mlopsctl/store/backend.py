"""What a place for bytes must be able to do to hold a store, and how long we wait for it."""

from pathlib import Path
from typing import NamedTuple, Protocol

from mlopsctl.frozen import frozen
from mlopsctl.store.contents import Blob

FIRST_WAIT, LONGEST_WAIT = 0.2, 2.0


@frozen
class Patience:
    """How long one request or lock may take, in seconds, and how often a request that failed is tried again."""

    seconds: float = 30.0
    retries: int = 3

    def wait(self, attempt: int) -> float:
        """The seconds from a failure of attempt number `attempt`, the first is 0, to the next attempt."""
        return min(FIRST_WAIT * 2.0**attempt, LONGEST_WAIT)


class Versioned(NamedTuple):
    """Bytes and a version that changes whenever they do."""

    data: bytes
    version: str


class Backend(Protocol):
    """Keys are relative paths with forward slashes. Nothing but StoreError is raised."""

    url: str
    at_once: int
    """How many files of a folder it takes or gives at once; more than one where each waits for a network."""

    def read(self, key: str) -> Versioned | None:
        """The whole value, or None if there is none."""

    def write(self, key: str, data: bytes, *, expect: str | None) -> str | None:
        """Replace version `expect`, where None is "nothing there"; the new version, or None if it isn't `expect`."""

    def remove(self, key: str) -> None:
        """Remove a value, if it is there. Only what was written to try a store out is ever removed."""

    def names(self, folder: str) -> list[str]:
        """The names right under `folder`, in no order."""

    def put_file(self, source: Path) -> Blob:
        """Keep a file's bytes under their digest. Raises SourceChanged if it is written to meanwhile."""

    def put_bytes(self, data: bytes) -> Blob:
        """Keep bytes under their digest."""

    def fetch(self, digest: str, to: Path, *, link: bool) -> None:
        """Put a verified copy at `to`, or where that is possible a hard link. Raises BlobMissing, BlobCorrupt."""

    def is_whole(self, digest: str, size: int) -> bool:
        """Whether the blob is there with the right bytes."""
