"""What `doctor` saw, as text and as JSON; schemas/output/v1/doctor.json describes the latter."""

from collections.abc import Iterator
from itertools import groupby

from mlopsctl.examination import Examination, Observation, State
from mlopsctl.report.colour import Colour, Paint, painter
from mlopsctl.report.display import display_width, padded, shown, wrapped
from mlopsctl.report.json_output import VERSION, dumped
from mlopsctl.report.wording import counted

_MARKS = {
    State.FINE: ("✓", Colour.GOOD),
    State.WARNING: ("!", Colour.WARNING),
    State.MISSING: ("✗", Colour.ERROR),
    State.ABSENT: ("–", Colour.FAINT),
    State.UNKNOWN: ("?", Colour.WARNING),
}
_NARROWEST = 24  # columns for what is said, even if the terminal is narrower
_HELP = "help: "
_MARGIN = " " * 4


def render_text(examination: Examination, *, colour: bool, width: int) -> str:
    """Where it looked, a line for each observation with the next step below it, and what it comes to."""
    paint = painter(colour=colour)
    lines = [_header(examination)]
    for part, observations in groupby(examination.observations, key=lambda one: one.part):
        lines += ["", paint(shown(part), Colour.STRONG), *_part(list(observations), paint, width)]
    return "\n".join([*lines, "", paint(_footer(examination), Colour.STRONG)]) + "\n"


def render_json(examination: Examination) -> str:
    """The same, as one JSON object."""
    target = examination.target
    return dumped(
        {
            "version": VERSION,
            "environment": examination.environment or None,
            "target": target
            and {"context": target.context, "server": target.server or None, "namespace": target.namespace or None},
            "ready": examination.is_ready,
            "observations": [
                {
                    "part": one.part,
                    "subject": one.subject,
                    "state": one.state.value,
                    "found": one.found,
                    "help": one.help or None,
                }
                for one in examination.observations
            ],
        }
    )


def _header(examination: Examination) -> str:
    target = examination.target
    if target is None:
        return " · ".join(filter(None, (shown(examination.environment), "this machine")))
    server = f" ({target.server})" if target.server else ""
    namespace = f"namespace {target.namespace}" if target.namespace else ""
    parts = (examination.environment, f"context {target.context}{server}", namespace)
    return " · ".join(shown(part) for part in parts if part)


def _part(observations: list[Observation], paint: Paint, width: int) -> Iterator[str]:
    names = max(display_width(shown(one.subject)) for one in observations)
    for one in observations:
        yield from _lines(one, names, paint, width)


def _lines(one: Observation, names: int, paint: Paint, width: int) -> Iterator[str]:
    mark, hue = _MARKS[one.state]
    margin = " " * (names + 6)
    first, *rest = wrapped(shown(one.found), max(width - len(margin), _NARROWEST))
    yield f"  {paint(mark, hue)} {padded(shown(one.subject), names)}  {first}"
    yield from (margin + line for line in rest)
    if one.help:
        first, *rest = wrapped(shown(one.help), max(width - len(_MARGIN) - len(_HELP), _NARROWEST))
        yield f"{_MARGIN}{paint(_HELP, Colour.FAINT)}{first}"
        yield from (f"{_MARGIN}{' ' * len(_HELP)}{line}" for line in rest)


def _footer(examination: Examination) -> str:
    missing, warnings, unknown = map(examination.count, (State.MISSING, State.WARNING, State.UNKNOWN))
    counts = {f"{missing} missing": missing, counted(warnings, "warning"): warnings, f"{unknown} not seen": unknown}
    said = ", ".join(words for words, count in counts.items() if count)
    if not examination.is_ready:
        return f"Not ready: {said}"
    return f"Nothing needed is missing: {said}" if said else "All that is needed is there"
