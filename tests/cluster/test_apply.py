"""Apply on its bad days: others who change things, servers that refuse or end, plans that don't hold, no rights."""

import json
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.cluster.commanding import ARGO, Repository, repository
from tests.cluster.conftest import Reached
from tests.cluster.examining import changed
from tests.cluster.speaking import killed_and_started_again
from tests.scenarios.project import ended
from tests.waiting import PATIENCE, until

OUTPUT = Path(__file__).parents[2] / "schemas" / "output" / "v1"
MERGE, APPLY = "application/merge-patch+json", "application/apply-patch+yaml"
RENDERED = 13  # objects of the example, without a gateway
LEASE = "coordination.k8s.io/v1"


@pytest.fixture
def project(api_server: Reached, tmp_path: Path) -> Iterator[Repository]:
    made = without_gateway(repository(tmp_path / "flight-delays", api_server))
    yield made
    made.admin.delete(f"/api/v1/namespaces/{made.namespace}")


def without_gateway(project: Repository) -> Repository:
    """The project without a gateway, as nothing makes routes ready on an API server alone, and so without a canary."""
    canary = (
        "rollout:\n        canary: {steps: [5%, 25%, 50%], every: 10m}\n        checks: [{errors: 1%}, {p99: 2s}]\n"
    )
    project.edit("pipeline.yaml", (canary, "\n\n\n"))
    lines = project.environment.read_text("utf-8").splitlines(keepends=True)
    project.environment.write_text("".join(line for line in lines if "gateway:" not in line), "utf-8")
    project.commit("No gateway")
    return project


@pytest.fixture
def applied(project: Repository) -> Repository:
    """A project of which all is applied."""
    project.mlopsctl("apply", "--auto-approve")
    return project


def template(project: Repository) -> str:
    return project.path("workflowtemplates", "flight-delays", group=ARGO)


def trees(project: Repository) -> str:
    """The number of trees that the cluster knows."""
    parameters = project.admin.ask("GET", template(project))["spec"]["arguments"]["parameters"]
    return next(each["value"] for each in parameters if each["name"] == "trees")


def by_hand(project: Repository, path: str, body: object, manager: str = "kubectl-edit") -> None:
    """Patch an object as somebody with kubectl does."""
    project.admin.ask("PATCH", f"{path}?fieldManager={manager}", body, MERGE)


def more_trees(project: Repository, *, before: int = 100, after: int = 200) -> None:
    project.edit("pipeline.yaml", (f"trees: {before}", f"trees: {after}"))
    project.commit("More trees")


# --- others


def test_what_another_changed_since_a_plan_was_saved_is_named(applied: Repository) -> None:
    more_trees(applied)
    applied.mlopsctl("plan", "--out", ".mlops/plan.json")
    by_hand(applied, template(applied), {"spec": {"arguments": {"parameters": [{"name": "trees", "value": "7"}]}}})
    said = applied.mlopsctl("apply", ".mlops/plan.json", code=3)
    assert "the plan is stale: WorkflowTemplate flight-delays has changed" in said.err
    assert "last changed by kubectl-edit at 20" in said.err
    assert 'was "100", and is "7"' in said.err or "was 100, and is 7" in said.err
    assert said.out == ""
    assert trees(applied) == "7"


def test_a_status_that_changed_since_is_no_reason(applied: Repository) -> None:
    more_trees(applied)
    applied.mlopsctl("plan", "--out", ".mlops/plan.json")
    by_hand(applied, template(applied), {"metadata": {"annotations": {"a": "b"}}}, "someone")
    assert "3 changed" in applied.mlopsctl("apply", ".mlops/plan.json").out or trees(applied) == "200"
    assert applied.admin.ask("GET", template(applied))["metadata"]["annotations"]["a"] == "b"


