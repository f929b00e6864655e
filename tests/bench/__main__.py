"""`make bench`: how fast mlopsctl is beside its peers, measured on this machine in the same minutes.

`--write` puts the table into docs/performance.md. `--only render plan` measures these alone.

A ratio of two programs that ran in turns says the same on a slow and on a busy machine, which seconds don't. Nothing
here is part of the tests, because a clock can't be trusted to give the same answer twice.
"""

import argparse
import os
import platform
import sys
import tempfile
from pathlib import Path

from tests.bench import environments, figures, nothing_to_change
from tests.bench.measuring import Figure

PAGE = environments.ROOT / "docs" / "performance.md"
BEGINNING = "```\n$ make bench\n"
HEADINGS = ("figure", "mlopsctl", "peer", "", "ratio", "lowest", "highest", "cpu", "wanted", "memory", "counted")
ALIGNED = "<><>>>>>>><"


def main() -> int:
    """Print the table. The exit code is 1 if `--check` is given and a figure is not as wanted."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="fail if a figure is not as wanted")
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    parser.add_argument("--only", nargs="+", choices=figures.NAMES, default=figures.NAMES, help="measure these alone")
    parser.add_argument("--pipelines", type=int, default=100, help="how many `plan` is about; 1000 take a quarter hour")
    asked = parser.parse_args()
    peers = environments.installed()
    versions = ", ".join(f"{name} {version}" for name, version in environments.versions(peers).items())
    machine = f"{os.cpu_count()} cores, {_processor()}, Python {platform.python_version()}, {platform.system()}"
    with tempfile.TemporaryDirectory(prefix="mlopsctl-bench-") as folder:
        found = figures.measured(Path(folder), peers, asked.only, pipelines=asked.pipelines)
    text = f"{machine}\n{versions}\n\n{_table([HEADINGS, *(_row(figure) for figure in found)])}"
    sys.stdout.write(text)
    if "plan" in asked.only and not nothing_to_change.is_built():
        sys.stdout.write(f"\nplan: not measured, as no API server is built; `{nothing_to_change.BUILDING}` does\n")
    if asked.write:
        _write(text)
    return int(asked.check and not all(figure.holds for figure in found))


def _write(text: str) -> None:
    """Put what was measured where the page has what was measured before."""
    page = PAGE.read_text(encoding="utf-8")
    begin = page.index(BEGINNING) + len(BEGINNING)
    PAGE.write_text(page[:begin] + text + page[page.index("```", begin) :], encoding="utf-8")


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
        f"{figure.cpu_ratio:.2f}",
        f"{'≥' if figure.holds else 'missed:'} {figure.wanted:g}",
        f"{figure.peak:.0f} MiB",
        _counted(figure),
    )


def _counted(figure: Figure) -> str:
    """What is the same in each run, of ours and of the peer."""
    counts = {"modules": figure.modules, "requests": figure.requests}
    return ", ".join(f"{both[0]} to {both[1]} {what}" for what, both in counts.items() if both)


def _table(rows: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    cells = ([f"{cell:{side}{width}}" for cell, side, width in zip(row, ALIGNED, widths, strict=True)] for row in rows)
    return "".join("  ".join(line).rstrip() + "\n" for line in cells)


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
