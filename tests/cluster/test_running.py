"""Runs in a cluster from the command line: what is said of them is what is said of a run on this machine."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.cluster import lines
from tests.cluster.conftest import Whole, own_namespace
from tests.cluster.examining import context_of
from tests.cluster.objects import Objects
from tests.cluster.package_index import own_address
from tests.cluster.stores import new_store, open_to_pods
from tests.hooks import Hook, hook
from tests.scenarios.project import MLOPSCTL, Ended, ended
from tests.waiting import PATIENCE, until

PIPELINE = f"""\
{lines.PIPELINE}\
    quality:
      kind: evaluate
      inputs: {{model: model}}
      run: cp ${{inputs.model}} ${{outputs.metrics}}
      gates: [{{metric: total, min: 12}}]
    report: {{kind: task, requires: [quality], inputs: {{model: model}}, run: "cat ${{inputs.model}}"}}
  secrets: {{hook: {{secret: hook, key: address}}}}
  notify: {{onFailure: ["${{secrets.hook}}"]}}
"""
TRAIN = """\
import json, sys, time
source, model, factor = sys.argv[1:]
print("training", flush=True)
while factor == "99":
    time.sleep(0.2)
total = sum(int(line) for line in open(source).read().split()[1:])
if factor == "3":
    sys.exit("no luck with 3")