def test_what_belongs_to_others_is_left_to_them(project: Repository) -> None:
    """An object of kubectl's, client side and server side, becomes ours by name; one of another ApplySet never does."""
    project.admin.create("/api/v1/namespaces", {"metadata": {"name": project.namespace}})
    accounts = project.path("serviceaccounts")
    last = {"kubectl.kubernetes.io/last-applied-configuration": "{}"}
    client_side = {"metadata": {"name": "flight-delays", "annotations": last}}
    project.admin.ask("POST", f"{accounts}?fieldManager=kubectl-client-side-apply", client_side)
    server_side = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "flight-delays-deploy"}}
    project.admin.ask("PATCH", f"{accounts}/flight-delays-deploy?fieldManager=kubectl", server_side, APPLY)
    foreign = {"metadata": {"name": "theirs", "labels": {"applyset.kubernetes.io/part-of": "applyset-theirs-v1"}}}
    project.admin.create(accounts, foreign)
    plan = project.mlopsctl("plan").out
    assert plan.count("taken over: it is there, and nobody's") == 2
    project.mlopsctl("apply", "--auto-approve")
    assert "No changes" in project.mlopsctl("plan", "--detailed-exitcode").out
    project.mlopsctl("destroy", "--auto-approve")
    assert project.names("serviceaccounts") == {"default", "theirs"} - ({"default"} - project.names("serviceaccounts"))

    foreign["metadata"]["name"] = "flight-delays"
    project.admin.create(accounts, foreign)
    said = project.mlopsctl("apply", "--auto-approve", code=3)
    assert "ServiceAccount flight-delays belongs to another ApplySet, applyset-theirs-v1" in said.err
    assert "pipeline.yaml:" in said.err
    assert project.objects() == {"serviceaccounts/theirs", "serviceaccounts/flight-delays", HISTORY}


HISTORY = "configmaps/mlopsctl-flights-staging-history"


# --- what the cluster refuses


def test_a_namespace_that_is_being_deleted_is_named(applied: Repository) -> None:
    more_trees(applied)
    hold = {"metadata": {"name": "held", "finalizers": ["example.com/held"]}}
    applied.admin.create(applied.path("configmaps"), hold)
    applied.admin.delete(f"/api/v1/namespaces/{applied.namespace}")
    for name in applied.names("serviceaccounts"):
        applied.admin.delete(applied.path("serviceaccounts", name))
    said = applied.mlopsctl("apply", "--auto-approve", code=1)
    assert f"the namespace `{applied.namespace}` is being deleted" in said.err
    by_hand(applied, applied.path("configmaps", "held"), {"metadata": {"finalizers": None}})


def test_a_policy_that_refuses_is_shown_at_the_line_of_the_source(applied: Repository) -> None:
    name = f"small-{applied.namespace}"
    group = "/apis/admissionregistration.k8s.io/v1"
    rule = {"apiGroups": ["argoproj.io"], "apiVersions": ["*"], "operations": ["CREATE", "UPDATE"]}
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [{**rule, "resources": ["workflowtemplates"]}]},
        "validations": [
            {
                "expression": "!object.spec.arguments.parameters.exists(p, p.name == 'trees' && p.value == '200')",
                "message": "spec.arguments.parameters[2].value: that many trees are too many",
            }
        ],
    }
    selector = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": applied.namespace}}}
    binding = {"policyName": name, "validationActions": ["Deny"], "matchResources": selector}
    policies, bindings = f"{group}/validatingadmissionpolicies", f"{group}/validatingadmissionpolicybindings"
    applied.admin.create(policies, {"metadata": {"name": name}, "spec": spec})
    applied.admin.create(bindings, {"metadata": {"name": name}, "spec": binding})
    try:
        more_trees(applied)
        # The server takes its time to learn of a policy.
        until(lambda: finished_code(applied, "plan") == 1)
        said = applied.mlopsctl("apply", "--auto-approve", code=1)
        assert f"the policy `{name}` denies WorkflowTemplate flight-delays: " in said.err
        assert "that many trees are too many" in said.err
        assert "─ pipeline.yaml:" in said.err
        assert trees(applied) == "100"
    finally:
        applied.admin.delete(f"{bindings}/{name}")
        applied.admin.delete(f"{policies}/{name}")


def finished_code(project: Repository, *arguments: str) -> int:
    process = project.start(*arguments)
    process.communicate()
    return process.returncode


def test_a_contract_over_the_limit_is_an_error_before_anything_is_asked(project: Repository) -> None:
    many = ", ".join(f"{'EWR' * 1000}{number}" for number in range(400))
    project.edit("pipeline.yaml", ("in: [EWR, JFK, LGA]", f"in: [{many}]"))
    said = project.mlopsctl("plan", code=1)
    assert "error[MLO734]" in said.err
    assert "a ConfigMap holds 1,048,576" in said.err
    assert not project.admin.is_there(f"/api/v1/namespaces/{project.namespace}")


