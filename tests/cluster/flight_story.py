"""The example about flights in a cluster: from an empty namespace to a model trained anew, as flights have changed.

`make demo-cluster` shows it to a person; test_flight_story.py holds it to what it promises. What it does in the cluster
is done by the commands that users have.
"""

import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import boto3

from mlopsctl.manifest import BY
from tests.cluster.access import read_access
from tests.cluster.conftest import Whole, own_namespace
from tests.cluster.examining import context_of
from tests.cluster.objects import Objects
from tests.cluster.package_index import package_index
from tests.cluster.provider.cluster import Cluster
from tests.cluster.provider.folders import DEFAULT_NAME
from tests.cluster.stores import new_store, open_to_pods
from tests.rendered import FLIGHTS
from tests.waiting import until

CATEGORIES = ("carrier", "origin")
NUMBERS = ("dep_delay", "distance", "hour", "wind_speed", "precip", "visib")
ROWS = 400
# The same pipeline, in minutes rather than in weeks, and of flights that come from a bucket, where they change.
ENVIRONMENT = """\
apiVersion: mlopsctl.dev/v1
kind: Environment
metadata: {{name: demo}}
spec:
  cluster: {{context: {context}, namespace: {namespace}}}
  store: {store}
  image: {image}
  gateway: {{name: public, namespace: gateways, host: {host}}}
  releases: continuous
  overrides:
    flight-delays:
      stages:
        flights: {{source: {landing}}}
        model: {{pod: {{spec: {step}}}}}
        quality: {{pod: {{spec: {step}}}}}
        serve:
          pod: {{spec: {server}}}
          replicas: {{min: 1, max: 2}}
          resources: {{cpu: 500m, memory: 1Gi}}
          loadTest: {{users: 2, duration: 2s, p99: 10s}}
          rollout: {{canary: {{steps: [50%], every: 5s}}, checks: [{{errors: 1%}}, {{p99: 10s}}]}}
          log: {{requests: 100%}}
        drift:
          schedule: {{cron: "* * * * *"}}
          minSamples: 100
"""


