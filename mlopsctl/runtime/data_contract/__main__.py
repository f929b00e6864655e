"""Starts the check as a script, by path; the docstring of the package says why."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path


def start() -> None:
    """Import the package from where this file is, then leave the path as a program without any folder would have it."""
    package = Path(__file__).resolve().parent
    sys.path[0] = str(package.parent)
    check = importlib.import_module(f"{package.name}.check")
    del sys.path[0]
    check.main(sys.argv[1:])


if __name__ == "__main__":
    start()
