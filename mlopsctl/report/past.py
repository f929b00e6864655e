"""How pipelines stood at a moment of the past."""

from dataclasses import asdict
from datetime import tzinfo

from mlopsctl.release.past import Past, Then
from mlopsctl.report.display import display_width, padded, shown
from mlopsctl.report.json_output import VERSION, dumped
from mlopsctl.report.wording import metric, moment, short_run

_MOST_METRICS = 6


def render_text(past: Past, *, zone: tzinfo | None = None) -> str:
    """A block for each pipeline with a line for each environment; `zone` is the reader's, None that of this machine."""
    lines = [f"as of {moment(past.at.isoformat(), zone)}"]
    width = max((display_width(shown(each.environment)) for each in past.known), default=0)
    for pipeline in dict.fromkeys(each.pipeline for each in past.known):
        lines.append(shown(pipeline))
        of_it = (each for each in past.known if each.pipeline == pipeline)
        lines += [f"  {padded(shown(each.environment), width)}  {_said(each, zone)}" for each in of_it]
    lines += [f"{shown(name)}: not reached: {shown(why)}" for name, why in past.unreachable.items()]
    return "\n".join(lines) + "\n"


def render_json(past: Past) -> str:
    """The same for programs; schemas/output/v1/status-at.json describes it."""
    known = [asdict(each) for each in past.known]
    return dumped({"version": VERSION, "at": past.at.isoformat(), "pipelines": known, "unreachable": past.unreachable})


def _said(then: Then, zone: tzinfo | None) -> str:
    stopped = f" · stopped {shown(then.stopped)}" if then.stopped else ""
    if not then.run:
        return f"nothing is known to have served{stopped}"
    named = [f"{shown(name)} {metric(value)}" for name, value in then.metrics.items()][:_MOST_METRICS]
    measured = f" · {', '.join(named)}" if named else ""
    return f"served {short_run(then.run)} since {moment(then.since, zone)}, {shown(then.who)}{measured}{stopped}"
