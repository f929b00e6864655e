"""Turning back at once where git says what serves: an override of people, until git agrees; against an API server."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.cluster.commanding import Repository, repository
from tests.cluster.conftest import Reached
from tests.cluster.standing_in import controllers
from tests.cluster.test_apply import OUTPUT, more_trees
from tests.cluster.test_approvals import RELEASE
from tests.scenarios.project import ended
from tests.waiting import PATIENCE, until

A, B, C, D, E = (f"01JD3WQ{number}000000000000000000" for number in (7, 8, 9, "A", "B"))


@pytest.fixture
def project(api_server: Reached, tmp_path: Path) -> Iterator[Repository]:
    """A project in whose environment git says what serves."""
    made = repository(tmp_path / "flight-delays", api_server)
    made.edit("environments/staging.yaml", ("releases: continuous", "releases: pinned"))
    made.admin.create("/api/v1/namespaces", {"metadata": {"name": made.namespace}})
    yield made
    made.admin.delete(f"/api/v1/namespaces/{made.namespace}")


@pytest.fixture
def pinned(project: Repository) -> Iterator[Repository]:
    """The same, of which three releases were applied, one after another."""
    with controllers(project.admin, [project.namespace]):
        applied(project, A, B, C)
        yield project


def applied(project: Repository, *runs: str) -> None:
    for run in runs:
        release(project, run)
        project.mlopsctl("apply", "--auto-approve")


def release(project: Repository, run: str) -> None:
    """Git names the release of a run, as a merge of its promotion would have it."""
    text = RELEASE.format(commit="0" * 40, model=_model(run)).replace("01JD3WQ7000000000000000000", run)
    file = project.folder / "releases" / "staging" / "flight-delays.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
    project.commit(f"Release {run}")


def _model(run: str) -> str:
    return {A: "a", B: "b", C: "c", D: "d", E: "e"}[run] * 64


def route(project: Repository) -> dict[str, Any]:
    path = project.path("httproutes", "flight-delays", group="gateway.networking.k8s.io/v1")
    found: dict[str, Any] = project.admin.ask("GET", path)
    return found


def led(project: Repository) -> list[str]:
    """The last letters of the services that get the requests."""
    backends = [each for rule in route(project)["spec"]["rules"] for each in rule.get("backendRefs") or ()]
    assert all(each["weight"] == 100 for each in backends)
    return [each["name"].removesuffix("-predictor")[-1] for each in backends]


def test_requests_go_back_at_once_and_stay_there_until_git_agrees(pinned: Repository) -> None:
    assert led(pinned) == ["c"]
    gone = pinned.mlopsctl("rollback", "flight-delays", "--env", "staging", "--now", "--to", A, code=1).err
    assert "error[MLO788]: run 01JD3WQ70000 of `flight-delays` can't serve at once in staging" in gone
    assert led(pinned) == ["c"]

    store_away(pinned)
    said = pinned.mlopsctl("rollback", "flight-delays", "--env", "staging", "--now", "--reason", "late").out
    assert said.startswith("flight-delays in staging serves run 01JD3WQ80000 again, in place of 01JD3WQ90000.")
    assert led(pinned) == ["b"]
    assert route(pinned)["spec"]["rules"][0]["filters"], "only where they lead is another"
    again = pinned.mlopsctl("rollback", "flight-delays", "--env", "staging", "--now").out
    assert "has this release already" in again

    # Plans and applies see it and leave it, whatever else git comes to say.
    more_trees(pinned)
    planned = pinned.mlopsctl("plan", "--output", "json")
    assert "warning[MLO789]: git still names run 01JD3WQ90000" in planned.err
    document = json.loads(planned.out)
    Draft202012Validator(json.loads((OUTPUT / "plan.json").read_text())).validate(document)
    assert [(each["left"], each["to"]) for each in document["turned_back"]] == [(C, B)]
    pinned.mlopsctl("apply", "--auto-approve")
    assert led(pinned) == ["b"]
    status = json.loads(pinned.mlopsctl("status", "--env", "staging", "--output", "json").out)
    Draft202012Validator(json.loads((OUTPUT / "status.json").read_text())).validate(status)
    (standing,) = status["environments"][0]["pipelines"]
    assert (standing["serving"]["run"], standing["differs"], standing["turned_back"]["left"]) == (B, "", C)

    stopped_and_resumed(pinned)
    obeyed_again(pinned)
    kept_stopped(pinned)
    handed_to_runs(pinned)
    nothing_named(pinned)
    first_fallback(pinned)


def test_an_apply_that_brings_a_release_leaves_requests_where_somebody_turned_them_back_to(project: Repository) -> None:
    with controllers(project.admin, [project.namespace]):
        applied(project, A, B)
    release(project, C)
    apply = project.start("apply", "--auto-approve")  # which waits for the third to be ready
    until(lambda: apply.poll() is not None or _is_there(project, C))
    rollback = project.start("rollback", "flight-delays", "--env", "staging", "--now", "--reason", "wrong data")
    until(lambda: rollback.poll() is not None or annotations(project) == {"mlopsctl.dev/turned-back"})
    with controllers(project.admin, [project.namespace]):
        said = ended(rollback, 0, patience=PATIENCE).out
        assert "serves run 01JD3WQ80000 again, in place of 01JD3WQ90000" in said
        ended(apply, 0, patience=PATIENCE)
        assert led(project) == ["b"]
        planned = project.mlopsctl("plan")
        assert "warning[MLO789]" in planned.err
        assert "No changes" in planned.out


def _is_there(project: Repository, run: str) -> bool:
    names = project.names("inferenceservices", group="serving.kserve.io/v1beta1")
    return any(name.endswith(_model(run)[:8]) for name in names)


def store_away(pinned: Repository) -> None:
    """Requests go back also while the store can't be reached, and whoever is told of that is told so."""
    store, aside = pinned.folder.parent / "store", pinned.folder.parent / "aside"
    if store.exists():
        store.rename(aside)
    store.write_text("no folder")
    said = pinned.mlopsctl("rollback", "flight-delays", "--env", "staging", "--now", code=1).err
    assert "warning[MLO768]: run 01JD3WQ80000 of `flight-delays` gets all requests in staging all the same" in said
    assert led(pinned) == ["b"]
    store.unlink()
    if aside.exists():
        aside.rename(store)


