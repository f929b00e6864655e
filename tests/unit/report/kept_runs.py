"""Kept runs, as a store would give them back."""

from mlopsctl.report.comparison import KeptRun
from mlopsctl.store import Artifact, Release, RunRecord, RunStage, SearchRecord, StageRecord, TrialRecord

RUN = "01JD3WQ7B4M2X8T6V0KZ9C5HNE"
EARLIER = "01JCZX44Q2A7R5S8T1V3W6Y9ZB"
STARTED = "2026-03-02T02:11:00+00:00"
ENDED = "2026-03-02T02:11:46.800000+00:00"


def digest(letter: str) -> str:
    return "sha256:" + letter * 64


def check(observed: str, verdict: str, *, holds: bool) -> dict[str, object]:
    return {
        "expectation": "auc within 0.01 of serving",
        "observed": observed,
        "verdict": verdict,
        "holds": holds,
    }


def result(
    stage: str, kind: str, made: Artifact, *, run: str, data: dict[str, object] | None = None, code: str = "c"
) -> StageRecord:
    return StageRecord(
        key=stage * 4,
        stage=stage,
        kind=kind,
        parts={"code": "", "requirements": ""}
        if kind == "data"
        else {"code": digest(code), "requirements": digest("9")},
        outcome="done",
        started=STARTED,
        ended=ENDED,
        seconds=41.2,
        attempts=1,
        run=run,
        outputs={"data" if kind == "data" else stage: made},
        data=data or {},
    )


def trial(number: int, value: float | None, why: str = "") -> TrialRecord:
    params = {"depth": number, "rate": 0.0123456 * number}
    return TrialRecord(number=number, params=params, value=value, seconds=4.0 * number, key="t" * 64, run=RUN, why=why)


SEARCH = SearchRecord(
    metric="auc",
    direction="maximize",
    best=3,
    trials=[
        trial(1, None, "the command of `model` failed with exit code 1"),
        *(trial(number, value) for number, value in enumerate([0.85, 0.871, 0.8412, 0.871], 2)),
    ],
)
MODEL = Artifact(digest=digest("7"), size=1_400_000, kind="file", name="model.joblib")
LATER = KeptRun(
    RunRecord(
        run=RUN,
        pipeline="flight-delays",
        environment="local",
        project="flights",
        commit="3f2c91a",
        changed_files=2,
        started=STARTED,
        ended=ENDED,
        outcome="done",
        params={"month": "2013-03", "trees": 400},
        stages={
            "flights": RunStage(
                kind="data",
                key="f" * 64,
                outcome="cached",
                reason="cached from 01JD2R1K",
                seconds=0,
                summary="30,948 rows",
                cached_from=EARLIER,
            ),
            "model": RunStage(
                kind="train",
                key="m" * 64,
                outcome="done",
                reason="params changed: trees",
                seconds=41.2,
                summary="trees=400",
            ),
            "quality": RunStage(
                kind="evaluate",
                key="q" * 64,
                outcome="done",
                reason="its input model changed",
                seconds=3.1,
                summary="auc 0.871",
                checks=[check("0.871 against 0.868", "holds", holds=True)],
                metrics={"auc": 0.871, "brier": 0.1042, "naive.auc": 0.5, "slices.carrier.AA.auc": 0.88},
            ),
        },
        release=Release(
            run=RUN,
            commit="3f2c91a",
            pipeline="flight-delays",
            model=MODEL,
            data={"flights": digest("a")},
            requirements=digest("9"),
            metrics={"auc": 0.871},
            evidence=digest("e"),
            server={"format": "sklearn"},
            since=ENDED,
        ),
    ),
    {
        "flights": result(
            "flights", "data", Artifact(digest("a"), 2_400_000, "file", "flights.csv"), run=RUN, data={"rows": 30_948}
        ),
        "model": result("model", "train", MODEL, run=RUN),
    },
)
FORMER = KeptRun(
    RunRecord(
        run=EARLIER,
        pipeline="flight-delays",
        environment="local",
        project="flights",
        commit="8d11e02",
        changed_files=0,
        started="2026-02-01T02:11:00+00:00",
        ended="2026-02-01T02:12:00+00:00",
        outcome="refused",
        params={"month": "2013-02", "trees": 200},
        stages={
            "flights": RunStage(kind="data", key="f" * 64, outcome="done", reason="", seconds=1, summary="28,834 rows"),
            "quality": RunStage(
                kind="evaluate",
                key="q" * 64,
                outcome="refused",
                reason="",
                seconds=3.1,
                summary="auc 0.842",
                checks=[check("0.842 against 0.868", "short by 0.016", holds=False)],
                metrics={"auc": 0.842, "brier": 0.1042},
            ),
        },
    ),
    {
        "flights": result(
            "flights", "data", Artifact(digest("b"), 2_100_000, "file", "f.csv"), run=EARLIER, data={"rows": 28_834}
        ),
        "model": result("model", "train", Artifact(digest("6"), 1_300_000, "file", "m"), run=EARLIER, code="d"),
    },
)