@dataclass(frozen=True)
class Story:
    """The example in a repository of its own, with a namespace and a store of its own."""

    folder: Path
    objects: Objects
    environ: Mapping[str, str] = field(repr=False)
    gateway: str
    host: str
    landing: str
    is_shown: bool

    def say(self, text: str) -> None:
        """A headline, if somebody watches."""
        if self.is_shown:
            sys.stdout.write(f"\n\033[1m{text}\033[0m\n" if sys.stdout.isatty() else f"\n{text}\n")
            sys.stdout.flush()

    def mlopsctl(self, *arguments: str, code: int = 0) -> str:
        """Run the command, which has to end with this code; what it printed, unless it is shown."""
        self.say(" ".join(["mlopsctl", *arguments]))
        where = None if self.is_shown else subprocess.PIPE
        command = [sys.executable, "-m", "mlopsctl", *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environ, check=False, stdout=where, stderr=where, text=True
        )
        assert done.returncode == code, f"{arguments} ended with {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout or ""

    def said(self, *arguments: str) -> Any:
        """What the command says as JSON, whatever it ends with."""
        command = [sys.executable, "-m", "mlopsctl", *arguments, "--output", "json"]
        done = subprocess.run(command, cwd=self.folder, env=self.environ, check=False, capture_output=True, text=True)
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def serving(self) -> str:
        """The run whose model serves, as far as the store knows."""
        (environment,) = self.said("status", "--env", "demo")["environments"]
        (pipeline,) = environment["pipelines"]
        return pipeline["serving"]["run"] if pipeline["serving"] else ""

    def trained_anew(self) -> bool:
        """Whether a run that the monitor started has ended; asked of the cluster, as a command takes a second."""
        runs = self.objects.listed("argoproj.io/v1alpha1", "Workflow")
        started = [run for run in runs if run["metadata"].get("labels", {}).get(BY) == "monitor-drift"]
        return any(run.get("status", {}).get("finishedAt") for run in started)

    def land(self, month: str) -> None:
        """Let the flights of this month be those that training reads."""
        bucket, key = self.landing.removeprefix("s3://").split("/", 1)
        names = {"region_name": "AWS_REGION", "aws_access_key_id": "AWS_ACCESS_KEY_ID"}
        names |= {"aws_secret_access_key": "AWS_SECRET_ACCESS_KEY", "endpoint_url": "AWS_ENDPOINT_URL"}
        client = boto3.client("s3", **{option: self.environ[name] for option, name in names.items()})
        client.upload_file(str(self.folder / "data" / f"flights-{month}.csv"), bucket, key)

    def ask(self, *, late_by: float) -> None:
        """Ask the model, through the gateway, about flights of February that leave so many minutes later."""
        with (self.folder / "data" / "flights-2013-02.csv").open(newline="") as text:
            known = (row for row in csv.DictReader(text) if all(row[column] for column in (*CATEGORIES, *NUMBERS)))
            rows = list(islice(known, 0, 20 * ROWS, 20))
        body = json.dumps(question(rows, late_by=late_by)).encode()
        asked = urllib.request.Request(
            f"{self.gateway}/flight-delays/v2/models/flight-delays/infer",
            body,
            {"Host": self.host, "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(asked, timeout=60) as answer:
            chances = json.load(answer)["outputs"][0]["data"][1::2]
        assert len(chances) == len(rows)
        self.say(f"{len(rows)} flights asked about: {sum(chance > 0.5 for chance in chances)} of them will be late")

    def storm(self) -> bool:
        """Ask about late flights, and whether that is seen: not if the monitor's own check came first."""
        self.ask(late_by=120)
        time.sleep(12)  # requests are kept every ten seconds
        command = [sys.executable, "-m", "mlopsctl", "drift", "flight-delays", "--env", "demo"]
        done = subprocess.run(command, cwd=self.folder, env=self.environ, check=False, capture_output=True, text=True)
        if done.returncode == 1 and "Drift:" in done.stdout:
            self.say(f"mlopsctl drift flight-delays --env demo\n{done.stdout}")
            return True
        assert done.returncode == 0, done.stderr
        return False


def tell(story: Story) -> None:
    """The whole story. Raises AssertionError where it goes another way."""
    story.say("The flights of February have landed; the namespace is empty")
    story.land("2013-02")
    story.mlopsctl("apply", "--env", "demo", "--auto-approve")
    story.mlopsctl("run", "flight-delays", "--env", "demo")
    first = story.serving()
    assert first
    story.ask(late_by=0)
    story.say("Some time later: the flights of March have landed, and in a storm all leave late")
    story.land("2013-03")
    until(story.storm, "drift", every=2)
    story.say("The monitor sees it within a minute and has the pipeline train again")
    until(story.trained_anew, "the end of a run that the monitor started", every=2)
    story.mlopsctl("status", "--env", "demo")
    second = story.serving()
    assert second not in (first, "")
    story.mlopsctl("runs", "compare", first, second, "--env", "demo")
    story.ask(late_by=0)
    versions = {
        each["metadata"]["name"] for each in story.objects.listed("serving.kserve.io/v1beta1", "InferenceService")
    }
    assert len(versions) == 2, versions
    story.say(f"Both versions are there, {' and '.join(sorted(versions))}: the way back takes seconds")


def question(rows: Sequence[Mapping[str, str]], *, late_by: float) -> dict[str, Any]:
    """The body of a request about these flights, by the Open Inference Protocol."""
    texts = [(name, "BYTES", [row[name] for row in rows]) for name in CATEGORIES]
    numbers = [(name, "FP64", [float(row[name]) for row in rows]) for name in NUMBERS]
    late = [
        (name, kind, [value + late_by for value in data] if name == "dep_delay" else data)
        for name, kind, data in numbers
    ]
    inputs = [
        {"name": name, "datatype": kind, "shape": [len(rows), 1], "data": data}
        | ({"parameters": {"content_type": "str"}} if kind == "BYTES" else {})
        for name, kind, data in (*texts, *late)
    ]
    return {"parameters": {"content_type": "pd"}, "inputs": inputs, "outputs": [{"name": "predict_proba"}]}


@contextmanager
def story(cluster: Whole, scratch: Path, *, is_shown: bool) -> Iterator[Story]:
    """The example, ready to be applied; its namespace goes when this does."""
    with ExitStack() as open_until_the_end:
        objects = open_until_the_end.enter_context(own_namespace(cluster, scratch))
        lock = FLIGHTS / "requirements.lock"
        index = open_until_the_end.enter_context(package_index(lock, cluster.gateway))
        outside = open_to_pods(objects, cluster.s3, UV_DEFAULT_INDEX=index)
        host, store = f"{objects.namespace}.example", new_store()
        landing = f"{store}-landing/flights.csv"
        folder = _repository(scratch / "flight-delays")
        written = ENVIRONMENT.format(
            context=context_of(cluster.kubeconfig),
            namespace=objects.namespace,
            store=store,
            landing=landing,
            image=cluster.runtime_image,
            host=host,
            step=json.dumps(_kept_environments("main", cluster.environments)),
            server=json.dumps(_kept_environments("kserve-container", cluster.environments)),
        )
        (folder / "environments" / "demo.yaml").write_text(written, "utf-8")
        outside["KUBECONFIG"] = str(cluster.kubeconfig)
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("MLOPS_", "GIT", "CI"))}
        yield Story(folder, objects, environ | outside, cluster.gateway, host, landing, is_shown)


def _kept_environments(container: str, folder: str) -> dict[str, Any]:
    """What a pod says whose container finds Python environments in a folder of the node, if that has one."""
    if not folder:
        return {}
    mount = {"name": "environments", "mountPath": "/environments"}
    told = {"name": "MLOPS_CACHE", "value": "/environments"}
    return {
        "volumes": [{"name": "environments", "hostPath": {"path": folder, "type": "Directory"}}],
        "containers": [{"name": container, "env": [told], "volumeMounts": [mount]}],
    }


def _repository(folder: Path) -> Path:
    """The example in git, with the flights of 2013."""
    shutil.copytree(FLIGHTS, folder, ignore=shutil.ignore_patterns("data", ".mlops", "__pycache__"))
    with tempfile.TemporaryDirectory() as name:
        uv = [sys.executable, "-m", "uv"]
        subprocess.run([*uv, "venv", "--quiet", name], check=True)
        locked = ["--require-hashes", str(folder / "scripts" / "requirements.lock")]
        subprocess.run([*uv, "pip", "sync", "--quiet", "--python", name, *locked], check=True)
        making = [Path(name, "bin", "python"), folder / "scripts" / "make_data.py", folder / "data"]
        subprocess.run(making, check=True, capture_output=True)
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "Flights of 2013"]):
        who = ["-c", "user.name=someone", "-c", "user.email=someone@example.com"]
        subprocess.run(["git", *who, *command], cwd=folder, check=True, capture_output=True)
    return folder


def main() -> None:
    """Show the story on the cluster that `make cluster-up` brought up."""
    kubeconfig = Cluster(DEFAULT_NAME).kubeconfig
    where = read_access(kubeconfig)
    cluster = Whole.told(kubeconfig, where)
    with tempfile.TemporaryDirectory() as scratch, story(cluster, Path(scratch), is_shown=True) as shown:
        tell(shown)


if __name__ == "__main__":
    main()
