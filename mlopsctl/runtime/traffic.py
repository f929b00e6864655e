"""How many requests a server has answered, how, and how fast."""

from bisect import bisect_left
from dataclasses import dataclass, field

# Seconds, as clients of Prometheus have them where nobody says otherwise.
LIMITS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(slots=True)
class Answers:
    """Answers with the same status: how many took up to each of LIMITS but no less, then longer, and the sum of all."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(LIMITS) + 1))
    seconds: float = 0.0


class Traffic:
    """Counts since it was made. One thread counts, any may read."""

    def __init__(self) -> None:
        self._answers: dict[int, Answers] = {}

    def count(self, status: int, seconds: float) -> None:
        """Take one answer into account."""
        answers = self._answers.setdefault(status, Answers())
        answers.counts[bisect_left(LIMITS, seconds)] += 1
        answers.seconds += seconds

    def answered(self) -> dict[int, Answers]:
        """A copy of the counts, by status."""
        return {status: Answers(list(found.counts), found.seconds) for status, found in list(self._answers.items())}
