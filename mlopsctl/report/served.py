"""Where a release answers, once it does."""

import json

from mlopsctl.report.wording import short_run
from mlopsctl.store import Release


def render_text(release: Release, url: str, predict_url: str) -> str:
    """Two lines for people."""
    # What a command of the user's answers there is for the user to say.
    protocol = " (Open Inference Protocol v2)" if release.server.get("format") else ""
    return (
        f"Serving {release.pipeline}, run {short_run(release.run)}, at {url}\n"
        f"Predictions{protocol}: POST {predict_url}\n"
    )


def render_json(release: Release, url: str, predict_url: str) -> str:
    """One JSON object on a line of its own, for scripts that wait for it."""
    document = {
        "version": 1,
        "pipeline": release.pipeline,
        "run": release.run,
        "model": release.model.digest,
        "url": url,
        "predict_url": predict_url,
    }
    return json.dumps(document) + "\n"
