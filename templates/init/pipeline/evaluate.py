"""Measure by how many feet the model is wrong, and by how many a forecast would be that is always the same."""

import argparse
import json
from pathlib import Path
from statistics import fmean

from model import Model, read

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--metrics", type=Path, required=True)
    arguments = parser.parse_args()

    model, stops = Model.load(arguments.model), read(arguments.data)
    metrics = {
        "mae": fmean(abs(model.distance(speed) - distance) for speed, distance in stops),
        "naive": {"mae": fmean(abs(model.mean - distance) for _, distance in stops)},
    }
    arguments.metrics.write_text(json.dumps(metrics))
