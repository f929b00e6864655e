"""Policies on whole projects: the set to start from, what a rule sees, and what is said without a library."""

import sys
from pathlib import Path
from typing import Final

import pytest

from mlopsctl import compilation, compiler
from mlopsctl.check.policy import facts, fields
from mlopsctl.diagnostics import Diagnostic, Severity
from mlopsctl.source import project
from mlopsctl.source.nodes import Json

STARTERS: Final = Path(__file__).parents[4] / "examples" / "policies"
HEAD: Final = "apiVersion: mlopsctl.dev/v1\n"
PROJECT: Final = f"""{HEAD}kind: Project
metadata: {{name: shop}}
spec: {{pipelines: [pipeline.yaml], environments: [prod.yaml], policies: [policies/*.yaml]}}
"""
PROD: Final = f"""{HEAD}kind: Environment
metadata: {{name: prod}}
spec:
  cluster: {{context: prod, namespace: shop}}
  store: s3://shop
  image: registry.example.com:5000/runtime@sha256:{"0" * 64}
  gateway: {{name: public, host: models.example.com}}
  protected: true
  promotesFrom: local
  approvals: {{required: 1}}
"""
PIPELINE: Final = (
    HEAD
    + """kind: Pipeline
metadata: {name: churn, owner: growth, license: Apache-2.0, description: Who leaves?, labels: {tier: internal}}
spec:
  code: {path: ., python: "3.11", requirements: requirements.lock}
  params: {trees: 200}
  secrets: {warehouse: {secret: warehouse, key: password}}
  schedule: {cron: "0 3 * * *"}
  notify: {onFailure: [https://hooks.example.com/ml]}
  stages:
    customers:
      kind: data
      run: extract --out ${outputs.data}
      env: {PASSWORD: "${secrets.warehouse}"}
      contract:
        rows: {min: 10}
        freshness: 36h
        columns: {email: {type: string, personal: true}, age: {type: integer, min: 0}}
    report:
      kind: task
      inputs: {customers: customers}
      outputs: {text: a.txt}
      run: report ${inputs.customers} ${outputs.text}
    model:
      kind: train
      inputs: {customers: customers, text: report}
      outputs: {model: model.joblib, metrics: metrics.json}
      params: {depth: 8}
      run: train ${inputs.customers} ${inputs.text} ${params.trees} ${params.depth} ${outputs.model} ${outputs.metrics}
      resources: {cpu: 2, memory: 4Gi, gpu: {count: 1}}
      retries: {limit: 2, backoff: 30s}
      timeout: 2h
      tune: {trials: 4, parallel: 2, objective: {metric: auc}, space: {depth: {int: [3, 16]}, trees: {in: [100, 200]}}}
      distributed: {nodes: 2}
      checkpoint: {path: checkpoints}
    quality:
      kind: evaluate
      inputs: {model: model, customers: customers}
      run: evaluate ${inputs.model} ${inputs.customers} ${outputs.metrics}
      gates: [{metric: auc, min: 0.8}]
    serve:
      kind: deploy
      model: model
      requires: [quality]
      server: {run: "serve ${inputs.model} --port ${port}"}
      replicas: {min: 2, max: 4, target: {concurrency: 20}}
      loadTest: {users: 2, request: request.json, p99: 150ms}
      rollout: {split: {champion: 95%, challengers: {a: 5%}, promote: {metric: auc, after: 7d}}, checks: [{errors: 1%}]}
      fallback: {run: "naive --port ${port}"}
      scan: {unknown: refuse}
      log: {requests: 10%}
    drift:
      kind: monitor
      watches: serve
      reference: customers
      columns: [age]
      schedule: {cron: "*/30 * * * *"}
      onDrift: {do: retrain, cooldown: 6h}
      performance: {metric: auc, min: 0.7, truth: outcomes.csv, on: id}
"""
)


