"""Count how often the classifier is right, by species and island, and how often the commonest species would be."""

import argparse
import json
from collections import Counter, defaultdict
from pathlib import Path

from species import Classifier, Penguin, measurements, read


def accuracy(right: list[bool]) -> dict[str, float]:
    """The share that is right, of how many."""
    return {"accuracy": sum(right) / len(right), "n": len(right)}


def sliced(penguins: list[Penguin], right: list[bool], column: str) -> dict[str, dict[str, float]]:
    """The accuracy for each value of a column."""
    groups: dict[str, list[bool]] = defaultdict(list)
    for penguin, is_right in zip(penguins, right, strict=True):
        groups[penguin[column]].append(is_right)
    return {value: accuracy(group) for value, group in sorted(groups.items())}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--metrics", type=Path, required=True)
    arguments = parser.parse_args()

    classifier, penguins = Classifier.load(arguments.model), read(arguments.data)
    right = [classifier.classify(measurements(penguin)) == penguin["species"] for penguin in penguins]
    commonest = Counter(classifier.species).most_common(1)[0][0]
    metrics = {
        "accuracy": sum(right) / len(right),
        "naive": {"accuracy": sum(penguin["species"] == commonest for penguin in penguins) / len(penguins)},
        "slices": {column: sliced(penguins, right, column) for column in ("species", "island")},
    }
    arguments.metrics.write_text(json.dumps(metrics, indent=2))
