"""In which folders of a history a file is: the digest of a folder is that of its manifest, which names its files'."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from mlopsctl.frozen import frozen
from mlopsctl.release.history import History, Place
from mlopsctl.store import Store, StoreError, entries_of

_AT_ONCE = 16  # requests, as each waits for a network


@frozen(kw_only=True)
class Inside:
    """A file in a folder: their digests, and the path of the file there."""

    folder: str
    file: str
    path: str


def folders_with(places: Sequence[Place], history: History, beginning: str) -> list[Inside]:
    """The files in folders that runs made or read whose digests begin so. One request for each folder that there is.

    A folder that no store has any more can't be looked into, and is passed over.
    """
    stores = list({place.store.url: place.store for place in places}.values())
    outputs = (made for run in history.runs for stage in run.stages.values() for made in stage.outputs.values())
    folders = sorted({made.digest for made in outputs if made.kind == "folder"})
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as threads:
        looked = threads.map(lambda folder: list(_within(stores, folder, beginning)), folders)
        return [found for each in looked for found in each]


def _within(stores: Sequence[Store], folder: str, beginning: str) -> Iterator[Inside]:
    for store in stores:
        try:
            entries = entries_of(store.get_bytes(folder))
        except StoreError:
            continue  # another one may have it
        for path, entry in entries.items():
            if entry.blob.digest.startswith(beginning):
                yield Inside(folder=folder, file=entry.blob.digest, path=path)
        return