json.dump({"total": total * int(factor)}, open(model, "w"))
"""
WORKFLOW = ("argoproj.io/v1alpha1", "Workflow")


@dataclass(frozen=True)
class Project:
    """A pipeline in a git repository, and mlopsctl on it, for a namespace and a store of its own."""

    folder: Path
    environ: Mapping[str, str]
    namespace: Objects
    hook: Hook

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [MLOPSCTL, *arguments],
            cwd=self.folder,
            env=self.environ,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def mlopsctl(self, *arguments: str, code: int = 0) -> Ended:
        return ended(self.start(*arguments), code, patience=PATIENCE)

    def write(self, file: str, text: str) -> None:
        (self.folder / file).write_text(text, encoding="utf-8")

    def document(self, file: str, kind: str, name: str, spec: str) -> None:
        self.write(file, f"{{apiVersion: mlopsctl.dev/v1, kind: {kind}, metadata: {{name: {name}}}, spec: {spec}}}\n")

    def environment(self, file: str, **more: object) -> None:
        said = json.loads((self.folder / "here.json").read_text("utf-8"))
        self.document(file, "Environment", file.removesuffix(".yaml"), json.dumps(said | more))

    @property
    def cluster(self) -> dict[str, str]:
        found: dict[str, str] = json.loads((self.folder / "here.json").read_text("utf-8"))["cluster"]
        return found

    def git(self, *arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=self.folder, env=self.environ, check=True, capture_output=True)


@pytest.fixture(scope="module")
def project(cluster: Whole, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    folder = tmp_path_factory.mktemp("running")
    with own_namespace(cluster, folder) as namespace, hook(address=own_address(cluster.gateway)) as told_of_failures:
        (folder / "project").mkdir()
        secret = {"metadata": {"name": "hook"}, "stringData": {"address": told_of_failures.url}}
        namespace.apply([{"apiVersion": "v1", "kind": "Secret", **secret}])
        found = Project(folder / "project", _environ(cluster, namespace, folder), namespace, told_of_failures)
        cluster_of = {"context": context_of(cluster.kubeconfig), "namespace": namespace.namespace}
        said = {"store": new_store(), "image": cluster.runtime_image, "cluster": cluster_of}
        found.write("here.json", json.dumps(said))
        found.write(".gitignore", "/.mlops/\n/here.json\n")
        found.document("mlops.yaml", "Project", "lines", "{pipelines: [pipeline.yaml], environments: ['here*.yaml']}")
        found.environment("here.yaml")
        for name, text in {"pipeline.yaml": PIPELINE, "numbers.csv": "n\n1\n2\n3\n", "train.py": TRAIN}.items():
            found.write(name, text)
        found.git("init", "--quiet", "--initial-branch", "main")
        found.git("add", "--all")
        found.git("commit", "--quiet", "--message", "A line")
        found.mlopsctl("apply", "--env", "here", "--auto-approve")
        yield found


def _environ(cluster: Whole, namespace: Objects, folder: Path) -> dict[str, str]:
    """The variables of whoever runs mlopsctl."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLOPS_", "AWS_", "GIT", "CI_"))}
    return kept | {
        **open_to_pods(namespace, cluster.s3),
        "KUBECONFIG": str(cluster.kubeconfig),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "COLUMNS": "120",
        "NO_COLOR": "1",
        "TZ": "UTC",
        **{f"GIT_{who}_{what}": "someone" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    }


def told(found: Ended, project: Project) -> str:
    """All that was said, without what differs from run to run."""
    text = found.out + (f"--- stderr\n{found.err}" if found.err else "")
    text = text.replace(project.namespace.namespace, "NAMESPACE")
    text = re.sub(r"s3://\S+", "s3://STORE", text)
    text = re.sub(r"(?<=runtime:)[0-9a-f]{12}", "IMAGE", text)
    text = re.sub(r"\b[0-9A-HJKMNP-TV-Z]{26}\b", "RUN", text)
    text = re.sub(r"\b01[0-9A-HJKMNP-TV-Z]{10}\b", "RUN", text)
    text = re.sub(r"(?<=· )[0-9a-f]{7}(?= |$)", "COMMIT", text)
    text = re.sub(r"sha256:[0-9a-f]{12,}…?", "sha256:DIGEST", text)
    # A node that other tests have filled is waited for.
    text = re.sub(r"^  … .* waits\n(?: {20,}\S.*\n)*", "", text, flags=re.MULTILINE)
    text = re.sub(r" *(?:<?\d+\.\ds|\b\d+m \d\ds)\b", " #.#s", text)
    return re.sub(r"line-[0-9a-f]{8}", "line-NAME", text)


def test_a_run_is_told_to_its_end(project: Project, snapshot: SnapshotAssertion) -> None:
    first = project.mlopsctl("run", "--env", "here", "--verbose")
    assert told(first, project) == snapshot(name="first")

    again = project.mlopsctl("run", "--env", "here")
    assert told(again, project) == snapshot(name="again")


def test_what_goes_wrong_is_told_where_it_is_written(project: Project, snapshot: SnapshotAssertion) -> None:
    refused = project.mlopsctl("run", "--env", "here", "-p", "factor=1", code=5)
    assert told(refused, project) == snapshot(name="refused")

    failed = project.mlopsctl("run", "--env", "here", "-p", "factor=3", "--only", "model", code=1)
    assert told(failed, project) == snapshot(name="failed")
    assert project.mlopsctl("logs", "latest", "model", "--env", "here").out == "training\nno luck with 3\n"
    shown = json.loads(project.mlopsctl("runs", "show", "latest", "--env", "here", "--output", "json").out)
    assert (len(shown["commit"]), shown["outcome"], shown["params"]["factor"]) == (40, "failed", 3)
    assert [stage["reason"] for stage in shown["stages"][2:]] == ["not asked for", "not asked for"]

    retried = project.mlopsctl("runs", "retry", "latest", "--env", "here", code=1)
    assert "no luck with 3" in retried.out
    # Each of them once, by a pod that has the address from a Secret.
    told_of = [(each["outcome"], each["stage"], each["diagnostic"]["code"]) for each in project.hook.told]
    assert told_of == [("refused", "quality", "MLO412"), *[("failed", "model", "MLO801")] * 2]


def test_a_run_that_is_left_goes_on_until_it_is_cancelled(project: Project, snapshot: SnapshotAssertion) -> None:
    detached = project.mlopsctl("run", "--env", "here", "-p", "factor=99", "--detach")
    assert told(detached, project) == snapshot(name="detached")

    standing = json.loads(project.mlopsctl("status", "--env", "here", "--output", "json").out)
    (run,) = (each["run"] for each in standing["environments"][0]["pipelines"][0]["running"])

    following = project.start("logs", "latest", "--env", "here", "--follow")
    assert following.stdout is not None
    read = following.stdout.readline
    lines = iter(read, b"")
    assert any(b"training" in line for line in lines)
    following.send_signal(signal.SIGINT)
    left = ended(following, 130, patience=PATIENCE)
    assert told(left, project) == snapshot(name="left")

    assert "training" in project.mlopsctl("logs", "latest", "model", "--env", "here").out
    cancelled = project.mlopsctl("runs", "cancel", "latest", "--env", "here")
    assert told(cancelled, project) == snapshot(name="cancelled")

    def record() -> dict[str, Any]:
        shown = project.start("runs", "show", run, "--env", "here", "--output", "json").communicate(timeout=PATIENCE)[0]
        found: dict[str, Any] = json.loads(shown or b"{}")
        return found

    def is_over() -> bool:
        found = json.loads(project.mlopsctl("status", "--env", "here", "--output", "json").out)
        return not found["environments"][0]["pipelines"][0]["running"]

    until(lambda: record().get("outcome") == "interrupted" and is_over())
    assert {each["stage"]: each["outcome"] for each in record()["stages"]}["report"] == "skipped"
    assert {each["outcome"] for each in project.hook.told} <= {"refused", "failed"}, "who cancels a run knows of it"
    again = project.mlopsctl("runs", "cancel", "latest", "--env", "here", code=1)
    assert told(again, project) == snapshot(name="cancelled again")


def test_a_pod_that_cannot_start_is_told_with_the_reason(project: Project, snapshot: SnapshotAssertion) -> None:
    project.write("pipeline.yaml", PIPELINE.replace("    model:\n", "    model:\n      resources: {memory: 4Ti}\n", 1))
    try:
        running = project.start("run", "--env", "here", "-p", "factor=5")
        assert running.stdout is not None
        lines = iter(running.stdout.readline, b"")
        line = next(line for line in lines if b"waits" in line).decode()
        assert re.sub(r"\d+/\d+", "#", line).rstrip() == snapshot
        running.send_signal(signal.SIGINT)
        ended(running, 130, patience=PATIENCE)
        project.mlopsctl("runs", "cancel", "latest", "--env", "here")
    finally:
        project.write("pipeline.yaml", PIPELINE)


def test_what_was_never_applied_or_is_protected_does_not_run(project: Project, snapshot: SnapshotAssertion) -> None:
    project.write("train.py", TRAIN + "\n")
    try:
        project.environment("here.yaml", protected=True)
        protected = project.mlopsctl("run", "--env", "here", code=5)
        assert told(protected, project) == snapshot(name="protected")
        project.environment("here.yaml", cluster={**project.cluster, "namespace": "default"})
        nowhere = project.mlopsctl("run", "--env", "here", code=1)
        assert told(nowhere, project) == snapshot(name="never applied")
    finally:
        project.write("train.py", TRAIN)
        project.environment("here.yaml")
