"""The text format of Prometheus, read back as its specification says, and what is counted of traffic."""

import math
import re
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlopsctl.runtime.exposition import Family, Sample, exposition, histogram
from mlopsctl.runtime.traffic import LIMITS, Traffic

LINE: Final = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\n"])*",?)*)\} (\S+)')
LABEL: Final = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\\n]|\\[\\n"])*)"')
ESCAPES: Final = {"\\\\": "\\", "\\n": "\n", '\\"': '"'}


def read(page: str) -> list[tuple[str, dict[str, str], float]]:
    """The samples of a page, each of whose lines has to be one or a comment."""
    assert page.endswith("\n") or not page
    found = []
    for line in page.split("\n")[:-1]:
        if line.startswith(("# HELP ", "# TYPE ")):
            continue
        match = LINE.fullmatch(line)
        assert match, line
        labels = {name: re.sub(r"\\.", lambda each: ESCAPES[each[0]], text) for name, text in LABEL.findall(match[2])}
        found.append((match[1], labels, float(match[3])))
    return found


@given(st.dictionaries(st.sampled_from(["a", "b_c", "d"]), st.text()), st.floats(allow_nan=False))
def test_what_is_written_can_be_read(labels: dict[str, str], value: float) -> None:
    family = Family("some_number", "gauge", "What\nit \\ is.", [Sample(labels, value)])
    assert read(exposition([family])) == [("some_number", labels, value)]


def test_a_page_by_hand() -> None:
    families = [
        Family("requests_total", "counter", 'A "help"\n.', [Sample({"code": "200"}, 3), Sample({"code": '4"\\'}, 0.5)]),
        Family("nothing", "gauge", "Not there.", []),
        Family("far", "gauge", "Ends.", [Sample({}, math.inf), Sample({}, -math.inf), Sample({}, math.nan)]),
    ]
    assert exposition(families) == (
        '# HELP requests_total A "help"\\n.\n'
        "# TYPE requests_total counter\n"
        'requests_total{code="200"} 3\n'
        'requests_total{code="4\\"\\\\"} 0.5\n'
        "# HELP far Ends.\n"
        "# TYPE far gauge\n"
        "far{} +Inf\n"
        "far{} -Inf\n"
        "far{} NaN\n"
    )


@given(st.lists(st.floats(0, 20)))
def test_a_histogram_counts_what_is_up_to_each_limit(seconds: list[float]) -> None:
    traffic = Traffic()
    for each in seconds:
        traffic.count(200, each)
    answers = traffic.answered().get(200)
    assert (answers is None) == (not seconds)
    if answers is None:
        return
    family = Family("t", "histogram", "h", histogram({"code": "200"}, LIMITS, answers.counts, answers.seconds))
    samples = {(name, labels.get("le")): value for name, labels, value in read(exposition([family]))}
    for limit in (*LIMITS, math.inf):
        text = "+Inf" if limit == math.inf else str(limit)
        assert samples["t_bucket", text] == sum(each <= limit for each in seconds)
    assert samples["t_count", None] == len(seconds)
    assert samples["t_sum", None] == pytest.approx(sum(seconds))


def test_what_was_read_does_not_change_any_more() -> None:
    traffic = Traffic()
    traffic.count(200, 0.1)
    before = traffic.answered()
    traffic.count(200, 0.1)
    traffic.count(503, 0.1)
    assert list(before) == [200]
    assert sum(before[200].counts) == 1
    assert {status: sum(found.counts) for status, found in traffic.answered().items()} == {200: 2, 503: 1}