# --- rights, logins, other clusters


def test_a_right_that_is_missing_is_named(applied: Repository, tmp_path: Path) -> None:
    rules = [
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]},
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["patch"]},
    ]
    token = applied.admin.token(applied.namespace, rules)
    narrow = changed(applied.kubeconfig, tmp_path / "narrow", user={"token": token})
    more_trees(applied)
    said = applied.mlopsctl("plan", code=1, KUBECONFIG=str(narrow))
    assert "patch workflowtemplates.argoproj.io" in said.err
    assert f"in the namespace `{applied.namespace}`" in said.err
    assert trees(applied) == "100"


@pytest.mark.parametrize("command", [["plan"], ["apply", "-y"], ["destroy", "-y"], ["unlock", "abc"]])
def test_a_login_that_is_over_is_named(project: Repository, tmp_path: Path, command: list[str]) -> None:
    expired = changed(project.kubeconfig, tmp_path / "expired", user={"token": "no.such.token"})
    said = project.mlopsctl(*command, code=1, KUBECONFIG=str(expired))
    assert "environments/staging.yaml:5" in said.err
    assert "they are wrong or expired: log in to the cluster again" in said.err


@pytest.mark.parametrize("command", [["plan"], ["apply", "-y"]])
def test_a_cluster_that_is_away_is_named(project: Repository, tmp_path: Path, command: list[str]) -> None:
    away = changed(project.kubeconfig, tmp_path / "away", server="https://127.0.0.1:9")
    said = project.mlopsctl(*command, code=1, KUBECONFIG=str(away))
    assert "127.0.0.1:9" in said.err
    assert "environments/staging.yaml:5" in said.err


def test_another_cluster_than_the_one_that_is_meant_is_left_alone(project: Repository) -> None:
    other = "0f8fad5b-d9cb-469f-a165-70867728950e"
    project.edit("environments/staging.yaml", (f"{project.namespace}}}", f"{project.namespace}, identity: {other}}}"))
    for command in (["plan"], ["apply", "-y"], ["destroy", "-y"]):
        said = project.mlopsctl(*command, code=3)
        assert "error[MLO751]" in said.err
        assert "leads to another cluster than this" in said.err
        assert "─ environments/staging.yaml:5:" in said.err
    assert not project.admin.is_there(f"/api/v1/namespaces/{project.namespace}")


# --- saved plans


def test_a_plan_for_another_cluster_touches_nothing(project: Repository, bare_api_server: Reached) -> None:
    project.mlopsctl("plan", "--out", ".mlops/plan.json")
    said = project.mlopsctl("apply", ".mlops/plan.json", code=3, KUBECONFIG=str(bare_api_server.kubeconfig))
    assert "the plan was made for the cluster with the identity `" in said.err
    there = Repository(project.folder, bare_api_server.kubeconfig, project.namespace, project.environ)
    assert not there.admin.is_there(f"/api/v1/namespaces/{project.namespace}")


def test_plans_that_do_not_hold_are_refused(applied: Repository, tmp_path: Path) -> None:
    more_trees(applied)
    applied.mlopsctl("plan", "--out", ".mlops/plan.json")
    saved = applied.folder / ".mlops" / "plan.json"
    assert saved.stat().st_mode & 0o777 == 0o600
    edited = tmp_path / "edited.json"
    edited.write_text(saved.read_text().replace("200", "300"))
    assert "was edited after it was saved" in applied.mlopsctl("apply", str(edited), code=1).err
    renamed = applied.beside(tmp_path / "renamed")
    renamed.edit("mlops.yaml", ("name: flights", "name: other"))
    said = renamed.mlopsctl("apply", str(saved), code=3)
    assert "the plan was made for the project `flights`, and this is `other`" in said.err
    assert "both say where" in applied.mlopsctl("apply", str(saved), "--env", "staging", code=64).err
    applied.mlopsctl("apply", "--auto-approve")
    more_trees(applied, before=200, after=300)
    applied.mlopsctl("apply", "--auto-approve")
    said = applied.mlopsctl("apply", str(saved), code=3)
    assert "the plan is stale: somebody has applied since it was made" in said.err
    assert "plan anew" in said.err
    assert trees(applied) == "300"


