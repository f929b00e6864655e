"""Checks a data set against the contract of its stage, in the Python of the user's pipeline.

It runs there, and not in mlopsctl's own Python, because only that one has the packages that read the user's parquet.
So this package needs nothing but CPython 3.9 and its standard library, imports itself relatively, and is started by the
path of its `__main__.py`: no installation, no PYTHONPATH, and neither the working directory nor any module of mlopsctl
can hide a package of the pipeline. `command` builds that command line; tests import `check_data` from `.check`.
"""

from __future__ import annotations

from pathlib import Path


def command(python: Path, spec: Path, report: Path) -> list[str]:
    """The command line that checks what the JSON file `spec` describes and writes the JSON file `report`.

    `spec` is {"path": data, "contract": the contract as in YAML}. `report` is {"rows": count, "bytes": size on disk,
    "columns": [names], "problems": [{"key": path into the contract, "message": text, "rows": count, "examples":
    [{"row": number from 1 without the header, "value": text, "file": name, in a folder}]}], "statistics": {column:
    {"count", "nulls", "min", "max"}}}. It exits with 0 if the report is written, whatever it says.
    """
    return [str(python), str(Path(__file__).with_name("__main__.py")), str(spec), str(report)]
