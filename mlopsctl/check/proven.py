"""Documents whose shape was found right before, so that nobody has to look again.

Loading the validator and running it takes longer than all else that a command does before it gets to work. Whether a
document follows its schema depends on the two alone, so the digest of both is enough to know it by.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from mlopsctl.source.nodes import Json

MOST = 2_000  # documents that are remembered; those proven first are forgotten first


@dataclass(slots=True)
class Proven:
    """The digests of documents that follow their schema; `new` are those that were not known at the start."""

    known: tuple[str, ...] = ()
    new: list[str] = field(default_factory=list)

    def holds(self, digest: str) -> bool:
        """Whether this document was found right with this schema."""
        return digest in self.known or digest in self.new


def digest_of(schema: str, document: Json) -> str | None:
    """What a document and its schema are known by; None if the document can't be written as JSON."""
    try:
        written = json.dumps([schema, document], sort_keys=True, separators=(",", ":"))
    except (ValueError, RecursionError):  # a number of thousands of digits, or a nesting as deep
        return None
    return sha256(written.encode()).hexdigest()


@contextmanager
def remembered(file: Path) -> Iterator[Proven]:
    """What `file` remembers, and it remembers afterwards what is proven in the block.

    Nothing depends on it: a file that can't be read or written is as good as none.
    """
    proven = Proven(known=_read(file))
    yield proven
    if proven.new:
        from mlopsctl.store.beside import written_beside  # here, as mostly nothing is new, and the store is big

        with suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            with written_beside(file, durable=False) as stream:
                stream.write("\n".join([*proven.known, *proven.new][-MOST:]).encode())


def _read(file: Path) -> tuple[str, ...]:
    try:
        return tuple(file.read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return ()
