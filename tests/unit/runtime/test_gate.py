import json
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mlopsctl.runtime.gate import Gate, GateResult, Serving, evaluate_gate
from mlopsctl.runtime.metrics import Metrics, SliceMetrics

CARRIERS = {"AA": (0.88, 2100), "HA": (0.731, 342), "OO": (0.2, 29)}


def measured(
    values: dict[str, float] | None = None,
    naive: dict[str, float] | None = None,
    carriers: dict[str, tuple[float, int]] | None = None,
) -> Metrics:
    slices = {name: SliceMetrics(n, {"auc": auc}) for name, (auc, n) in (carriers or {}).items()}
    return Metrics(values or {}, naive or {}, {"carrier": slices} if carriers is not None else {}, {})


def judged(gate: Gate, metrics: Metrics, serving: Metrics | None = None) -> GateResult:
    return evaluate_gate(gate, metrics, serving=Serving("01JCZX44", serving) if serving else None)


def line(result: GateResult) -> str:
    return f"{result.expectation} | {result.observed} | {result.verdict}"


@pytest.mark.parametrize(
    ("gate", "observed", "expected"),
    [
        pytest.param(Gate(metric="auc", min=0.80), 0.871, "auc ≥ 0.80 | 0.871 | holds", id="min"),
        pytest.param(Gate(metric="auc", min=0.80), 0.8, "auc ≥ 0.80 | 0.800 | holds", id="at min"),
        pytest.param(Gate(metric="auc", min=0.80), 0.5, "auc ≥ 0.80 | 0.500 | short by 0.300", id="short"),
        pytest.param(Gate(metric="auc", min=0.80), 0.79996, "auc ≥ 0.80 | 0.79996 | short by 4e-05", id="nearly"),
        pytest.param(Gate(metric="auc", min=0.8005), 0.8005, "auc ≥ 0.8005 | 0.8005 | holds", id="fine bound"),
        pytest.param(Gate(metric="auc", max=12), 1234.5, "auc ≤ 12 | 1,234.500 | over by 1,222.500", id="max"),
        pytest.param(Gate(metric="auc", min=0.1, max=0.9), 0.95, "auc ≥ 0.10 and ≤ 0.90 | 0.950 | over by 0.050",
                     id="both"),
    ],
)  # fmt: skip
def test_absolute(gate: Gate, observed: float, expected: str) -> None:
    assert line(judged(gate, measured({"auc": observed}))) == expected


@pytest.mark.parametrize(
    ("gate", "observed", "serving", "expected"),
    [
        pytest.param(Gate(metric="auc", against="serving", tolerance=0.01), 0.842, 0.868,
                     "auc within 0.01 of serving | 0.842 against 0.868 (run 01JCZX44) | short by 0.016", id="short"),
        pytest.param(Gate(metric="auc", against="serving", tolerance=0.01), 0.861, 0.871,
                     "auc within 0.01 of serving | 0.861 against 0.871 (run 01JCZX44) | holds", id="as written"),
        pytest.param(Gate(metric="auc", against="serving"), 0.9, 0.9,
                     "auc no worse than serving | 0.900 against 0.900 (run 01JCZX44) | holds", id="equal"),
        pytest.param(Gate(metric="auc", against="serving"), 0.90001, 0.90002,
                     "auc no worse than serving | 0.90001 against 0.90002 (run 01JCZX44) | short by 1e-05",
                     id="a hair worse"),
        pytest.param(Gate(metric="auc", against="serving", tolerance=0.5, direction="minimize"), 12.0, 11.5,
                     "auc within 0.50 of serving | 12.000 against 11.500 (run 01JCZX44) | holds", id="minimize"),
        pytest.param(Gate(metric="auc", against="serving", tolerance=0.5, direction="minimize"), 12.1, 11.5,
                     "auc within 0.50 of serving | 12.100 against 11.500 (run 01JCZX44) | over by 0.100",
                     id="minimize over"),
        pytest.param(Gate(metric="auc", against="serving", tolerance=0.01), 0.871, None,
                     "auc within 0.01 of serving | 0.871 | holds, nothing serves yet", id="nothing serves"),
        pytest.param(Gate(metric="auc", against="serving", min=0.9), 0.871, None,
                     "auc ≥ 0.90 and no worse than serving | 0.871 | short by 0.029", id="min without serving"),
    ],
)  # fmt: skip
def test_against_serving(gate: Gate, observed: float, serving: float | None, expected: str) -> None:
    theirs = measured({"auc": serving}) if serving is not None else None
    assert line(judged(gate, measured({"auc": observed}), theirs)) == expected