class Shop:
    """A project in a folder, with policies; says what is found in an environment, beside what else is said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "policies").mkdir()
        for name, text in {"mlops.yaml": PROJECT, "prod.yaml": PROD, "pipeline.yaml": PIPELINE}.items():
            self.write(name, text)
        self.write("requirements.lock", "")
        self.write("request.json", "{}")

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, "utf-8")

    def change(self, name: str, before: str, after: str) -> None:
        text = (self.folder / name).read_text("utf-8")
        assert before in text
        self.write(name, text.replace(before, after))

    def compiled(self, environment: str = "prod") -> compilation.Compilation:
        return compiler.compile_project(project.load(self.folder / "mlops.yaml"), environment)

    def said(self, environment: str = "prod") -> list[Diagnostic]:
        found = self.compiled(environment).diagnostics
        return [each for each in found if any("policy" in note for note in each.notes)]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


ALWAYS: Final = f"{HEAD}kind: Policy\nmetadata: {{name: always}}\nspec: {{rule: pipeline != null, message: never}}\n"


@pytest.fixture
def starters(shop: Shop) -> Shop:
    for path in STARTERS.glob("*.yaml"):
        shop.write(f"policies/{path.name}", path.read_text("utf-8"))
    return shop


def test_the_set_to_start_from_holds(starters: Shop) -> None:
    compiled = starters.compiled()
    assert compiled.succeeded, compiled.diagnostics
    assert [verdict.holds for verdict in compiled.verdicts] == [True] * 9
    assert {verdict.policy for verdict in compiled.verdicts} == {path.stem for path in STARTERS.glob("*.yaml")}


@pytest.mark.parametrize(
    ("policy", "file", "change", "line"),
    [
        ("two-replicas-in-prod", "pipeline.yaml", ("min: 2, max: 4", "min: 1, max: 4"), "min: 1, max: 4"),
        ("owner", "pipeline.yaml", ("owner: growth, ", ""), "metadata: {name"),
        ("license", "pipeline.yaml", ("license: Apache-2.0, ", ""), "metadata: {name"),
        ("gates-before-deploy", "pipeline.yaml", ("requires: [quality]", "requires: [report]"), "requires: [report]"),
        ("requirements-locked", "pipeline.yaml", (", requirements: requirements.lock", ""), "code: {path"),
        ("images-by-digest", "prod.yaml", (f"runtime@sha256:{'0' * 64}", "runtime:7"), "kind: data"),
        ("images-by-digest", "pipeline.yaml", ("timeout: 2h", "image: example.com/a:1"), "image: example.com/a:1"),
        ("no-latest", "pipeline.yaml", ("timeout: 2h", "image: example.com:5000/a"), "image: example.com:5000/a"),
        ("no-latest", "pipeline.yaml", ("timeout: 2h", "image: example.com/a:latest"), "image: example.com/a:latest"),
        ("known-pickles-in-prod", "pipeline.yaml", ("scan: {unknown: refuse}", "scan: {}"), "scan: {}"),
        ("personal-columns", "pipeline.yaml", ("string, personal: true", "string"), "columns: {email"),
    ],
)
def test_a_policy_of_the_set_is_broken(
    starters: Shop, policy: str, file: str, change: tuple[str, str], line: str
) -> None:
    starters.change(file, *change)
    broken = {verdict.policy for verdict in starters.compiled().verdicts if not verdict.holds}
    assert policy in broken
    assert broken <= {policy, "images-by-digest"}  # which a tag breaks anyway
    found = next(each for each in starters.said() if f"`{policy}`" in each.notes[0])
    assert found.code == ("MLO269" if found.severity is Severity.WARNING else "MLO419")
    assert found.span is not None
    assert found.related[0].span.file == f"policies/{policy}.yaml"
    if file == "pipeline.yaml":
        lines = (starters.folder / "pipeline.yaml").read_text("utf-8").splitlines()
        assert any(line in each for each in lines[found.span.start.line - 1 : found.span.end.line])


def test_a_policy_for_one_environment_holds_nothing_up_elsewhere(starters: Shop) -> None:
    starters.change("pipeline.yaml", "min: 2, max: 4", "min: 1, max: 4")
    assert starters.said("local") == []
    assert "two-replicas-in-prod" not in {verdict.policy for verdict in starters.compiled("local").verdicts}


def test_what_an_environment_overrides_is_judged_and_shown_there(starters: Shop) -> None:
    overrides = "  overrides: {churn: {stages: {serve: {replicas: {min: 1}}}}}\n"
    starters.write("prod.yaml", PROD + overrides)
    [found] = starters.said()
    assert found.message == "`serve` serves prod with 1 replica"
    assert found.span is not None
    assert found.span.file == "prod.yaml"


def test_a_pipeline_that_is_wrong_is_judged_when_it_is_right(starters: Shop) -> None:
    starters.change("pipeline.yaml", "min: 2, max: 4", "min: 1, max: four")
    assert starters.said() == []
    assert not starters.compiled().succeeded


def test_a_rule_sees_the_release_of_its_environment(shop: Shop) -> None:
    shop.write(
        "policies/a.yaml",
        f"{HEAD}kind: Policy\nmetadata: {{name: tried}}\nspec:\n"
        "  rule: release != null && release.promotedFrom == 'staging'\n  message: \"${release.promotedFrom}\"\n",
    )
    assert [each.message for each in shop.said()] == ["nothing"]
    (shop.folder / "releases/prod").mkdir(parents=True)
    shop.write(
        "releases/prod/churn.yaml",
        f"{HEAD}kind: Release\nmetadata: {{name: churn}}\nspec:\n  run: 01JD3WQ7000000000000000000\n"
        f"  commit: {'a' * 40}\n  promotedFrom: staging\n"
        f"  model: {{digest: 'sha256:{'0' * 64}', uri: 's3://shop/blobs/0'}}\n",
    )
    assert shop.said() == []


def test_without_the_library_policies_are_an_error(starters: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])  # where it would be looked for
    monkeypatch.delitem(sys.modules, "cel_expr_python", raising=False)
    monkeypatch.delitem(sys.modules, "cel_expr_python.cel", raising=False)
    found = [each for each in starters.compiled().diagnostics if each.severity is Severity.ERROR]
    assert [each.code for each in found] == ["MLO263"]
    assert found[0].message == "9 policies are not judged, as the library for CEL is not installed"


def test_the_names_are_those_that_a_rule_sees(shop: Shop) -> None:
    shop.write("policies/a.yaml", ALWAYS)
    compiled = shop.compiled()
    assert compiled.succeeded, compiled.diagnostics
    [source] = compiled.sources.pipelines
    seen = facts.of_pipeline(compiled.pipelines["churn"], source, "image")
    assert _unlike(seen, fields.PIPELINE) == []
    for stage in compiled.pipelines["churn"].stages.values():
        assert _unlike(facts.of_stage(stage, "image"), fields.OF_KIND[stage.kind]) == [], stage.name
    assert _unlike(facts.of_environment("prod", compiled.environment), fields.ENVIRONMENT) == []
    assert {stage.kind for stage in compiled.pipelines["churn"].stages.values()} == set(fields.OF_KIND)


def _unlike(value: Json, shape: fields.Shape | None, path: str = "") -> list[str]:
    """Where the names of a value aren't those of its shape. What is null has none."""
    if shape is None or value is None:
        return []
    if not isinstance(value, dict) or value.keys() != shape.keys():
        return [f"{path}: {value} is not {sorted(shape)}"]
    return [wrong for name in shape for wrong in _unlike(value[name], shape[name], f"{path}.{name}")]
