"""What a pipeline says lands in its objects as it is, with its place, and nothing of it becomes anything else."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mlopsctl.ir.code import CodeTree
from mlopsctl.ir.environment import Environment, read_environment
from mlopsctl.ir.names import shortened
from mlopsctl.manifest import Manifest
from mlopsctl.render.filling import Templates
from mlopsctl.render.objects import Judge, left_out, render_pipeline
from mlopsctl.render.rendering import Rendered, Rendering
from mlopsctl.render.targets import Targets
from mlopsctl.render.yaml_text import yaml_text
from mlopsctl.source.document import parse
from mlopsctl.source.header import Source
from mlopsctl.source.nodes import MappingNode
from tests.unit.ir.documents import lowered

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=40)
HOSTILE = st.sampled_from(
    ["{{workflow.uid}}", "[[ name ]]", "\ue0000\ue001", "a: b", "no", "- x", "---", "'\"\\", "$(id)", "x\n\ny: 1\n"]
)
TEXTS = st.lists(TEXT | HOSTILE, min_size=5, max_size=5)


@pytest.fixture(scope="module")
def templates() -> Templates:
    return Templates()


@pytest.fixture(scope="module")
def targets() -> Targets:
    return Targets()


def environment(releases: str = "continuous", *, gateway: bool = False) -> Environment:
    led = ", gateway: {name: public, namespace: gateways, host: h.example}" if gateway else ""
    text = f"spec: {{cluster: {{context: c, namespace: shop}}, store: s3://b/c, releases: {releases}{led}}}"
    (document,) = parse(text, "prod.yaml").documents
    assert isinstance(document.root, MappingNode)
    found = read_environment(Source("Environment", "prod", document.root, Path("prod.yaml")))
    assert found is not None
    return found


def rendered(text: str, templates: Templates, where: Environment | None = None) -> dict[tuple[str, str], Manifest]:
    made = rendered_in(text, templates, where or environment()).manifests
    return {(manifest.key.kind, manifest.key.name): manifest for manifest in made}


def rendered_in(text: str, templates: Templates, where: Environment) -> Rendered:
    rendering = Rendering(
        pipeline=lowered(text),
        environment=where,
        project="",
        code=CodeTree({}, {}),
        requirements="",
        image="runtime:1",
        release=None,
    )
    return render_pipeline(rendering, templates)


def written(spec: dict[str, Any], owner: str = "x") -> str:
    metadata = {"name": "p", "owner": owner}
    return yaml_text({"apiVersion": "mlopsctl.dev/v1", "kind": "Pipeline", "metadata": metadata, "spec": spec})


@settings(max_examples=60)
@given(texts=TEXTS)
def test_no_text_of_a_user_becomes_anything_else(texts: list[str], templates: Templates, targets: Targets) -> None:
    default, variable, command, owner, each = texts
    stage = {
        "kind": "task",
        "run": command,
        "env": {"A": variable},
        "each": {"one": [each[:8]]},  # whose name is not too long, whatever is encoded in it
        "params": {"own": default},
        "pod": {"metadata": {"annotations": {"said": default}}, "spec": {"hostname": variable}},
    }
    found = rendered(written({"params": {"given": default}, "stages": {"s": stage}}, owner), templates)

    contract = found["ConfigMap", "p-contract"].document["data"]
    assert json.loads(contract["stage.s.json"]) == stage
    assert json.loads(contract["pipeline.json"])["spec"] == {"params": {"given": default}}
    workflow = found["WorkflowTemplate", "p"].document
    assert workflow["metadata"]["annotations"] == {"mlopsctl.dev/owner": owner}
    values = {each["name"]: each["value"] for each in workflow["spec"].get("arguments", {}).get("parameters", ())}
    assert values == ({} if "{{" in default else {"given": default, "s__own": default})
    graph, template, _ = workflow["spec"]["templates"]
    (item,) = graph["dag"]["tasks"][0]["withItems"]
    assert "{{" not in item
    assert unquote(item) == each[:8]
    assert template["metadata"]["annotations"] == {"said": default}
    assert json.loads(template["podSpecPatch"]) == {"hostname": variable}
    assert list(Judge(targets).problems(found.values())) == []
    for manifest in found.values():
        assert yaml.safe_load(yaml_text(manifest.document)) == manifest.document


def test_places_lead_into_the_contract(templates: Templates) -> None:
    text = written({"params": {"trees": 3}, "stages": {"s": {"kind": "task", "run": "true", "timeout": "10m"}}})
    contract = rendered(text, templates)["ConfigMap", "p-contract"]
    lines = text.split("\n")

    def line(*path: str | int) -> str:
        return lines[contract.place(("data", *path)).start.line - 1].strip()

    assert line("stage.s.json", "timeout") == "timeout: 10m" or line("stage.s.json", "timeout") == 'timeout: "10m"'
    assert line("pipeline.json", "spec", "params", "trees") == "trees: 3"
    assert line("stage.s.json", "nothing", "there") == "kind: task"
    assert line("pins.json", "code", "s") == "spec:"


def test_places_lead_from_fields_to_what_says_them(templates: Templates) -> None:
    stage = """\
  schedule: {cron: "0 3 * * *"}
  stages:
    s:
      kind: task
      run: "true"
      image: runtime:2
      timeout: 90m
      resources: {memory: 4Gi}
      retries: {limit: 2}
