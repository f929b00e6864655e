"""Some rows of a data set, by column, drawn so that every row is as likely to be among them as any other."""

from __future__ import annotations

import math
import random
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from .check import files_of, format_of
from .parquet import parquet_chunks
from .problems import Problems
from .reading import Chunk, Reader, Unreadable, csv_chunks, json_chunks, tab_chunks

CHUNKS = {"csv": csv_chunks, "tsv": tab_chunks, "jsonl": json_chunks, "parquet": parquet_chunks}


@dataclass(frozen=True)
class Wanted:
    """Which columns are drawn, None for all, which of them never, and how many rows at most."""

    columns: Sequence[str] | None
    most: int
    without: Sequence[str] = ()

    def to_json(self) -> dict[str, Any]:
        """What a process of its own is asked for."""
        columns = None if self.columns is None else list(self.columns)
        return {"columns": columns, "without": list(self.without), "most": self.most}


def sample_of(path: Path, wanted: Wanted) -> dict[str, Any]:
    """Some rows of the file or folder: {"rows": count of all, "columns": {name: cells}}.

    The same data gives the same rows. Columns that aren't there are left out; cells are those of JSON, and rows that
    can't be read are not counted. Raises Unreadable and OSError.
    """
    files = files_of(path)
    formats = sorted({format_of(file) for file in files})
    if len(formats) > 1 or formats[0] not in CHUNKS:
        raise Unreadable(f"rows can be read from CSV, TSV, JSON lines or parquet, not from {', '.join(formats)}")
    chunks = CHUNKS[formats[0]]
    try:
        names = _names(chunks, path, files) if wanted.columns is None else wanted.columns
        names = [name for name in names if name not in wanted.without]
        drawn = _Drawn(names, wanted.most)
        for file in files:
            for chunk in chunks(_reader(path, file, names)):
                drawn.offer(chunk)
    except (EOFError, zlib.error, RecursionError) as error:
        raise Unreadable(str(error)) from error
    return {"rows": drawn.rows, "columns": drawn.columns()}


def sample_report(path: Path, wanted: Wanted) -> dict[str, Any]:
    """What `sample_of` gives, or {"unreadable": why} where it raises."""
    try:
        return sample_of(path, wanted)
    except Unreadable as error:
        return {"unreadable": str(error)}
    except OSError as error:
        return {"unreadable": f"{path.name}: {error.strerror or error}"}


class _Drawn:
    """A reservoir: once it is full, row number n takes a random place in it with the probability of its size over n.

    Source: J. Vitter, Random Sampling with a Reservoir, ACM Transactions on Mathematical Software 11 (1985), method R.
    """

    def __init__(self, names: Sequence[str], most: int) -> None:
        self.rows = 0
        self._names = names
        self._most = most
        self._random = random.Random(0)  # noqa: S311 - nothing here is secret, and the same data gives the same sample
        self._kept: list[tuple[Any, ...]] = []
        self._seen: set[str] = set()

    def offer(self, chunk: Chunk) -> None:
        """Let each row of the chunk take a place, if chance has it so."""
        count = len(chunk.numbers)
        self._seen.update(name for name in self._names if name in chunk.names)
        absent = [None] * count
        cells = [chunk.columns.get(name, absent) for name in self._names]
        for row in zip(*cells):  # noqa: B905 - younger than Python 3.9; all are as long as the chunk
            self.rows += 1
            if self.rows <= self._most:
                self._kept.append(row)
            elif (place := self._random.randrange(self.rows)) < self._most:
                self._kept[place] = row

    def columns(self) -> dict[str, list[Any]]:
        """The cells of the rows that have a place, by column."""
        cells = {name: [_plain(row[place]) for row in self._kept] for place, name in enumerate(self._names)}
        return {name: found for name, found in cells.items() if name in self._seen}


def _names(chunks: Any, path: Path, files: Sequence[Path]) -> list[str]:
    """The columns of the files, as far as the first rows of each tell."""
    first: list[Iterator[Chunk]] = [chunks(_reader(path, file, ())) for file in files]
    return list(dict.fromkeys(name for found in first for name in next(found, Chunk((), (), {})).names))


def _reader(path: Path, file: Path, names: Sequence[str]) -> Reader:
    return Reader(file, file.name, list(names), Problems(), in_folder=file != path)


def _plain(cell: Any) -> Any:
    """The cell as JSON has it."""
    if isinstance(cell, (date, datetime)):
        return cell.isoformat()
    if isinstance(cell, Decimal):
        cell = float(cell)
    if isinstance(cell, float) and not math.isfinite(cell):
        return None
    return cell if cell is None or isinstance(cell, (str, int, float)) else str(cell)