# --- what is asked first


def test_without_a_terminal_nothing_is_done_unasked(project: Repository) -> None:
    for command, instead in (
        ("apply", "apply a saved plan, or give --auto-approve"),
        ("destroy", "give --auto-approve"),
    ):
        if command == "destroy":
            project.mlopsctl("apply", "--auto-approve")
        before = project.objects()
        said = project.mlopsctl(command, code=64)
        assert f"nobody can be asked here: {instead}" in said.err
        assert project.objects() == before


def test_on_a_terminal_only_the_word_goes_on(project: Repository) -> None:
    said = project.asked("y", "apply", code=1)
    assert "Only `yes` goes on. Apply this?" in said
    assert said.endswith("nothing was changed\n")
    assert not project.admin.is_there(f"/api/v1/namespaces/{project.namespace}")
    assert "Applied to staging in" in project.asked("yes", "apply", code=0)
    assert "Only `yes` goes on. Delete all this?" in project.asked("no", "destroy", code=1)
    assert template(project)
    assert f"workflowtemplates/{'flight-delays'}" in project.objects()


def test_a_protected_environment_wants_its_name_and_keeps_what_it_has(applied: Repository) -> None:
    applied.edit("environments/staging.yaml", ("releases: continuous", "releases: continuous\n  protected: true"))
    more_trees(applied)
    assert "nothing was changed" in applied.asked("yes", "apply", code=1)
    assert trees(applied) == "100"
    assert "Only `staging` goes on." in applied.asked("staging", "apply", code=0)
    assert trees(applied) == "200"
    for arguments in (["destroy", "-y"], ["destroy"]):
        said = applied.mlopsctl(*arguments, code=5)
        assert "in `staging`, which is protected" in said.err
        assert "--allow-destroy" in said.err
    assert "workflowtemplates/flight-delays" in applied.objects()
    applied.mlopsctl("destroy", "-y", "--allow-destroy")
    assert applied.objects() == {HISTORY}


def test_a_prune_of_everything_wants_to_be_meant(applied: Repository) -> None:
    applied.edit("mlops.yaml", ("pipeline.yaml", "pipelines/*.yaml"))
    applied.edit(
        "environments/staging.yaml", ("    flight-delays: {stages", "    other: {params: {}} # flight-delays: {stages")
    )
    (applied.folder / "pipelines").mkdir()
    (applied.folder / "pipelines" / "other.yaml").write_text(SMALL, "utf-8")
    applied.commit("Another")
    before = applied.objects()
    said = applied.mlopsctl("apply", "-y", code=5)
    assert f"this would delete all {RENDERED} objects in `staging`" in said.err
    assert "--allow-destroy" in said.err
    assert applied.objects() == before
    applied.mlopsctl("apply", "-y", "--allow-destroy")
    assert not {each for each in applied.objects() if "flight-delays" in each}
    assert "workflowtemplates/other" in applied.objects()


SMALL = """\
apiVersion: mlopsctl.dev/v1
kind: Pipeline
metadata: {name: other}
spec:
  code: {path: ..}
  stages:
    one: {kind: task, run: "touch ${outputs.a}", outputs: {a: a.txt}}
"""


# --- two at once, and the end in the middle


def lease(project: Repository) -> str:
    return project.path("leases", "mlopsctl-flights-staging", group=LEASE)


def somebody_applies(project: Repository, *, seconds: int = 3600) -> None:
    """Hold the lock as another apply does."""
    at = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime())
    spec = {
        "holderIdentity": "ann@laptop/0a1b2c3d",
        "leaseDurationSeconds": seconds,
        "renewTime": at,
        "acquireTime": at,
    }
    project.admin.create(
        project.path("leases", group=LEASE), {"metadata": {"name": "mlopsctl-flights-staging"}, "spec": spec}
    )


def test_who_comes_second_waits_or_is_told_who_is_first(applied: Repository) -> None:
    more_trees(applied)
    somebody_applies(applied)
    said = applied.mlopsctl("apply", "-y", "--lock-timeout", "0s", code=4)
    assert "`ann` on `laptop` is applying" in said.err
    assert "mlopsctl unlock 0a1b2c3d" in said.err
    assert trees(applied) == "100"
    waiting = applied.start("apply", "-y", "--lock-timeout", "60s")
    time.sleep(2)
    applied.mlopsctl("unlock", "0a1b2c3d")
    assert "Waiting for another apply: ann@laptop" in ended(waiting, 0, patience=PATIENCE).err
    assert trees(applied) == "200"
    assert not applied.admin.is_there(lease(applied))
    applied.mlopsctl("unlock", "0a1b2c3d", code=1)


