"""One pipeline in three environments, each with a namespace and a context of its own: their plans in one call."""

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cluster.commanding import Repository, repository
from tests.cluster.conftest import Reached
from tests.cluster.test_apply import without_gateway

ENVIRONMENTS = ("dev", "staging", "prod")


@pytest.fixture
def three(api_server: Reached, tmp_path: Path) -> Iterator[Repository]:
    """The example with the environments dev, staging and prod; each has the context of its name."""
    made = without_gateway(repository(tmp_path / "flight-delays", api_server))
    text = made.environment.read_text("utf-8")
    unique = uuid.uuid4().hex[:6]
    for name in ENVIRONMENTS:
        said = re.sub(r"context: [^,]+, namespace: [^}]+", f"context: {name}, namespace: {name}-{unique}", text)
        path = made.folder / "environments" / f"{name}.yaml"
        path.write_text(said.replace("name: staging", f"name: {name}"), "utf-8")
    made.commit("Three environments")
    contexts(made, tmp_path / "kubeconfig", ENVIRONMENTS)
    yield replace(made, environ={**made.environ, "KUBECONFIG": str(tmp_path / "kubeconfig")}, namespace=f"dev-{unique}")
    for name in ENVIRONMENTS:
        made.admin.delete(f"/api/v1/namespaces/{name}-{unique}")


def contexts(project: Repository, target: Path, names: tuple[str, ...], away: str = "") -> None:
    """Write a kubeconfig with contexts of these names for one cluster; the one called `away` leads nowhere."""
    import yaml

    document = yaml.safe_load(project.kubeconfig.read_text())
    cluster, user = document["clusters"][0], document["users"][0]
    nowhere = {"name": "nowhere", "cluster": {**cluster["cluster"], "server": "https://127.0.0.1:9"}}
    document["clusters"] = [cluster, nowhere]
    document["contexts"] = [
        {"name": name, "context": {"cluster": "nowhere" if name == away else cluster["name"], "user": user["name"]}}
        for name in names
    ]
    document["current-context"] = names[0]
    target.write_text(yaml.safe_dump(document))


def test_the_plans_of_all_come_in_one_call(three: Repository) -> None:
    three.mlopsctl("apply", "--env", "dev", "--auto-approve")
    said = three.mlopsctl("plan", "--all-envs", "--detailed-exitcode", code=2).out
    assert [line.split("·")[1].split()[1] for line in said.splitlines() if line.startswith("Target")] == [
        "dev",
        "prod",
        "staging",
    ], "each in its own context"
    assert re.search(r"\nEnvironments\n  dev +no changes\n  prod +14 to add.*\n  staging +14 to add", said)
    found = json.loads(three.mlopsctl("plan", "--env", "staging", "--env", "dev", "--output", "json").out)
    assert [each["environment"] for each in found["environments"]] == ["staging", "dev"], "in the order asked for"
    assert [len(each["plan"]["changes"]) for each in found["environments"]] == [14, 0]
    three.mlopsctl("plan", "--env", "dev", "--env", "dev", "--detailed-exitcode")
    assert "a saved plan is for one environment" in three.mlopsctl("plan", "--all-envs", "--out", "x", code=64).err
    assert "there is no environment `stagign`" in three.mlopsctl("plan", "-e", "dev", "-e", "stagign", code=1).err


def test_one_that_is_away_hides_nothing_of_the_others(three: Repository) -> None:
    contexts(three, Path(three.environ["KUBECONFIG"]), ENVIRONMENTS, away="prod")
    done = three.mlopsctl("plan", "--all-envs", "--detailed-exitcode", "--output", "markdown", code=1)
    assert done.out.startswith(
        "<!-- mlopsctl plans: flights -->\n\n### Plan for 3 environments: changes in 2, 1 failed"
    )
    assert "- **`prod`** can't be planned: " in done.out
    assert done.out.count("<summary>Plan for ") == 2
    assert "To make it so" not in done.out
    assert "127.0.0.1:9" in done.err