@pytest.mark.parametrize(
    ("gate", "expected"),
    [
        pytest.param(Gate(metric="auc", against="naive", margin=0.05),
                     "auc 0.05 above naive | 0.871 against 0.500 | holds", id="above"),
        pytest.param(Gate(metric="rmse", against="naive", margin=2, direction="minimize"),
                     "rmse 2 below naive | 11.000 against 12.500 | over by 0.500", id="below"),
        pytest.param(Gate(metric="f1", against="naive"),
                     "f1 no worse than naive | – | no such metric: `naive.f1`; there are: `naive.auc`, `naive.rmse`",
                     id="no naive"),
        pytest.param(Gate(metric="recall", against="naive"),
                     "recall no worse than naive | – | no such metric; there are: `auc`, `f1`, `rmse`", id="no metric"),
    ],
)  # fmt: skip
def test_against_naive(gate: Gate, expected: str) -> None:
    metrics = measured({"auc": 0.871, "f1": 0.5, "rmse": 11.0}, {"auc": 0.5, "rmse": 12.5})
    assert line(judged(gate, metrics)) == expected


@pytest.mark.parametrize(
    ("gate", "carriers", "expected"),
    [
        pytest.param(Gate(metric="auc", slice="carrier", min=0.7, min_samples=200), CARRIERS,
                     "auc ≥ 0.70 for every carrier | lowest HA 0.731 (n=342), 1 too small to judge (n < 200) | holds",
                     id="holds"),
        pytest.param(Gate(metric="auc", slice="carrier", max=0.8, min_samples=200), CARRIERS,
                     "auc ≤ 0.80 for every carrier | highest AA 0.880 (n=2,100), 1 too small to judge (n < 200)"
                     " | over by 0.080", id="highest"),
        pytest.param(Gate(metric="auc", slice="carrier", min=0.7), CARRIERS,
                     "auc ≥ 0.70 for every carrier | lowest OO 0.200 (n=29) | short by 0.500", id="fails"),
        pytest.param(Gate(metric="auc", slice="carrier", min=0.7, min_samples=9000), CARRIERS,
                     "auc ≥ 0.70 for every carrier | – | nothing proven: none of 3 slices has n ≥ 9,000",
                     id="all small"),
        pytest.param(Gate(metric="auc", slice="carrier", min=0.7), {},
                     "auc ≥ 0.70 for every carrier | – | nothing proven: none of 0 slices has n ≥ 0", id="no slice"),
        pytest.param(Gate(metric="auc", slice="origin", min=0.7), CARRIERS,
                     "auc ≥ 0.70 for every origin | – | no slices by `origin`; there are: `carrier`", id="no column"),
        pytest.param(Gate(metric="f1", slice="carrier", min=0.7), CARRIERS,
                     "f1 ≥ 0.70 for every carrier | – | "
                     "no such metric for carrier AA (n=2,100), HA (n=342), OO (n=29)", id="no metric"),
        pytest.param(Gate(metric="auc", slice="carrier", against="serving"), CARRIERS,
                     "auc no worse than serving for every carrier | worst OO 0.200 (n=29) | holds, nothing serves yet",
                     id="nothing serves"),
    ],
)  # fmt: skip
def test_slices(gate: Gate, carriers: dict[str, tuple[float, int]], expected: str) -> None:
    assert line(judged(gate, measured(carriers=carriers))) == expected


def test_each_slice_is_compared_with_the_same_slice_of_serving() -> None:
    gate = Gate(metric="auc", slice="carrier", against="serving", tolerance=0.01)
    serving = measured(carriers={"AA": (0.9, 2100), "HA": (0.79, 342)})

    result = judged(gate, measured(carriers=CARRIERS), serving)

    assert line(result) == (
        "auc within 0.01 of serving for every carrier | "
        "worst HA 0.731 against 0.790 (n=342), 1 not in serving | short by 0.049"
    )
    assert result.helps == (
        "`carrier` fails for 2 of 2: HA 0.731 against 0.790 (n=342), AA 0.880 against 0.900 (n=2,100)",
    )


def test_serving_without_the_slices_proves_nothing() -> None:
    gate = Gate(metric="auc", slice="carrier", against="serving")
    result = judged(gate, measured(carriers=CARRIERS), measured(carriers={"UA": (0.9, 10)}))
    assert (result.holds, result.verdict) == (False, "nothing proven: serving has no `auc` by `carrier`")


def test_serving_without_the_metric_does_not_hold() -> None:
    result = judged(Gate(metric="auc", against="serving"), measured({"auc": 0.9}), measured({"f1": 0.5}))
    assert (result.holds, result.verdict) == (False, "serving has no such metric; it has: `f1`")


