"""Learn how far cars go before they stop."""

import argparse
from pathlib import Path

from model import Model, read

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--power", type=float, required=True)
    parser.add_argument("--model", type=Path, required=True)
    arguments = parser.parse_args()
    Model.learnt_from(read(arguments.data), power=arguments.power).save(arguments.model)
