"""Write the penguins of which all is known. The package palmerpenguins ships the data: nothing is downloaded."""

import argparse
from pathlib import Path

from palmerpenguins import load_penguins

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    load_penguins().dropna().to_csv(parser.parse_args().data, index=False)