def test_two_applies_at_once_do_it_once(project: Repository) -> None:
    processes = [project.start("apply", "-y", "--lock-timeout", "60s") for _ in range(2)]
    ended = [process.communicate(timeout=PATIENCE) for process in processes]
    codes = sorted(process.returncode for process in processes)
    assert codes in ([0, 0], [0, 3]), ended
    assert "No changes" in project.mlopsctl("plan", "--detailed-exitcode").out


def test_killed_at_any_point_the_next_one_finishes(project: Repository) -> None:
    """Whatever a killed apply leaves, the next one needs no word but `unlock`, and a destroy leaves nothing."""
    chance = random.Random(5)
    value = 100
    for _ in range(5):
        process = project.start("apply", "-y")
        until(lambda process=process: process.poll() is not None or is_begun(project))  # type: ignore[misc]  # defaults have no types
        time.sleep(chance.uniform(0, 0.15))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        unlocked(project)
        more_trees(project, before=value, after=value + 100)
        value += 100
    project.mlopsctl("apply", "-y")
    assert trees(project) == str(value)
    assert "No changes" in project.mlopsctl("plan", "--detailed-exitcode").out
    process = project.start("destroy", "-y")
    until(lambda: process.poll() is not None or is_begun(project))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    unlocked(project)
    project.mlopsctl("destroy", "-y")
    assert project.objects() == {HISTORY}


def is_begun(project: Repository) -> bool:
    """Whether an apply has the lock."""
    return project.admin.is_there(lease(project))


def unlocked(project: Repository) -> None:
    """Take the lock of a killed apply away, if it had one."""
    if is_begun(project):
        holder = project.admin.ask("GET", lease(project))["spec"]["holderIdentity"]
        project.mlopsctl("unlock", holder.rpartition("/")[2])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_apply_gives_the_lock_up(project: Repository, number: signal.Signals) -> None:
    """It waits for a route, which nothing here makes ready."""
    project.git("revert", "--no-edit", "HEAD")
    process = project.start("apply", "-y")
    until(lambda: process.poll() is not None or "httproutes/flight-delays" in project.objects())
    time.sleep(0.5)
    process.send_signal(number)
    said = ended(process, 130, patience=PATIENCE)
    assert not is_begun(project)
    assert "Interrupted after" in said.out
    assert said.out.endswith("To go on from here: mlopsctl apply --env staging\n")


def test_an_api_server_that_ends_in_the_middle_is_waited_for(
    fresh_api_server: Callable[[], Reached], tmp_path: Path
) -> None:
    project = without_gateway(repository(tmp_path / "flight-delays", fresh_api_server()))
    process = project.start("apply", "-y")
    until(lambda: process.poll() is not None or is_begun(project))
    server = killed_and_started_again(project.kubeconfig)
    try:
        said = ended(process, 0, patience=PATIENCE)
        assert f"{RENDERED + 1} added" in said.out
        assert "No changes" in project.mlopsctl("plan", "--detailed-exitcode").out
        project.mlopsctl("destroy", "-y")
        assert project.objects() == {HISTORY}
    finally:
        server.kill()
        server.wait()


def test_no_changes_still_tidies_up_after_an_apply_that_was_cut_off(applied: Repository) -> None:
    parent = applied.path("configmaps", "mlopsctl-flights-staging")
    name = "applyset.kubernetes.io/contains-group-kinds"
    before = applied.admin.ask("GET", parent)["metadata"]["annotations"][name]
    by_hand(applied, parent, {"metadata": {"annotations": {name: f"{before},Secret"}}}, "mlopsctl")
    said = applied.mlopsctl("apply", "-y")
    assert "No changes" in said.out
    assert said.err == ""
    assert applied.admin.ask("GET", parent)["metadata"]["annotations"][name] == before


# --- in scripts


