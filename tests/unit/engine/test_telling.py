"""What a pod prints of a stage is read again as the events that it was made of."""

from hypothesis import given
from hypothesis import strategies as st

from mlopsctl.engine.telling import Hearing, TrialHearing, end_line, told, trial_end_line, trial_line
from mlopsctl.events import Outcome, StageOutput, StageStarted, StageWaiting

LINES = st.lists(st.text(st.characters(exclude_categories=["C", "Z"]), max_size=8))


@given(
    lines=LINES,
    outcome=st.sampled_from(list(Outcome)),
    reason=st.sampled_from(["", "first run", "code changed: a.py"]),
    is_mixed=st.booleans(),
)
def test_all_that_was_told_is_heard(*, lines: list[str], outcome: Outcome, reason: str, is_mixed: bool) -> None:
    began = StageStarted(stage="model", kind="train", attempt=2, reason=reason)
    waits = StageWaiting(stage="model", kind="train", why="the store is out of reach", is_trouble=True)
    events = [waits, began, *(StageOutput(stage="model", line=line) for line in lines), waits]
    end = [end_line("model", outcome, "done"), "error[MLO801]: the command failed"]
    log = ["churn · staging · run 01", *(told(event) or "" for event in events), *(reversed(end) if is_mixed else end)]
    hearing = Hearing("model", "train", 2)
    assert [event for line in log if (event := hearing.heard(line))] == events


def test_a_log_that_never_came_to_the_stage_tells_nothing() -> None:
    hearing = Hearing("model", "train", 1)
    assert [hearing.heard(line) for line in ("error[MLO880]: not set", "▸ other: first run")] == [None, None]


def test_of_a_trial_its_lines_are_heard() -> None:
    hearing = TrialHearing("model", 2, 40)
    log = ["churn · staging · run 01", trial_line(2, 40, "trees=7"), "training", "attempt 1 failed (oom)"]
    log.insert(3, 'time="2026-11-21T10:00:00Z" level=info msg="sub-process exited" argo=true error="<nil>"')
    log += [trial_end_line(2, 40, Outcome.DONE, "auc 0.8"), "not the command's"]
    heard = [event for line in log if (event := hearing.heard(line))]
    assert heard == [StageOutput(stage="model", line=f"2 │ {line}") for line in (log[2], log[4])]
