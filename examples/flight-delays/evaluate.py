"""Measure how well the model ranks flights it has never seen, and how well no model does.

AUC is the chance that a late flight is ranked above a punctual one. The naive forecast ranks by the delay at departure,
which is known to everybody at the gate: a model that can't beat it is not worth serving.
"""

import argparse
import json
from pathlib import Path

import joblib
import pandas as pd
from flights import flown, known_at_departure, late
from sklearn.metrics import roc_auc_score


def measured(flights: pd.DataFrame) -> dict[str, object]:
    """Metrics of the columns `late`, `forecast` and `dep_delay`, over all and by carrier."""
    carriers = {carrier: group for carrier, group in flights.groupby("carrier") if group["late"].nunique() > 1}
    return {
        "auc": roc_auc_score(flights["late"], flights["forecast"]),
        "naive": {"auc": roc_auc_score(flights["late"], flights["dep_delay"])},
        "slices": {
            "carrier": {
                carrier: {"auc": roc_auc_score(group["late"], group["forecast"]), "n": len(group)}
                for carrier, group in carriers.items()
            }
        },
    }


def main() -> None:
    """Evaluate and write the metrics."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--metrics", type=Path, required=True)
    arguments = parser.parse_args()

    flights = flown(arguments.data)
    forecast = joblib.load(arguments.model).predict_proba(known_at_departure(flights))[:, 1]
    metrics = measured(flights.assign(late=late(flights), forecast=forecast))
    arguments.metrics.write_text(json.dumps(metrics, indent=2))


if __name__ == "__main__":
    main()
