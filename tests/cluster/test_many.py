"""A plan of many pipelines in which nothing changes: what it asks doesn't grow with them, on a real API server."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlopsctl.cli import planning
from mlopsctl.cli.screen import Screen
from mlopsctl.cluster import site
from mlopsctl.cluster.objects import PAGE
from tests.bench.many_pipelines import write_project
from tests.cluster.conftest import Reached
from tests.cluster.examining import context_of
from tests.cluster.speaking import Counting


@pytest.fixture
def asked_of(
    api_server: Reached, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[int], tuple[int, list[str]]]:
    """Applies so many pipelines, and gives how many objects a plan finds unchanged and what it asks for."""
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "KUBECONFIG": str(api_server.kubeconfig)}
    connections: list[Counting] = []
    connect = site.connect  # type: ignore[attr-defined]  # where it is called from

    def counting(*arguments: Any, **options: Any) -> Counting:
        connections.append(Counting(connect(*arguments, **options)))
        return connections[-1]

    def asked(count: int) -> tuple[int, list[str]]:
        folder = tmp_path / str(count)
        write_project(folder, count)
        file = folder / "environments" / "staging.yaml"
        context, namespace = context_of(api_server.kubeconfig), f"many-{count}"
        text = file.read_text("utf-8").replace("context: staging", f"context: {context}")
        text = text.replace("s3://ml-artifacts/staging", f"file://{tmp_path / 'store'}")
        file.write_text(text.replace("namespace: many", f"namespace: {namespace}"), "utf-8")
        # Nothing there ever gets well, as there are no controllers; it is all applied by then.
        command = [sys.executable, "-m", "mlopsctl", "apply", "--auto-approve", "--timeout", "1s"]
        subprocess.run(command, cwd=folder, env=environ, check=False, capture_output=True)
        monkeypatch.chdir(folder)
        monkeypatch.setattr(site, "connect", counting)
        plan = planning.make(Screen(quiet=True, environ=environ), "", []).plan
        monkeypatch.setattr(site, "connect", connect)
        assert plan.is_empty
        asked_for = (f"{request.method} {request.path}" for request in connections[-1].asked)
        return plan.unchanged, sorted(each.replace(namespace, "NAMESPACE") for each in asked_for)

    return asked


def test_the_number_of_requests_is_that_of_kinds_and_not_of_objects(
    asked_of: Callable[[int], tuple[int, list[str]]],
) -> None:
    few, requests = asked_of(2)
    many, requests_for_many = asked_of(20)
    assert (few, many) == (22, 220)
    assert many < PAGE  # a list of more has a further page for each so many objects of a kind
    assert set(requests_for_many) == set(requests)
    assert len(requests_for_many) <= len(requests) + 3  # of a server that is busy some may be asked for again
