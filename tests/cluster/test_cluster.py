"""The cluster does what pipelines will ask of it: workflows with a store, models that answer, traffic by weight."""

import json
import time
import urllib.request
from collections import Counter
from typing import Any

from tests.cluster.conftest import Whole
from tests.cluster.objects import Manifest, Objects, condition
from tests.waiting import PATIENCE

ROWS = 20
# Answers like a model server that speaks the Open Inference Protocol: y = 2x + 1.
MODEL = """
import json, os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Model(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer({"ready": True, "name": os.environ.get("NAME", "double")})

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        data = [2 * x + 1 for x in asked["inputs"][0]["data"]]
        self.answer({"outputs": [{"name": "y", "shape": [len(data)], "datatype": "FP64", "data": data}]})

    def answer(self, what):
        body = json.dumps(what).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

ThreadingHTTPServer(("", 8080), Model).serve_forever()
"""


def test_a_workflow_passes_a_parameter_and_an_artifact_through_the_store(namespace: Objects, cluster: Whole) -> None:
    make = f"""
import json
import time
rows = list(range({ROWS}))
json.dump(rows, open("/tmp/rows.json", "w"))
open("/tmp/total", "w").write(str(sum(rows)))
"""
    use = """
import json
import time
rows = json.load(open("/tmp/rows.json"))
open("/tmp/answer", "w").write(f"{len(rows)} rows, total {sum(rows)}, told {{inputs.parameters.total}}")
"""
    tasks = [
        {"name": "make", "template": "make"},
        {
            "name": "use",
            "template": "use",
            "depends": "make.Succeeded",
            "arguments": {
                "parameters": [{"name": "total", "value": "{{tasks.make.outputs.parameters.total}}"}],
                "artifacts": [{"name": "rows", "from": "{{tasks.make.outputs.artifacts.rows}}"}],
            },
        },
    ]
    templates = [
        {"name": "main", "dag": {"tasks": tasks}},
        {
            "name": "make",
            "outputs": {
                "parameters": [{"name": "total", "valueFrom": {"path": "/tmp/total"}}],
                "artifacts": [{"name": "rows", "path": "/tmp/rows.json"}],
            },
            **step(cluster, make),
        },
        {
            "name": "use",
            "inputs": {"parameters": [{"name": "total"}], "artifacts": [{"name": "rows", "path": "/tmp/rows.json"}]},
            "outputs": {"parameters": [{"name": "answer", "valueFrom": {"path": "/tmp/answer"}}]},
            **step(cluster, use),
        },
    ]
    spec = {"entrypoint": "main", "templates": templates}
    version, kind = "argoproj.io/v1alpha1", "Workflow"

    namespace.apply([{"apiVersion": version, "kind": kind, "metadata": {"name": "two-steps"}, "spec": spec}])

    done = namespace.wait_for(version, kind, "two-steps", lambda found: bool(found.get("status", {}).get("finishedAt")))
    assert done["status"]["phase"] == "Succeeded", done["status"].get("message")
    by_name = {node["displayName"]: node for node in done["status"]["nodes"].values()}
    answer = by_name["use"]["outputs"]["parameters"][0]["value"]
    assert answer == f"{ROWS} rows, total {sum(range(ROWS))}, told {sum(range(ROWS))}"
    assert by_name["make"]["outputs"]["artifacts"][0]["s3"]["key"], "the artifact went through the store"


def test_an_inference_service_answers_a_prediction(namespace: Objects, cluster: Whole) -> None:
    container = {**model(cluster, "double"), "name": "kserve-container"}
    predictor = {"minReplicas": 1, "maxReplicas": 1, "containers": [container], **POD}
    service = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "double"},
        "spec": {"predictor": predictor},
    }
    host = f"double.{namespace.namespace}.test"

    namespace.apply([service, route("double", host, {"double-predictor": 1})])

    namespace.wait_for(service["apiVersion"], service["kind"], "double", condition("Ready"))
    asked = {"inputs": [{"name": "x", "shape": [3], "datatype": "FP64", "data": [1, 2, 3.5]}]}
    answer = eventually(cluster, host, "/v2/models/double/infer", asked)
    assert answer["outputs"][0]["data"] == [3, 5, 8]


def test_the_gateway_splits_traffic_by_weight(namespace: Objects, cluster: Whole) -> None:
    host, requests = f"split.{namespace.namespace}.test", 200
    backends = [each for name in ("champion", "challenger") for each in backend(cluster, name)]

    namespace.apply([*backends, route("split", host, {"champion": 80, "challenger": 20})])

    for name in ("champion", "challenger"):
        namespace.wait_for("apps/v1", "Deployment", name, condition("Available"))
    seen = set[str]()
    while seen != {"champion", "challenger"}:  # the gateway learns of each by itself
        seen.add(eventually(cluster, host, "/")["name"])
    counted = Counter(ask(cluster, host, "/")["name"] for _ in range(requests))
    # Traefik goes by turns, not by chance; the slack is for where in its turns the counting began.
    assert abs(counted["champion"] - 0.8 * requests) <= 2, counted
    assert abs(counted["challenger"] - 0.2 * requests) <= 2, counted


# What a pod says to be allowed anywhere: a numeric user, nothing of the node's, nothing to write to but /tmp.
POD = {
    "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
    "automountServiceAccountToken": False,
    "volumes": [{"name": "tmp", "emptyDir": {}}],
}
CONTAINER = {
    "imagePullPolicy": "IfNotPresent",
    "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    },
    "resources": {"requests": {"cpu": "20m", "memory": "32Mi"}, "limits": {"cpu": "1", "memory": "256Mi"}},
}


def step(cluster: Whole, code: str) -> dict[str, Any]:
    """What of a workflow's template runs this Python."""
    return {
        "container": {**CONTAINER, "image": cluster.runtime_image, "command": ["python3", "-c"], "args": [code]},
        "volumes": POD["volumes"],
        "securityContext": POD["securityContext"],
    }


def model(cluster: Whole, name: str) -> dict[str, Any]:
    """A container that answers as the model of this name."""
    return {
        **CONTAINER,
        "image": cluster.runtime_image,
        "command": ["python3", "-c", MODEL],
        "env": [{"name": "NAME", "value": name}],
        "ports": [{"containerPort": 8080, "protocol": "TCP"}],
        "readinessProbe": {"httpGet": {"path": "/v2/health/ready", "port": 8080}, "periodSeconds": 1},
    }


def backend(cluster: Whole, name: str) -> list[Manifest]:
    """A model behind a service."""
    labels = {"app": name}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{**model(cluster, name), "name": "model"}], **POD},
    }
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name},
            "spec": {"selector": {"matchLabels": labels}, "template": template},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name},
            "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]},
        },
    ]


def route(name: str, host: str, weights: dict[str, int]) -> Manifest:
    """A way from the gateway to services by their weights."""
    backends = [{"name": service, "port": 80, "weight": weight} for service, weight in weights.items()]
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name},
        "spec": {
            "parentRefs": [{"name": "public", "namespace": "gateways"}],
            "hostnames": [host],
            "rules": [{"backendRefs": backends}],
        },
    }


def ask(cluster: Whole, host: str, path: str, body: object = None) -> Any:
    """The JSON that the gateway's host answers. Raises OSError if it doesn't."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(cluster.gateway + path, data=data, headers={"Host": host})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def eventually(cluster: Whole, host: str, path: str, body: object = None) -> Any:
    """The first answer of a route that the gateway is about to learn of."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return ask(cluster, host, path, body)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
