"""Reads data sets in a process of its own: holds one against its contract, or draws a sample of its rows.

It runs in the Python of the user's pipeline where the data is parquet, as only that one has the packages that read it.
So this package needs nothing but CPython 3.9 and its standard library, imports itself relatively, and is started by the
path of its `__main__.py`: no installation, no PYTHONPATH, and neither the working directory nor any module of mlopsctl
can hide a package of the pipeline. `command` builds that command line; tests import what does the work.
"""

from __future__ import annotations

from pathlib import Path


def command(python: Path, spec: Path, report: Path) -> list[str]:
    """The command line that checks what the JSON file `spec` describes and writes the JSON file `report`.

    `spec` is {"path": data, "contract": the contract as in YAML}. `report` is {"rows": count, "bytes": size on disk,
    "columns": [names], "problems": [{"key": path into the contract, "message": text, "rows": count, "examples":
    [{"row": number from 1 without the header, "value": text, "file": name, in a folder}]}], "statistics": {column:
    {"count", "nulls", "min", "max"}}}. It exits with 0 if the report is written, whatever it says.

    A `spec` of {"path": data, "sample": {"columns": [names] or null for all, "without": [names], "most": rows}}
    asks for what `sample.sample_report` gives instead.
    """
    return [str(python), str(Path(__file__).with_name("__main__.py")), str(spec), str(report)]


def needs_a_package(path: Path) -> bool:
    """Whether the standard library can't read some of the data, a file or a folder."""
    return any(file.suffix == ".parquet" for file in (path, *path.rglob("*")))
