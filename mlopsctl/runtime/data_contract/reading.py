"""Rows from files, a few thousand at a time, as columns: memory does not grow with the data.

A row that can't be read is a problem and is left out; the rows after it are read.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, TextIO

from .cells import Nested
from .problems import Problems, counted

ROWS_AT_ONCE = 8192
LONGEST_ROW = 16 * 1024 * 1024
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
NUL_STAND_IN = "\udc00"
"""A lone surrogate that the decoder never makes, for NUL bytes: before Python 3.11 `csv` stops at them."""


class Unreadable(Exception):
    """The rest of a file can't be read, for the reason given."""


@dataclass(frozen=True)
class Chunk:
    """Some rows of one file. `names` are all columns there; `columns` only those that were asked for and exist."""

    names: Sequence[str]
    numbers: Sequence[int]
    columns: Mapping[str, Sequence[Any]]


@dataclass
class Reader:
    """One file on its way into chunks. `row` is the number of the last row read, from 1, the header not counted."""

    path: Path
    shown: str
    wanted: Sequence[str]
    problems: Problems
    in_folder: bool = False
    row: int = 0

    def malformed(self, reason: str, row: int, detail: str) -> None:
        """Note a row that is left out. `detail` must not quote the row: it may be personal."""
        file = self.shown if self.in_folder else ""
        self.problems.add((), reason, rows=1).show(row, detail, file)


def opened(path: Path) -> BinaryIO:
    """The bytes of `path`, unpacked if its name ends in .gz. Reading raises OSError, EOFError and zlib.error."""
    if path.name.lower().endswith(".gz"):
        return io.BufferedReader(gzip.open(path, "rb"))
    return path.open("rb")


@dataclass
class Lines:
    """The lines of a text file. `doubtful` turns true when one had bytes that are no text."""

    stream: TextIO
    doubtful: bool = field(default=False, init=False)

    def __iter__(self) -> Iterator[str]:
        read = self.stream.readline
        while line := read(LONGEST_ROW):
            if len(line) == LONGEST_ROW and line[-1] != "\n":
                raise Unreadable(f"a line is longer than {LONGEST_ROW >> 20} MiB")
            if "\0" in line:
                line = line.replace("\0", NUL_STAND_IN)
            if not line.isascii() and undecodable(line):
                self.doubtful = True
            yield line


def undecodable(text: str) -> bool:
    """Whether `text` has the lone surrogates that stand for bytes that are not UTF-8, or for NUL."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def csv_chunks(reader: Reader, delimiter: str = ",") -> Iterator[Chunk]:
    """The rows of a file of comma- or tab-separated values; the first chunk has no rows, only the header's names."""
    csv.field_size_limit(LONGEST_ROW)
    with opened(reader.path) as binary:
        if binary.read(2) in UTF_16:
            raise Unreadable("it is UTF-16; save it as UTF-8")
        binary.seek(0)
        with io.TextIOWrapper(binary, "utf-8-sig", "surrogateescape", newline="") as stream:
            lines = Lines(stream)
            rows = csv.reader(lines, delimiter=delimiter, strict=True)
            header = _header(reader, rows)
            yield Chunk(header, range(0), {})
            while True:
                batch: list[list[str]] = []
                error = _read_rows(rows, batch)
                if not batch and error is None:
                    return
                numbers, whole = _whole(reader, batch, len(header), doubtful=lines.doubtful)
                if error is not None:
                    reader.row += 1
                    reader.malformed("the CSV syntax is broken in", reader.row, str(error))
                places = {name: header.index(name) for name in reader.wanted if name in header}
                cells = {name: list(map(itemgetter(place), whole)) for name, place in places.items()}
                yield Chunk(header, numbers, cells)


def tab_chunks(reader: Reader) -> Iterator[Chunk]:
    """The rows of a file of tab-separated values, as `csv_chunks` gives them."""
    return csv_chunks(reader, "\t")


def _header(reader: Reader, rows: Iterator[list[str]]) -> list[str]:
    try:
        header = next(rows, [])
    except csv.Error as error:
        raise Unreadable(f"the header is no CSV: {error}") from None
    if not header:
        raise Unreadable("it is empty, without a header")
    if any(map(undecodable, header)):
        raise Unreadable("the header is not UTF-8 text")
    for name in sorted({name for name in header if header.count(name) > 1}):
        reader.problems.add((), f"the header of `{reader.shown}` names `{name}` twice; only the first is checked")
    return header


def _read_rows(rows: Iterator[list[str]], batch: list[list[str]]) -> csv.Error | None:
    """Fill `batch`; what was read before an error stays in it."""
    try:
        batch.extend(islice(rows, ROWS_AT_ONCE))
    except csv.Error as error:
        return error
    return None


def _whole(
    reader: Reader, batch: list[list[str]], width: int, *, doubtful: bool
) -> tuple[Sequence[int], list[list[str]]]:
    """The rows that have `width` fields of text, with their numbers. Blank lines are no rows."""
    if not doubtful and set(map(len, batch)) <= {width}:
        reader.row += len(batch)
        return range(reader.row - len(batch) + 1, reader.row + 1), batch
    numbers, whole = [], []
    for row in filter(None, batch):
        reader.row += 1
        if len(row) != width:
            detail = counted(len(row), "field")
            reader.malformed(f"the header has {width:,} fields, another number is in", reader.row, detail)
        elif doubtful and undecodable("".join(row)):
            reader.malformed("there are bytes that are no UTF-8 text in", reader.row, _bad_bytes("".join(row)))
        else:
            numbers.append(reader.row)
            whole.append(row)
    return numbers, whole


def _bad_bytes(text: str) -> str:
    return "a NUL byte" if NUL_STAND_IN in text else "another encoding, such as Latin-1"


def json_chunks(reader: Reader) -> Iterator[Chunk]:
    """The objects of a file with one JSON object a line; a key that an object lacks is null there."""
    with opened(reader.path) as stream:
        while lines := list(islice(_bytes_lines(stream), ROWS_AT_ONCE)):
            numbers, records = [], []
            for line in filter(bytes.strip, lines):
                reader.row += 1
                record = _record(reader, line)
                if record is not None:
                    numbers.append(reader.row)
                    records.append(record)
            names = list(dict.fromkeys(chain.from_iterable(dict.fromkeys(map(tuple, records)))))
            wanted = [name for name in reader.wanted if name in names]
            yield Chunk(names, numbers, {name: [plain_cell(record.get(name)) for record in records] for name in wanted})


def _bytes_lines(stream: BinaryIO) -> Iterator[bytes]:
    while line := stream.readline(LONGEST_ROW):
        if len(line) == LONGEST_ROW and not line.endswith(b"\n"):
            raise Unreadable(f"a line is longer than {LONGEST_ROW >> 20} MiB")
        yield line


def _record(reader: Reader, line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        reader.malformed("there is no JSON in", reader.row, f"{error.msg}, at column {error.colno}")
    except (ValueError, RecursionError) as error:
        reader.malformed("there is no JSON in", reader.row, _json_fault(error))
    else:
        if isinstance(record, dict):
            return record
        reader.malformed("there is JSON, but no object in", reader.row, type(record).__name__)
    return None


def _json_fault(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    return "nested too deeply" if isinstance(error, RecursionError) else "a number that JSON doesn't have, or too long"


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(constant)


def plain_cell(value: object) -> object:
    """The cell, or the text of one that holds others."""
    return Nested(json.dumps(value, default=str)) if isinstance(value, (dict, list)) else value
