"""Learn from one month of flights which of them will land late."""

import argparse
from pathlib import Path

import joblib
from flights import CATEGORIES, NUMBERS, flown, known_at_departure, late
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OrdinalEncoder


def forecaster(*, trees: int, depth: int) -> Pipeline:
    """An untrained model that takes the columns by name and carries its own encoding, so that requests can be raw."""
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=float("nan"))
    classifier = HistGradientBoostingClassifier(
        max_iter=trees,
        max_depth=depth,
        learning_rate=0.05,
        min_samples_leaf=100,
        categorical_features=list(range(len(CATEGORIES))),
        # The later it left, the later it lands: without this, a month with few long delays teaches the contrary.
        monotonic_cst=[0] * len(CATEGORIES) + [int(column == "dep_delay") for column in NUMBERS],
        early_stopping=False,
        random_state=0,
    )
    return make_pipeline(make_column_transformer((encoder, CATEGORIES), ("passthrough", NUMBERS)), classifier)


def main() -> None:
    """Train and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--trees", type=int, required=True)
    parser.add_argument("--depth", type=int, required=True)
    parser.add_argument("--model", type=Path, required=True)
    arguments = parser.parse_args()

    flights = flown(arguments.data)
    model = forecaster(trees=arguments.trees, depth=arguments.depth)
    model.fit(known_at_departure(flights), late(flights))
    joblib.dump(model, arguments.model)
    print(f"trained on {len(flights):,} flights, {late(flights).mean():.1%} of them late")


if __name__ == "__main__":
    main()
