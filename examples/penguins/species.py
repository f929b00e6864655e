"""A classifier small enough to read: the most similar penguins vote. A model of this kind is a JSON file."""

import csv
import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Self

MEASUREMENTS = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g")

Penguin = dict[str, str]


@dataclass(frozen=True)
class Classifier:
    """The k nearest neighbours, with each measurement scaled by its spread among the penguins learnt from."""

    neighbours: int
    means: list[float]
    spreads: list[float]
    points: list[list[float]]
    species: list[str]

    @classmethod
    def learnt_from(cls, penguins: Sequence[Penguin], *, neighbours: int) -> Self:
        """A classifier that remembers these penguins."""
        sizes = [measurements(penguin) for penguin in penguins]
        columns = list(zip(*sizes, strict=True))
        means, spreads = [fmean(column) for column in columns], [stdev(column) for column in columns]
        points = [_scaled(size, means, spreads) for size in sizes]
        return cls(neighbours, means, spreads, points, [penguin["species"] for penguin in penguins])

    @classmethod
    def load(cls, path: Path) -> Self:
        """The classifier that `save` wrote."""
        return cls(**json.loads(path.read_text()))

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(asdict(self)))

    def classify(self, size: Sequence[float]) -> str:
        """The species that most of its nearest neighbours have; `size` has the order of MEASUREMENTS."""
        point = _scaled(size, self.means, self.spreads)
        by_distance = sorted(range(len(self.points)), key=lambda index: math.dist(point, self.points[index]))
        return Counter(self.species[index] for index in by_distance[: self.neighbours]).most_common(1)[0][0]


def read(path: Path) -> list[Penguin]:
    """The penguins of a CSV file."""
    with path.open(newline="") as text:
        return list(csv.DictReader(text))


def measurements(penguin: Penguin) -> list[float]:
    """The sizes of a penguin, in the order of MEASUREMENTS."""
    return [float(penguin[name]) for name in MEASUREMENTS]


def _scaled(size: Sequence[float], means: Sequence[float], spreads: Sequence[float]) -> list[float]:
    return [(value - mean) / spread for value, mean, spread in zip(size, means, spreads, strict=True)]