def stopped_and_resumed(pinned: Repository) -> None:
    """A stop comes on top of it, and ends in it."""
    pinned.mlopsctl("stop", "flight-delays", "--env", "staging")
    assert led(pinned) == []
    # So no job refuses what is only stopped, and turns back from that.
    assert "nothing to verify until it is resumed" in pinned.mlopsctl("verify", "flight-delays", "--env", "staging").out
    stopped = pinned.mlopsctl("rollback", "flight-delays", "--env", "staging", "--now").out
    assert "is stopped, and stays so" in stopped
    assert led(pinned) == []
    assert "run 01JD3WQ80000 gets all requests" in pinned.mlopsctl("resume", "flight-delays", "--env", "staging").out
    assert led(pinned) == ["b"]


def obeyed_again(pinned: Repository) -> None:
    """Git names another, and nothing is left of the override."""
    release(pinned, D)
    assert "git names another release than was turned back from" in pinned.mlopsctl("plan").out
    pinned.mlopsctl("apply", "--auto-approve")
    assert led(pinned) == ["d"]
    assert "mlopsctl.dev/turned-back" not in (route(pinned)["metadata"].get("annotations") or {})
    planned = pinned.mlopsctl("plan", "--detailed-exitcode")
    assert "MLO789" not in planned.err
    assert "Turned back" not in planned.out


def kept_stopped(pinned: Repository) -> None:
    """Without --now the commit isn't merged, so git still names what is rejected, and nobody is led there anew."""
    pinned.mlopsctl("stop", "flight-delays", "--env", "staging")
    pinned.mlopsctl("rollback", "flight-delays", "--env", "staging")
    assert "MLO777" in pinned.mlopsctl("resume", "flight-delays", "--env", "staging", code=5).err
    assert led(pinned) == []
    release(pinned, B)
    pinned.mlopsctl("apply", "--auto-approve")
    pinned.mlopsctl("resume", "flight-delays", "--env", "staging")
    assert led(pinned) == ["b"]


def handed_to_runs(pinned: Repository) -> None:
    """From now on runs say what serves: until one does, requests stay where somebody turned them back to."""
    turned_back_from(pinned, A)
    pinned.edit("environments/staging.yaml", ("releases: pinned", "releases: continuous"))
    pinned.commit("By runs")
    assert "until one does, it is where" in pinned.mlopsctl("plan").out
    pinned.mlopsctl("apply", "--auto-approve")
    assert led(pinned) == ["b"]
    assert not annotations(pinned)
    assert managers_of_rules(pinned) == ["mlopsctl"], "which runs take over, and people's overrides not"
    assert "No changes" in pinned.mlopsctl("plan").out
    pinned.edit("environments/staging.yaml", ("releases: continuous", "releases: pinned"))


def nothing_named(pinned: Repository) -> None:
    """Git names no release any more, and none is served, also none that somebody turned back to."""
    turned_back_from(pinned, E)
    (pinned.folder / "releases" / "staging" / "flight-delays.yaml").unlink()
    pinned.commit("Nothing")
    assert "turned back to gets no requests either" in pinned.mlopsctl("plan").out
    pinned.mlopsctl("apply", "--auto-approve")
    assert led(pinned) == []
    assert not annotations(pinned)
    assert "No changes" in pinned.mlopsctl("plan").out


def first_fallback(pinned: Repository) -> None:
    """What is stopped gets its first fallback, which a plan says doesn't answer by itself; and then all is deleted."""
    pinned.mlopsctl("stop", "flight-delays", "--env", "staging")
    pinned.edit(
        "pipeline.yaml",
        (
            "server: {format: sklearn}",
            'server: {format: sklearn}\n      fallback: {run: "python -m http.server ${port}"}',
        ),
    )
    pinned.commit("A fallback")
    assert "its first fallback answers once it was resumed and is stopped again" in pinned.mlopsctl("plan").out
    said = pinned.mlopsctl("destroy", "--env", "staging", "--auto-approve").out
    assert re.search("stopped by .*, which ends with it", said)
    assert "apply leaves it so" not in said


def turned_back_from(pinned: Repository, run: str) -> None:
    """Git names this run, and somebody leads the requests to the one before, which is the second."""
    release(pinned, run)
    pinned.mlopsctl("apply", "--auto-approve")
    assert led(pinned) == [_model(run)[0]]
    pinned.mlopsctl("rollback", "flight-delays", "--env", "staging", "--now")
    assert led(pinned) == ["b"]


def annotations(pinned: Repository) -> set[str]:
    """Those of the route by which people set something."""
    names = route(pinned)["metadata"].get("annotations") or {}
    return names.keys() & {"mlopsctl.dev/turned-back", "mlopsctl.dev/stopped"}


def managers_of_rules(pinned: Repository) -> list[str]:
    entries = route(pinned)["metadata"]["managedFields"]
    return [each["manager"] for each in entries if "f:rules" in each["fieldsV1"].get("f:spec", {})]