"""
    found = rendered("apiVersion: mlopsctl.dev/v1\nkind: Pipeline\nmetadata: {name: p}\nspec:\n" + stage, templates)
    workflow, cron = found["WorkflowTemplate", "p"], found["CronWorkflow", "p"]
    template = ("spec", "templates", 1)
    lines = {
        (*template, "container", "image"): 10,
        (*template, "activeDeadlineSeconds"): 11,
        (*template, "container", "resources", "limits", "memory"): 12,
        (*template, "retryStrategy", "limit"): 13,
        (*template, "container", "securityContext"): 7,  # nobody's but the stage's
        ("spec", "ttlStrategy"): 4,
    }
    assert {path: workflow.place(path).start.line for path in lines} == lines
    assert cron.place(("spec", "schedules", 0)).start.line == 5
    store = workflow.place((*template, "container", "env", 0, "value"))
    assert (store.file, store.start.column) == ("prod.yaml", 55)


@pytest.mark.parametrize(("params", "expected"), [({}, 0), ({"a": 1}, 2)])
def test_argo_reads_the_parameters_of_a_run_only_if_there_are_some(
    templates: Templates, params: dict[str, int], expected: int
) -> None:
    text = written({"params": params, "stages": {"s": {"kind": "task", "run": "true"}}})
    workflow = rendered(text, templates)["WorkflowTemplate", "p"].document
    assert json.dumps(workflow).count("{{workflow.parameters.json}}") == expected


def test_argo_is_told_names_of_items_in_which_nothing_is_a_template(templates: Templates, targets: Targets) -> None:
    values = ["{{workflow.uid}}", "no", 1, *(f"part {number}" for number in range(200))]
    made = {"kind": "task", "run": "true", "outputs": {"note": "n", "a_list": "l.json"}}
    stages = {
        "made": made,
        "wide": {"kind": "task", "run": "true", "each": {"one": values}, "outputs": {"o": "o"}},
        "found": {"kind": "task", "run": "true", "each": {"one": "made.a_list"}, "retries": {"limit": 1}},
        "last": {"kind": "task", "run": "true ${inputs.o}", "inputs": {"o": "wide[*]"}, "requires": ["found"]},
    }
    manifests = rendered(written({"stages": stages}), templates)
    assert list(Judge(targets).problems(manifests.values())) == []
    workflow = manifests["WorkflowTemplate", "p"].document
    graph, *pods = workflow["spec"]["templates"]
    tasks = {task["name"]: task for task in graph["dag"]["tasks"]}
    assert tasks["wide"]["withItems"][:4] == ["%7B%7Bworkflow.uid%7D%7D", "no", "1", "part%200"]
    assert len(tasks["wide"]["withItems"]) == 203
    assert tasks["found"]["withParam"] == "{{tasks.made.outputs.parameters.a_list}}"
    assert tasks["found"]["depends"] == "made.Succeeded"
    assert tasks["last"]["depends"] == "(found.Succeeded || found.Skipped) && wide.Succeeded"
    (output,) = pods[0]["outputs"]["parameters"]
    assert (output["name"], output["valueFrom"]["default"]) == ("a_list", "[]")
    assert output["valueFrom"]["path"].endswith("/lists/a_list")
    assert len(json.dumps(workflow)) < 40_000


def test_what_a_training_says_of_its_machine_is_for_its_trials(templates: Templates, targets: Targets) -> None:
    stage = {
        "kind": "train",
        "run": "go ${params.x}",
        "outputs": {"model": "m", "metrics": "m.json"},
        "tune": {"trials": 4, "parallel": 2, "objective": {"metric": "auc"}, "space": {"x": {"int": [1, 9]}}},
        "timeout": "10m",
        "resources": {"memory": "4Gi"},
        "retries": {"limit": 2},
    }
    found = rendered(written({"stages": {"s": stage}}), templates)
    made = {each["name"]: each for each in found["WorkflowTemplate", "p"].document["spec"]["templates"]}
    assert list(made) == ["Pipeline", "s", "0-wave-s", "0-begin-s", "0-trial-s", "0-conclude-s", "0-end"]
    limits = {name: each["container"]["resources"].get("limits") for name, each in made.items() if "container" in each}
    assert limits["0-trial-s"] == {"memory": "4Gi"}
    assert limits["0-begin-s"] is limits["0-conclude-s"] is None
    assert [name for name, each in made.items() if "activeDeadlineSeconds" in each] == ["0-trial-s"]
    assert [name for name, each in made.items() if "retryStrategy" in each] == [
        "0-begin-s",
        "0-trial-s",
        "0-conclude-s",
        "0-end",
    ]
    assert {made[f"0-{part}-s"]["metadata"]["labels"]["mlopsctl.dev/stage"] for part in ("begin", "trial")} == {"s"}
    assert list(Judge(targets).problems(found.values())) == []


def test_each_trial_of_what_is_distributed_makes_nodes(templates: Templates, targets: Targets) -> None:
    stage = {
        "kind": "train",
        "run": "go ${params.x}",
        "outputs": {"model": "m", "metrics": "m.json"},
        "tune": {"trials": 4, "objective": {"metric": "auc"}, "space": {"x": {"int": [1, 9]}}},
        "distributed": {"nodes": 2},
        "timeout": "10m",
        "resources": {"memory": "4Gi"},
    }
    found = rendered(written({"stages": {"s": stage}}), templates)
    made = {each["name"]: each for each in found["WorkflowTemplate", "p"].document["spec"]["templates"]}
    assert [name for name, each in made.items() if each.get("serviceAccountName") == "p-nodes"] == ["0-trial-s"]
    told = {name: {each["name"] for each in made[name]["container"]["env"]} for name in ("0-begin-s", "0-trial-s")}
    assert [name for name, names in told.items() if "MLOPS_POD" in names] == ["0-trial-s"]
    assert [name for name, each in made.items() if "activeDeadlineSeconds" in each] == []
    job = found["JobSet", "s-of-the-run"].document["spec"]["replicatedJobs"][0]["template"]["spec"]
    assert job["activeDeadlineSeconds"] == 2400
    assert job["template"]["spec"]["containers"][0]["resources"]["limits"] == {"memory": "4Gi"}
    assert list(Judge(targets).problems(found.values())) == []


def test_a_fan_out_of_searches_has_one_pod_for_each_of_them(templates: Templates) -> None:
    tune = {"trials": 4, "objective": {"metric": "auc"}, "space": {"x": {"int": [1, 9]}}}
    stage = {"kind": "train", "run": "go", "outputs": {"metrics": "m"}, "tune": tune, "each": {"part": ["a", "b"]}}
    workflow = rendered(written({"stages": {"s": stage}}), templates)["WorkflowTemplate", "p"].document
    assert [each["name"] for each in workflow["spec"]["templates"]] == ["Pipeline", "s", "0-end"]


@pytest.mark.parametrize("length", [51, 52, 53, 80])
def test_a_long_name_is_cut_and_stays_its_own(length: int) -> None:
    names = {f"{'a-' * 40}"[: length - 1] + end for end in "xy"}
    short = {shortened(name, 52) for name in names}
    assert len(short) == 2
    assert all(len(name) <= 52 and "--" not in name for name in short)
    assert (short == names) == (length <= 52)


def test_each_account_may_do_what_its_stages_are_there_for(templates: Templates) -> None:
    text = """\
  stages:
    m: {kind: train, run: x, outputs: {model: m}}
    s: {kind: deploy, model: m, server: {format: sklearn}}
    d: {kind: monitor, watches: s, reference: m, onDrift: {do: DO}}
