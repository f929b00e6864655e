"""Where a release answers, once it does."""

import json

from mlopsctl.plan.overrides import Override
from mlopsctl.report.display import shown
from mlopsctl.report.overrides import by_whom
from mlopsctl.report.wording import short_run
from mlopsctl.store import Release


def render_text(release: Release, url: str, predict_url: str, metrics_url: str) -> str:
    """A few lines for people; one about metrics if there are any."""
    # What a command of the user's answers there is for the user to say.
    protocol = " (Open Inference Protocol v2)" if release.server.get("format") else ""
    return (
        f"Serving {release.pipeline}, run {short_run(release.run)}, at {url}\n"
        f"Predictions{protocol}: POST {predict_url}\n"
        + (f"Metrics for Prometheus: GET {metrics_url}\n" if metrics_url else "")
    )


def render_json(release: Release, url: str, predict_url: str, metrics_url: str) -> str:
    """One JSON object on a line of its own, for scripts that wait for it."""
    document = {
        "version": 1,
        "pipeline": release.pipeline,
        "run": release.run,
        "model": release.model.digest,
        "url": url,
        "predict_url": predict_url,
        "metrics_url": metrics_url,
    }
    return json.dumps(document) + "\n"


def render_stopped_text(override: Override, url: str, *, by_fallback: bool) -> str:
    """Two lines for people: that it is stopped, and what callers get."""
    name, answer = shown(override.pipeline), "by the fallback" if by_fallback else "with 503"
    return f"{name} is stopped {by_whom(override)}.\nRequests to {url} are answered {answer} until it is resumed.\n"


def render_stopped_json(override: Override, url: str, *, by_fallback: bool) -> str:
    """One JSON object on a line of its own."""
    document = {"version": 1, "pipeline": override.pipeline, "stopped": True, "by": override.by, "at": override.at}
    return json.dumps({**document, "why": override.why, "url": url, "fallback": by_fallback}) + "\n"
