"""Reads a data set once and says everything that breaks its contract.

Freshness is not here: it needs a clock, and the caller has one.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from .columns import ColumnCheck, UniqueCheck
from .parquet import parquet_chunks
from .problems import Problems, counted, printable
from .reading import Chunk, Reader, Unreadable, csv_chunks, json_chunks, tab_chunks

FORMATS = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
MOST_NAMED = 5


def check_data(path: Path, contract: Mapping[str, Any]) -> dict[str, Any]:
    """The report on the data at `path`, a file or a folder; the docstring of the package describes it."""
    problems = Problems()
    try:
        files = files_of(path)
        size = sum(file.stat().st_size for file in files)
    except OSError as error:
        problems.add((), f"`{path.name}` can't be read: {error.strerror}")
        files, size = [], 0
    data = DataSet(path, contract, problems)
    if files:
        data.read(files)
        data.finish()
    return {
        "rows": data.rows,
        "bytes": size,
        "columns": list(map(printable, data.names)),
        "problems": problems.to_json(),
        "statistics": {check.name: check.statistics() for check in data.checks if check.seen},
    }


def files_of(path: Path) -> list[Path]:
    """The file, or the files below the folder, but for hidden ones and marks such as `_SUCCESS`. Raises OSError."""
    if not path.is_dir():
        path.stat()
        return [path]
    found = [
        file
        for file in sorted(path.rglob("*"))
        if file.is_file() and not any(part.startswith((".", "_")) for part in file.relative_to(path).parts)
    ]
    if not found:
        raise FileNotFoundError(0, "the folder has no files")
    return found


def format_of(path: Path) -> str:
    """`csv`, `tsv`, `jsonl` or `parquet`, or the ending of a file that is none of them."""
    name = path.name.lower()
    ending = Path(name[:-3] if name.endswith(".gz") else name).suffix
    known = FORMATS.get(ending, ending)
    return ".parquet.gz" if known == "parquet" and name.endswith(".gz") else known


class DataSet:
    """What is known of the data so far, while its files are read one after the other."""

    def __init__(self, path: Path, contract: Mapping[str, Any], problems: Problems) -> None:
        self.rows = 0
        self.names: dict[str, None] = {}
        self.checks: list[ColumnCheck] = []
        self._path = path
        self._contract = contract
        self._problems = problems
        self._unique: list[UniqueCheck] = []
        self._noun = "row"
        self._complete = True

    def read(self, files: Sequence[Path]) -> None:
        """Check all rows of all files; files that hold no rows are counted themselves."""
        formats = sorted({format_of(file) for file in files})
        if len(formats) > 1 or formats[0] not in FORMATS.values():
            self._count_files(files, formats)
            return
        self._compile(text=formats[0] in {"csv", "tsv"})
        wanted = [*(check.name for check in self.checks), *(name for check in self._unique for name in check.columns)]
        for file in files:
            shown = file.relative_to(self._path).as_posix() if file != self._path else file.name
            reader = Reader(file, shown, list(dict.fromkeys(wanted)), self._problems, in_folder=file != self._path)
            self._read_file(reader, formats[0])
            self.rows += reader.row

    def finish(self) -> None:
        """Add the problems that only the whole data set can have."""
        self._check_rows()
        if not self.names:
            return
        for check in self.checks:
            check.finish()
            if not check.seen:
                self._problems.add(("columns", check.name), self._missing(check.name))
        for unique in self._unique:
            for name in unique.columns:
                if name not in self.names and name not in self._contract.get("columns", {}):
                    self._problems.add(unique.key, self._missing(name))
        extra = [f"`{name}`" for name in self.names if name not in self._contract.get("columns", {})]
        if self._contract.get("closed") is True and extra:
            more = f" and {len(extra) - MOST_NAMED} more" if len(extra) > MOST_NAMED else ""
            listed = ", ".join(extra[:MOST_NAMED]) + more
            self._problems.add(("closed",), f"the contract is closed and doesn't name {listed}")

    def _compile(self, *, text: bool) -> None:
        columns: Mapping[str, Mapping[str, Any]] = self._contract.get("columns", {})
        personal = {name for name, column in columns.items() if column.get("personal") is True}
        self.checks = [ColumnCheck(name, column, self._problems, text=text) for name, column in columns.items()]
        single = [(("columns", name, "unique"), [name]) for name, column in columns.items() if column.get("unique")]
        together = [(("unique", place), names) for place, names in enumerate(self._contract.get("unique", []))]
        self._unique = [
            UniqueCheck(key, names, self._problems, text=text, personal=not personal.isdisjoint(names))
            for key, names in [*single, *together]
        ]

    def _read_file(self, reader: Reader, form: str) -> None:
        chunks = {"csv": csv_chunks, "tsv": tab_chunks, "jsonl": json_chunks, "parquet": parquet_chunks}[form]
        shown = reader.shown if reader.in_folder else ""
        try:
            for chunk in chunks(reader):
                self._examine(chunk, shown)
        except (OSError, EOFError, zlib.error, RecursionError, Unreadable) as error:
            self._complete = False
            after = f" after row {reader.row:,}" if reader.row else ""
            self._problems.add((), f"`{reader.shown}` can't be read{after}: {error}")

    def _examine(self, chunk: Chunk, file: str) -> None:
        self.names.update(dict.fromkeys(chunk.names))
        for check in self.checks:
            check.seen = check.seen or check.name in chunk.names
            if check.name in chunk.columns:
                check.examine(chunk.columns[check.name], chunk.numbers, file)
            else:
                check.absent(len(chunk.numbers))
        for unique in self._unique:
            unique.examine(chunk.columns, chunk.numbers, file)

    def _count_files(self, files: Sequence[Path], formats: Sequence[str]) -> None:
        self.rows = len(files)
        held = ", ".join(f"`{form}`" for form in formats)
        for key in ("columns", "unique", "closed"):
            if self._contract.get(key):
                self._problems.add((key,), f"columns can be checked in CSV, TSV, JSON lines or parquet, not in {held}")
        self._noun = "file"

    def _check_rows(self) -> None:
        limits: Mapping[str, int] = self._contract.get("rows", {})
        found = f"there {'is' if self.rows == 1 else 'are'} {counted(self.rows, self._noun)}"
        if "min" in limits and self._complete and self.rows < limits["min"]:
            self._problems.add(("rows", "min"), f"{found}, fewer than {limits['min']:,}")
        if "max" in limits and self.rows > limits["max"]:
            self._problems.add(("rows", "max"), f"{found}, more than {limits['max']:,}")

    def _missing(self, name: str) -> str:
        similar = get_close_matches(name, self.names, n=1)
        return f"there is no column `{name}`" + (f"; one with a similar name: `{similar[0]}`" if similar else "")


def main(arguments: Sequence[str]) -> None:
    """Do what the file of the first argument describes, write the report to the second, at once or not at all."""
    spec, report = map(Path, arguments)
    found = _asked(json.loads(spec.read_text("utf-8")))
    beside = report.with_name(f".{report.name}.{os.getpid()}")
    try:
        beside.write_text(json.dumps(found, allow_nan=False), "utf-8")
        beside.replace(report)
    finally:
        beside.unlink(missing_ok=True)


def _asked(described: Mapping[str, Any]) -> dict[str, Any]:
    path = Path(described["path"])
    if "sample" not in described:
        return check_data(path, described["contract"])
    from .sample import Wanted, sample_report  # which reads files as this module does

    return sample_report(path, Wanted(**described["sample"]))
