"""The kill switch: no request reaches a model that was stopped, whatever applies and runs do, until it is resumed."""

import sys
import time
from pathlib import Path

import pytest

from mlopsctl.store import Store
from tests.cluster.conftest import Whole
from tests.cluster.lines import SERVE, SERVICE, SERVING, Applied, Callers, calling
from tests.cluster.objects import Objects
from tests.waiting import until

SCHEDULED = f"""\
{SERVING}\
      fallback: {{run: "python serve.py naive.json ${{port}}"}}
  schedule: {{cron: "0 3 1 1 *"}}
"""
NAIVE = '{"total": "who knows"}'
ROUTE = ("gateway.networking.k8s.io/v1", "HTTPRoute", "line")
SCHEDULE = ("argoproj.io/v1alpha1", "CronWorkflow", "line")


@pytest.fixture
def applied(cluster: Whole, namespace: Objects, tmp_path: Path, store: Store) -> Applied:
    folder = tmp_path / "project"
    folder.mkdir()
    found = Applied(
        cluster,
        namespace,
        folder,
        store,
        serving=SCHEDULED,
        releases="continuous",
        files={"serve.py": SERVE, "request.json": "{}", "naive.json": NAIVE},
    )
    done = found.mlopsctl("apply", "--auto-approve")
    assert done.returncode == 0, done.stdout + done.stderr
    return found


def stopped(applied: Applied) -> Callers:
    """Those who called meanwhile. How long it took is printed, for docs/stop-and-rollback.md."""
    with calling(applied) as callers:
        given = time.monotonic()
        said = applied.mlopsctl("stop", "line", "--env", "here", "--reason", "wrong labels")
        ended = time.monotonic()
        assert said.returncode == 0, said.stderr
        assert "answered by the fallback, line-fallback" in said.stdout
        until(lambda: callers.had(NAIVE, 20))
    first = callers.first(NAIVE) - given
    sys.stdout.write(
        f"the fallback's first answer came after {first:.2f} s, `stop` ended after {ended - given:.2f} s\n"
    )
    return callers


def test_what_is_stopped_gets_no_requests_until_it_is_resumed(applied: Applied, namespace: Objects) -> None:
    first = applied.run("first")
    assert set(first.phases().values()) == {"Succeeded"}, first.phases()
    applied.answers({"total": 12})

    callers = stopped(applied)
    # Once the fallback has answered, the model answers none any more, and nobody was left without an answer.
    begun = callers.answers.index(NAIVE)
    assert set(callers.answers[begun:]) == {NAIVE}
    assert set(callers.answers[:begun]) == {'{"total": 12}'}

    schedule = namespace.get(*SCHEDULE)
    assert schedule is not None
    assert schedule["spec"]["suspend"] is True

    again = applied.mlopsctl("stop", "line", "--env", "here", "--reason", "another")
    assert "already" in again.stdout
    assert "wrong labels" in again.stdout

    planned = applied.mlopsctl("plan", "--detailed-exitcode")
    assert planned.returncode == 0, planned.stdout
    assert "\nStopped line by " in planned.stdout
    standing = applied.mlopsctl("status", "line", "--env", "here").stdout
    assert "wrong labels" in standing
    assert "would serve" in standing
    assert "but " not in standing
    assert applied.mlopsctl("apply", "--auto-approve").returncode == 0
    later = applied.run("later", factor="3")
    assert later.faults("serve")[0]["code"] == "MLO892"
    assert applied.answer("/line/anything").decode() == NAIVE
    assert len(namespace.listed(*SERVICE)) == 1

    resumed = applied.mlopsctl("resume", "line", "--env", "here")
    assert resumed.returncode == 0, resumed.stderr
    applied.answers({"total": 12})
    planned = applied.mlopsctl("plan", "--detailed-exitcode")
    assert planned.returncode == 0, planned.stdout
    route = namespace.get(*ROUTE)
    assert route is not None
    assert "mlopsctl.dev/stopped" not in (route["metadata"].get("annotations") or {})
    rolled_back(applied, namespace)


def rolled_back(applied: Applied, namespace: Objects) -> None:
    """Another model serves and is turned away from, within seconds, for good; first as it begins to get requests."""
    second = applied.run("second", factor="4")
    assert set(second.phases().values()) == {"Succeeded"}, second.phases()
    applied.answers({"total": 24})
    with calling(applied) as callers:
        said = applied.mlopsctl("rollback", "line", "--env", "here", "--reason", "worse")
        assert said.returncode == 0, said.stderr
        applied.answers({"total": 12})
    assert set(callers.answers) <= {'{"total": 24}', '{"total": 12}'}
    again = applied.run("again", factor="4")
    assert again.note("serve").stage.outcome == "refused"
    applied.answers({"total": 12})
    assert applied.mlopsctl("plan", "--detailed-exitcode").returncode == 0

    # A rollout is under way: what it gave a share of the requests gets none any more, and the run finds that out.
    applied.edit(
        "pipeline.yaml",
        "  schedule:",
        "      rollout: {canary: {steps: [50%], every: 15s}, checks: [{errors: 0%}]}\n  schedule:",
    )
    applied.edit(
        "pipeline.yaml",
        "      resources: {cpu: 50m",
        "      loadTest: {users: 1, duration: 1s, request: request.json}\n      resources: {cpu: 50m",
    )
    assert applied.mlopsctl("apply", "--auto-approve").returncode == 0
    applied.begin("third", factor="5")
    namespace.wait_for(*ROUTE, lambda found: len(found["spec"]["rules"][0]["backendRefs"]) == 2)
    said = applied.mlopsctl("rollback", "line", "--env", "here")
    assert said.returncode == 0, said.stderr
    assert "the rollout of run" in said.stdout
    third = applied.ended("third")
    assert third.faults("serve")[0]["code"] == "MLO817"
    route = namespace.get(*ROUTE)
    assert route is not None
    assert len(route["spec"]["rules"][0]["backendRefs"]) == 1
    applied.answers({"total": 12})