"""
    head = "apiVersion: mlopsctl.dev/v1\nkind: Pipeline\nmetadata: {name: p}\nspec:\n"

    def rights(action: str) -> dict[str, set[str]]:
        found = rendered(head + text.replace("DO", action), templates)
        return {
            name: {resource for rule in role.document["rules"] for resource in rule["resources"]}
            for (kind, name), role in found.items()
            if kind == "Role"
        }

    always = {"workflowtaskresults"}
    seen = {"pods", "pods/log", "events", "deployments", "replicasets"}
    deploy = always | {"inferenceservices"} | seen  # there is no gateway
    assert rights("alert") == {"p": always, "p-deploy": deploy}
    assert rights("retrain") == {"p": always, "p-deploy": deploy, "p-monitor": always | {"workflows"}}
    assert rights("stop") == rights("rollback") == rights("alert")  # as no route leads to the model


@pytest.mark.parametrize(
    ("action", "where", "may", "why"),
    [
        ("rollback", "continuous with a gateway", {"httproutes", "inferenceservices", "pods", "pods/log"}, ""),
        ("rollback", "continuous", None, "it has no `gateway`"),
        ("rollback", "pinned with a gateway", None, "its releases are `pinned`"),
        ("stop", "continuous with a gateway", {"httproutes", "cronworkflows"}, ""),
        ("stop", "pinned with a gateway", {"httproutes", "cronworkflows"}, ""),
        ("stop", "pinned", None, "it has no `gateway`"),
        ("retrain", "pinned", {"workflows"}, ""),
        ("alert", "pinned", None, ""),
    ],
)
def test_a_monitor_may_do_what_it_is_to_do_where_automation_may(
    templates: Templates, action: str, where: str, may: set[str] | None, why: str
) -> None:
    text = f"""\