def test_slice_is_compared_with_its_own_naive_forecast_or_that_of_all_rows() -> None:
    gate = Gate(metric="auc", slice="carrier", against="naive", margin=0.1)
    slices = {"AA": SliceMetrics(10, {"auc": 0.7, "naive.auc": 0.65}), "UA": SliceMetrics(10, {"auc": 0.7})}
    metrics = Metrics({}, {"auc": 0.5}, {"carrier": slices}, {})
    result = judged(gate, metrics)
    assert (result.observed, result.verdict) == ("worst AA 0.700 against 0.650 (n=10)", "short by 0.050")


@pytest.mark.parametrize(
    ("gate", "value", "reference"),
    [
        pytest.param(Gate(metric="auc", against="naive", margin=0.2), 0.3, 0.1, id="0.1 + 0.2 is 0.3"),
        pytest.param(Gate(metric="auc", against="serving", tolerance=0.01), 0.861, 0.871, id="0.871 - 0.861 is 0.01"),
    ],
)
def test_numbers_are_compared_as_they_are_written(gate: Gate, value: float, reference: float) -> None:
    theirs = measured({"auc": reference})
    assert judged(gate, measured({"auc": value}, naive={"auc": reference}), theirs).holds


def test_failed_serving_gate_names_the_slices_that_lost_most() -> None:
    ours = measured({"auc": 0.842}, carriers={"EV": (0.80, 4912), "MQ": (0.80, 2105), "AA": (0.9, 50)})
    theirs = measured({"auc": 0.868}, carriers={"EV": (0.861, 4912), "MQ": (0.848, 2105), "AA": (0.89, 50)})
    result = judged(Gate(metric="auc", against="serving", tolerance=0.01), ours, theirs)
    assert result.shortfall == pytest.approx(0.016)
    assert result.helps == ("by `carrier`, lost most: EV −0.061 (n=4,912), MQ −0.048 (n=2,105)",)


def test_smaller_is_better_when_minimizing() -> None:
    ours = measured({"auc": 9.0}, carriers={"EV": (9.5, 10), "MQ": (7.0, 10)})
    theirs = measured({"auc": 8.0}, carriers={"EV": (8.0, 10), "MQ": (8.0, 10)})
    result = judged(Gate(metric="auc", against="serving", direction="minimize"), ours, theirs)
    assert result.helps == ("by `carrier`, lost most: EV +1.500 (n=10)",)


numbers = st.floats(allow_nan=False, allow_infinity=False)
decimals = st.decimals(-1000, 1000, places=4)
amounts = st.decimals(0, 10, places=4)


@given(value=decimals, serving=decimals, tolerance=amounts, direction=st.sampled_from(["maximize", "minimize"]))
def test_tolerance_is_decimal_arithmetic(value: Decimal, serving: Decimal, tolerance: Decimal, direction: str) -> None:
    gate = Gate(metric="auc", against="serving", tolerance=float(tolerance), direction=direction)
    result = judged(gate, measured({"auc": float(value)}), measured({"auc": float(serving)}))
    within = value >= serving - tolerance if direction == "maximize" else value <= serving + tolerance
    assert result.holds == within


@given(value=numbers, low=numbers, better=numbers)
def test_a_better_figure_never_fails_where_a_worse_one_holds(value: float, low: float, better: float) -> None:
    assume(better >= value)
    gate = Gate(metric="auc", min=low)
    assert judged(gate, measured({"auc": value})).holds <= judged(gate, measured({"auc": better})).holds


@given(value=numbers, low=numbers)
def test_what_is_shown_agrees_with_the_verdict(value: float, low: float) -> None:
    result = judged(Gate(metric="auc", min=low), measured({"auc": value}))
    shown_bound = float(result.expectation.removeprefix("auc ≥ ").replace(",", ""))
    assert (float(result.observed.replace(",", "")) >= shown_bound) == result.holds == (value >= low)


@given(
    gate=st.builds(
        Gate,
        metric=st.text(),
        min=st.none() | numbers,
        against=st.sampled_from([None, "serving", "naive"]),
        tolerance=numbers,
        slice=st.none() | st.text(),
        min_samples=st.integers(0),
    )
)
def test_gates_survive_json(gate: Gate) -> None:
    assert Gate.from_json(json.loads(json.dumps(gate.to_json()))) == gate


def test_json_is_what_the_language_writes() -> None:
    document = {"metric": "auc", "min": 0.7, "slice": "carrier", "minSamples": 200}
    assert Gate.from_json(document).to_json() == document
    with pytest.raises(TypeError):
        Gate.from_json({"metric": "auc", "minimum": 0.7})
