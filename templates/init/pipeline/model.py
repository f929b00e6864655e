"""A model small enough to read: a straight line through some power of the speed."""

import csv
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, linear_regression
from typing import Self

Stop = tuple[float, float]  # the speed in miles an hour, the distance in feet


@dataclass(frozen=True)
class Model:
    """Distances in feet; `mean` is the forecast of somebody who doesn't look at the speed."""

    power: float
    slope: float
    intercept: float
    mean: float

    @classmethod
    def learnt_from(cls, stops: list[Stop], *, power: float) -> Self:
        """The line with the least squared error."""
        distances = [distance for _, distance in stops]
        line = linear_regression([speed**power for speed, _ in stops], distances)
        return cls(power, line.slope, line.intercept, fmean(distances))

    @classmethod
    def load(cls, path: Path) -> Self:
        """The model that `save` wrote."""
        return cls(**json.loads(path.read_text()))

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(asdict(self)))

    def distance(self, speed: float) -> float:
        """The distance that a car needs to stop."""
        return self.intercept + self.slope * speed**self.power


def read(path: Path) -> list[Stop]:
    """The stops of a CSV file."""
    with path.open(newline="") as text:
        return [(float(row["speed_mph"]), float(row["distance_ft"])) for row in csv.DictReader(text)]
