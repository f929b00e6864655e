"""Learn the species of penguins from their sizes."""

import argparse
from pathlib import Path

from species import Classifier, read

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--neighbours", type=int, required=True)
    parser.add_argument("--model", type=Path, required=True)
    arguments = parser.parse_args()
    Classifier.learnt_from(read(arguments.data), neighbours=arguments.neighbours).save(arguments.model)
