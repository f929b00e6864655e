"""`render` as it is used: to a screen, to a folder, and where something is wrong."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from mlopsctl.cli.exit_codes import ExitCode
from mlopsctl.source.document import parse
from tests.rendered import EVERYTHING, flights


def render(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mlopsctl", "render", *arguments]
    env = {**os.environ, "NO_COLOR": "1", "COLUMNS": "100"}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EVERYTHING, tmp_path / "shop"))


def test_one_environment_with_a_cluster_needs_no_name(tmp_path: Path) -> None:
    done = render(folder=flights(tmp_path / "flights"))
    assert (done.returncode, done.stderr) == (ExitCode.DONE, "")
    assert done.stdout.startswith("---\n# Written by mlopsctl render from pipeline.yaml:")
    assert len(parse(done.stdout, "x").documents) == 14


def test_a_folder_holds_one_file_an_object(shop: Path) -> None:
    done = render("-e", "prod", "-o", "manifests", folder=shop)
    assert (done.returncode, done.stdout) == (ExitCode.DONE, "12 objects in manifests\n")
    names = sorted(path.name for path in (shop / "manifests" / "churn").iterdir())
    assert names == [
        "configmap-churn-contract.yaml",
        "cronworkflow-churn-drift.yaml",
        "cronworkflow-churn-quiet.yaml",
        "cronworkflow-churn.yaml",
        "deployment-churn-fallback.yaml",
        "httproute-churn.yaml",
        "inferenceservice-churn-77ac19d0.yaml",
        "role-churn.yaml",
        "rolebinding-churn.yaml",
        "service-churn-fallback.yaml",
        "serviceaccount-churn.yaml",
        "workflowtemplate-churn.yaml",
    ]
    (shop / "releases" / "prod" / "churn.yaml").unlink()
    assert render("-e", "prod", "-o", "manifests", folder=shop).stdout == "11 objects in manifests, 1 removed\n"


def test_a_template_of_the_project_takes_the_place_of_ours(shop: Path) -> None:
    template = shop / "templates" / "argo" / "cron-workflow.yaml"
    template.parent.mkdir(parents=True)
    ours = Path(__file__).parents[3] / "templates" / "argo" / "cron-workflow.yaml"
    template.write_text(ours.read_text().replace("startingDeadlineSeconds: 600", "startingDeadlineSeconds: 60"))
    done = render("-e", "prod", folder=shop)
    assert done.stdout.count("startingDeadlineSeconds: 60\n") == 3


def said(done: subprocess.CompletedProcess[str]) -> str:
    assert (done.returncode, done.stdout) == (ExitCode.FAILED, "")
    return done.stderr


def test_which_environment_is_meant_has_to_be_clear(shop: Path, snapshot: SnapshotAssertion) -> None:
    assert said(render(folder=shop)) + said(render("-e", "local", folder=shop)) == snapshot


def test_a_fault_in_a_template_is_said_at_its_line(shop: Path, snapshot: SnapshotAssertion) -> None:
    template = shop / "templates" / "core" / "config-map.yaml"
    template.parent.mkdir(parents=True)
    template.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: [[ pipelin ]]-contract\n")
    assert said(render("-e", "prod", folder=shop)) == snapshot


def test_what_breaks_a_schema_is_said_at_the_line_that_caused_it(shop: Path, snapshot: SnapshotAssertion) -> None:
    pipeline = shop / "pipeline.yaml"
    text = pipeline.read_text()
    pipeline.write_text(
        text.replace("priorityClassName: high", "priorityClas: high").replace("cpu: 500m", "cpu: 5 00m")
    )
    assert said(render("-e", "prod", folder=shop)) == snapshot


def test_two_pipelines_that_make_one_object(shop: Path, snapshot: SnapshotAssertion) -> None:
    other = (
        "apiVersion: mlopsctl.dev/v1\nkind: Pipeline\nmetadata: {name: churn-drift}\nspec:\n"
        '  schedule: {cron: "0 4 * * *"}\n  stages: {a: {kind: task, run: "true"}}\n'
    )
    (shop / "other.yaml").write_text(other)
    project = shop / "mlops.yaml"
    project.write_text(project.read_text().replace("[pipeline.yaml]", "[pipeline.yaml, other.yaml]"))
    assert said(render("-e", "prod", folder=shop)) == snapshot


def test_what_is_not_rendered_is_said(shop: Path, snapshot: SnapshotAssertion) -> None:
    pipeline = shop / "pipeline.yaml"
    text = pipeline.read_text().replace("timeout: 90m", "timeout: 90m\n      checkpoint: {path: kept}")
    text = text.replace("{min: 2, max: 10}", "{min: 2, max: 10, target: {concurrency: 20}}")
    pipeline.write_text(text)
    done = render("-e", "staging", folder=shop)
    assert done.returncode == ExitCode.DONE
    assert done.stderr == snapshot


def test_nothing_is_rolled_out_where_git_says_what_serves(shop: Path) -> None:
    pipeline = shop / "pipeline.yaml"
    shadow = "{min: 2, max: 10}\n      rollout: {shadow: {for: 1d}}"
    pipeline.write_text(pipeline.read_text().replace("{min: 2, max: 10}", shadow))
    assert "rollout" not in render("-e", "staging", folder=shop).stderr
    said = render("-e", "prod", folder=shop).stderr
    assert "`stages.serve.rollout.shadow` is not rendered yet: where releases are `pinned`" in said
    assert "`stages.serve.rollout.shadow` is not rendered yet: a ServingRuntime of the cluster copies no" in said


def test_without_a_gateway_no_share_of_the_requests_is_led(shop: Path) -> None:
    pipeline, place = shop / "pipeline.yaml", shop / "environments" / "staging.yaml"
    canary = "{min: 2, max: 10}\n      rollout: {canary: {steps: [10%], every: 5m}, checks: [{errors: 1%}]}"
    pipeline.write_text(pipeline.read_text().replace("{min: 2, max: 10}", canary))
    assert "rollout" not in render("-e", "staging", folder=shop).stderr
    lines = place.read_text().splitlines(keepends=True)
    place.write_text("".join(line for line in lines if "gateway:" not in line))
    said = render("-e", "staging", folder=shop).stderr
    assert "`stages.serve.rollout.canary` is not rendered yet: the environment has no `gateway`" in said


def test_a_server_that_may_sleep_stays_awake(shop: Path, snapshot: SnapshotAssertion) -> None:
    overriding = shop / "environments" / "prod.yaml"
    overriding.write_text(overriding.read_text().replace("{min: 3, max: 3}", "{min: 0, max: 3}"))
    done = render("-e", "prod", folder=shop)
    assert done.returncode == ExitCode.DONE
    assert "minReplicas: 1" in done.stdout
    assert done.stderr == snapshot


def test_a_contract_that_no_config_map_holds(shop: Path, snapshot: SnapshotAssertion) -> None:
    pipeline = shop / "pipeline.yaml"
    values = ", ".join(f"value-{number:08}" for number in range(60_000))
    text = pipeline.read_text().replace(
        "      env: {PASSWORD",
        f"      contract: {{columns: {{c: {{type: string, in: [{values}]}}}}}}\n      env: {{PASSWORD",
        1,
    )
    pipeline.write_text(text)
    assert said(render("-e", "prod", folder=shop)).partition("\n  ┌")[0] == snapshot


def test_a_pod_with_parts_that_no_pod_has(shop: Path, snapshot: SnapshotAssertion) -> None:
    pipeline = shop / "pipeline.yaml"
    pipeline.write_text(pipeline.read_text().replace("pod: {spec: {", "pod: {priorityClassName: x, spec: {"))
    assert said(render("-e", "prod", folder=shop)) == snapshot


def test_schemas_that_were_pulled_count(shop: Path) -> None:
    ours = Path(__file__).parents[3] / "schemas" / "targets" / "kserve-0.20.0" / "serving.kserve.io"
    pulled = shop / "crds" / "serving.kserve.io" / "v1beta1" / "InferenceService.json"
    pulled.parent.mkdir(parents=True)
    schema = (ours / "v1beta1" / "InferenceService.json").read_text()
    assert "deploymentStrategy" in schema
    pulled.write_text(schema.replace("deploymentStrategy", "strategy"))
    assert "`deploymentStrategy` is not a field of spec.predictor" in said(render("-e", "prod", folder=shop))


def test_what_was_rendered_and_templates_are_no_code(tmp_path: Path) -> None:
    folder = flights(tmp_path / "flights")
    render("-o", "manifests", folder=folder)
    first = {path: path.read_bytes() for path in (folder / "manifests").rglob("*.yaml")}
    (folder / "templates").mkdir()
    (folder / "templates" / "other.yaml").write_text("a: 1\n")
    render("-o", "manifests", folder=folder)
    assert {path: path.read_bytes() for path in (folder / "manifests").rglob("*.yaml")} == first
    (folder / "evaluate.py").write_text("# changed\n")
    render("-o", "manifests", folder=folder)
    assert {path: path.read_bytes() for path in (folder / "manifests").rglob("*.yaml")} != first
