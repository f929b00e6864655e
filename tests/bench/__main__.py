"""`make bench`: how fast mlopsctl is beside its peers, measured on this machine in the same minutes.

A ratio of two programs that ran in turns says the same on a slow and on a busy machine, which seconds don't. Nothing
here is part of the tests, because a clock can't be trusted to give the same answer twice.
"""

import argparse
import os
import platform
import sys
import tempfile
from pathlib import Path

from tests.bench import environments, figures
from tests.bench.measuring import Figure

HEADINGS = ("figure", "mlopsctl", "peer", "", "ratio", "lowest", "highest", "wanted", "modules")
ALIGNED = "<><>>>>>>"


def main() -> int:
    """Print the table. The exit code is 1 if `--check` is given and a figure is not as wanted."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="fail if a figure is not as wanted")
    wants_check = parser.parse_args().check
    peers = environments.installed()
    versions = ", ".join(f"{name} {version}" for name, version in environments.versions(peers).items())
    machine = f"{os.cpu_count()} cores, {_processor()}, Python {platform.python_version()}, {platform.system()}"
    sys.stdout.write(f"{machine}\n{versions}\n\n")
    with tempfile.TemporaryDirectory(prefix="mlopsctl-bench-") as folder:
        found = figures.measured(Path(folder), peers)
    _print_table([HEADINGS, *(_row(figure) for figure in found)])
    return int(wants_check and not all(figure.holds for figure in found))


def _row(figure: Figure) -> tuple[str, ...]:
    ratios = sorted(figure.ratios)
    return (
        figure.title,
        figure.shown(figure.ours),
        figure.peer,
        figure.shown(figure.theirs),
        f"{figure.ratio:.2f}",
        f"{ratios[0]:.2f}",
        f"{ratios[-1]:.2f}",
        f"{'≥' if figure.holds else 'missed:'} {figure.wanted:g}",
        f"{figure.modules[0]} to {figure.modules[1]}" if figure.modules else "",
    )


def _print_table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (f"{cell:{side}{width}}" for cell, side, width in zip(row, ALIGNED, widths, strict=True))
        sys.stdout.write("  ".join(cells).rstrip() + "\n")


def _processor() -> str:
    """The model as Linux names it; where it doesn't, the architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.machine()


if __name__ == "__main__":
    sys.exit(main())