def test_results_are_on_stdout_and_progress_is_on_stderr(project: Repository) -> None:
    plan = project.mlopsctl("plan")
    assert plan.err == ""
    assert plan.out.startswith("Target ")
    said = project.mlopsctl("apply", "-y")
    assert said.out.startswith("Target ")
    assert said.out.splitlines()[-1].startswith("Applied to staging in ")
    assert said.err.startswith("Keeping the code and data of `flight-delays` in ")
    assert "Applying to staging" in said.err
    assert "added" in said.err
    more_trees(project)
    quiet = project.mlopsctl("--quiet", "apply", "-y")
    assert quiet.err == ""
    assert quiet.out.startswith("Applied to staging in ")
    assert quiet.out.count("\n") == 1


def test_nobody_is_asked_where_nobody_can_answer(applied: Repository) -> None:
    more_trees(applied)
    before = applied.objects()
    assert "apply a saved plan, or give --auto-approve" in applied.mlopsctl("--quiet", "apply", code=64).err
    assert "nobody can be asked here: give --auto-approve" in applied.mlopsctl("--quiet", "destroy", code=64).err
    assert (applied.objects(), trees(applied)) == (before, "100")
    somebody_applies(applied)
    said = applied.mlopsctl("unlock", "0a1b2c3d")
    assert said.out.startswith("unlocked; it was held by ann@laptop/0a1b2c3d since ")
    assert said.err == ""
    said = applied.mlopsctl("render")
    assert (said.out[:4], said.err) == ("---\n", "")
    said = applied.mlopsctl("destroy", "--auto-approve")
    assert said.out.splitlines()[-1].startswith("Deleted from staging in ")
    assert "Deleting from staging" in said.err


def test_a_store_that_is_not_there_is_named_before_anything_changes(project: Repository) -> None:
    store = f"file://{project.folder.parent / 'store'}"
    project.edit("environments/staging.yaml", (store, "file:///proc/nope/store"))
    said = project.mlopsctl("apply", "-y", code=1)
    assert "error[MLO901]: the store: cannot store " in said.err
    assert "─ environments/staging.yaml:6:" in said.err
    assert not project.admin.is_there(f"/api/v1/namespaces/{project.namespace}")


def test_a_schedule_whose_last_start_failed_is_told_and_ends_no_apply(applied: Repository) -> None:
    schedule = applied.path("cronworkflows", "flight-delays", group=ARGO)
    failed = {"type": "SubmissionError", "status": "True", "message": "no such template"}
    by_hand(applied, schedule, {"status": {"conditions": [failed]}}, "workflow-controller")
    said = applied.mlopsctl("apply", "-y")
    assert "No changes" in said.out
    assert "CronWorkflow flight-delays: its last start failed: no such template" in said.err


def test_json_is_as_its_schemas_say(project: Repository) -> None:
    plan, event = (json.loads((OUTPUT / f"{name}.json").read_text()) for name in ("plan", "apply-event"))

    def events(*arguments: str, code: int = 0) -> list[dict[str, Any]]:
        said = project.mlopsctl(*arguments, "--output", "json", code=code)
        found = said.events()
        for each in found:
            Draft202012Validator(event).validate(each)
        return found

    made = json.loads(project.mlopsctl("plan", "--output", "json").out)
    Draft202012Validator(plan).validate(made)
    assert len(made["changes"]) == RENDERED + 1
    told = events("apply", "-y")
    assert [told[0]["type"], told[-1]["type"]] == ["apply-started", "apply-ended"]
    assert told[-1]["done"]["added"] == RENDERED + 1
    by_hand(project, template(project), {"metadata": {"labels": {"mlopsctl.dev/pipeline": "mine"}}})
    drifted = json.loads(project.mlopsctl("plan", "--output", "json").out)
    Draft202012Validator(plan).validate(drifted)
    assert [each["manager"] for each in drifted["drift"]] == ["kubectl-edit"]
    assert events("apply", "-y")[-1]["done"]["changed"] == 1
    assert events("apply", "-y")[-1]["done"] == dict.fromkeys(told[-1]["done"], 0)
    gone = events("destroy", "-y")
    assert (gone[-1]["task"], gone[-1]["done"]["deleted"]) == ("destroy", RENDERED)
    markdown = project.mlopsctl("plan", "--output", "markdown").out
    assert markdown.startswith("<!-- mlopsctl plan: staging -->\n")
