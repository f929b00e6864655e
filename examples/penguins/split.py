"""Part the penguins in two: those to learn from and those kept for the evaluation."""

import argparse
import random
from pathlib import Path

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--holdout", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--kept", type=Path, required=True)
    arguments = parser.parse_args()

    header, *rows = arguments.data.read_text().splitlines(keepends=True)
    random.Random(arguments.seed).shuffle(rows)
    size = round(len(rows) * arguments.holdout)
    arguments.kept.write_text(header + "".join(rows[:size]))
    arguments.train.write_text(header + "".join(rows[size:]))
    print(f"{len(rows) - size} penguins to learn from, {size} kept for the evaluation")