apiVersion: mlopsctl.dev/v1
kind: Pipeline
metadata: {{name: p}}
spec:
  schedule: {{cron: "0 0 * * *"}}
  stages:
    m: {{kind: train, run: x, outputs: {{model: m}}}}
    s: {{kind: deploy, model: m, server: {{format: sklearn}}}}
    d: {{kind: monitor, watches: s, reference: m, schedule: {{cron: "0 0 * * *"}}, onDrift: {{do: {action}}}}}
"""
    releases, _, gateway = where.partition(" with a ")
    found = rendered_in(text, templates, environment(releases, gateway=bool(gateway)))
    roles = {made.key.name: made.document for made in found.manifests if made.key.kind == "Role"}
    monitor = roles.get("p-monitor")
    rules = monitor["rules"] if monitor else []
    assert (may is None) == (monitor is None)
    assert {name for rule in rules for name in rule["resources"]} >= (may or set())
    assert not any("delete" in rule["verbs"] for rule in rules)
    named = {name for rule in rules for name in rule.get("resourceNames", ())}
    assert named == {"stop": {"p", "p-d"}, "rollback": {"p"}}.get(action if may else "", set())
    (template,) = [made for made in found.manifests if made.key.kind == "WorkflowTemplate"]
    accounts = {each["name"]: each.get("serviceAccountName") for each in template.document["spec"]["templates"]}
    assert accounts["d"] == ("p-monitor" if may else None)
    said = [each for each in found.diagnostics if each.code == "MLO739"]
    assert len(said) == bool(why)
    assert all(why in each.message for each in said)


def test_what_a_runtime_of_the_cluster_is_not_given_is_said() -> None:
    server = {"format": "sklearn", "runtime": "theirs"}
    stage = {"kind": "deploy", "model": "m", "server": server, "env": {"A": "b"}, "log": {"requests": "10%"}}
    stages = {"m": {"kind": "train", "run": "true", "outputs": {"model": "m"}}, "s": stage}
    assert unrendered(stages) == ["stages.s.env", "stages.s.log"]
    assert unrendered({**stages, "s": {**stage, "server": {"format": "sklearn"}}}) == []


def test_a_fallback_that_nothing_leads_to_is_said() -> None:
    stage = {"kind": "deploy", "model": "m", "server": {"format": "sklearn"}, "fallback": {"run": "naive ${port}"}}
    stages = {"m": {"kind": "train", "run": "true", "outputs": {"model": "m"}}, "s": stage}
    assert unrendered(stages) == ["stages.s.fallback"]


def unrendered(stages: dict[str, Any]) -> list[str]:
    """The fields that are said not to be rendered."""
    found = left_out(lowered(written({"stages": stages})), environment())
    return [diagnostic.message.split("`")[1] for diagnostic in found]
