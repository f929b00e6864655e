"""Rows from parquet, with whichever package of the pipeline's own reads it.

None of them is imported before a parquet file is there: mlopsctl itself depends on none.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from .reading import Chunk, Reader, Unreadable, plain_cell

ROWS_AT_ONCE = 65536


def parquet_chunks(reader: Reader) -> Iterator[Chunk]:
    """The rows of a parquet file. NaN is null, as pandas writes it. Raises Unreadable."""
    read = _chunks_of_some_package()
    try:
        yield from read(reader)
    except Unreadable:
        raise
    except Exception as error:  # each package has its own exceptions, and none may be imported here
        raise Unreadable(f"it is no parquet that can be read: {type(error).__name__}") from error


def _chunks_of_some_package() -> Any:
    for package, read in (("pyarrow.parquet", _pyarrow), ("polars", _polars), ("fastparquet", _fastparquet)):
        try:
            importlib.import_module(package)
        except ImportError:
            continue
        return read
    raise Unreadable(
        "reading parquet takes a package that isn't there; add `pyarrow` (or `polars`) to the requirements"
    )


def _pyarrow(reader: Reader) -> Iterator[Chunk]:
    arrow, parquet = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    with parquet.ParquetFile(str(reader.path)) as file:
        names = list(file.schema_arrow.names)
        yield Chunk(names, range(0), {})
        wanted = [name for name in reader.wanted if name in names]
        for batch in file.iter_batches(ROWS_AT_ONCE, columns=wanted):
            cells = {name: _python_values(arrow, batch.column(name)) for name in wanted}
            yield _chunk(reader, names, batch.num_rows, cells)


def _python_values(arrow: Any, column: Any) -> list[Any]:
    if arrow.types.is_timestamp(column.type):  # Python's datetime has no nanoseconds
        column = column.cast(arrow.timestamp("us", column.type.tz), safe=False)
    return _cells(column.to_pylist())


def _polars(reader: Reader) -> Iterator[Chunk]:
    frame = importlib.import_module("polars").scan_parquet(reader.path, glob=False)
    names = list(frame.collect_schema().names())
    yield Chunk(names, range(0), {})
    wanted = [name for name in reader.wanted if name in names]
    rows = frame.select(importlib.import_module("polars").len()).collect().item()
    for start in range(0, rows, ROWS_AT_ONCE):
        batch = frame.select(wanted).slice(start, ROWS_AT_ONCE).collect()
        cells = {name: _cells(batch[name].to_list()) for name in wanted}
        yield _chunk(reader, names, min(ROWS_AT_ONCE, rows - start), cells)


def _fastparquet(reader: Reader) -> Iterator[Chunk]:
    file = importlib.import_module("fastparquet").ParquetFile(str(reader.path))
    names = list(file.columns)
    yield Chunk(names, range(0), {})
    wanted = [name for name in reader.wanted if name in names]
    for frame in file.iter_row_groups(columns=wanted or names[:1]):
        cells = {name: _cells(frame[name].astype(object).where(frame[name].notna(), None)) for name in wanted}
        yield _chunk(reader, names, len(frame), cells)


def _cells(cells: Any) -> list[Any]:
    return [None if cell != cell else plain_cell(cell) for cell in cells]  # noqa: PLR0124  only NaN differs from itself


def _chunk(reader: Reader, names: list[str], count: int, cells: dict[str, list[Any]]) -> Chunk:
    first = reader.row + 1
    reader.row += count
    return Chunk(names, range(first, first + count), cells)
