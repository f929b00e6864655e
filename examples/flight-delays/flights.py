"""What a row of the flights means, shared by training and evaluation so that the two can't disagree."""

from pathlib import Path

import pandas as pd

CATEGORIES = ["carrier", "origin"]
NUMBERS = ["dep_delay", "distance", "hour", "wind_speed", "precip", "visib"]
LATE_AFTER_MINUTES = 15


def flown(path: Path) -> pd.DataFrame:
    """The flights that left and landed where they should: the others have no delay to learn from."""
    return pd.read_csv(path).dropna(subset=["dep_delay", "arr_delay"])


def known_at_departure(flights: pd.DataFrame) -> pd.DataFrame:
    """The columns that a forecast may use; the arrival is not among them."""
    return flights[CATEGORIES + NUMBERS]


def late(flights: pd.DataFrame) -> pd.Series:
    """Whether each flight landed late."""
    return flights["arr_delay"] > LATE_AFTER_MINUTES
