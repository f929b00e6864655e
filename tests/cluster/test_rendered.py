"""What is rendered is what a real API server takes and a real controller runs."""

import json
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config

from mlopsctl.manifest import stamped
from tests.cluster.conftest import Reached, Whole
from tests.cluster.objects import Manifest, Objects, condition
from tests.cluster.test_cluster import ask, eventually
from tests.rendered import EVERYTHING, PLURALS, flights, rendered

Document = Mapping[str, Any]


class Server:
    """Applies objects as `apply` does, in a namespace of its own."""

    def __init__(self, reached: Reached) -> None:
        self.namespace = f"test-{uuid.uuid4().hex[:8]}"
        self._client = config.new_client_from_config(str(reached.kubeconfig))
        body = {"metadata": {"name": self.namespace}}
        client.CoreV1Api(self._client).create_namespace(body)

    def apply(self, document: Document, *, dry_run: bool = False, manager: str = "mlopsctl") -> Any:
        """What the server makes of an object, of which it knows every field. Raises ApiException if it refuses."""
        metadata = {**document["metadata"], "namespace": self.namespace}
        asked = [("fieldManager", manager), ("force", "true"), ("fieldValidation", "Strict")]
        return self._client.call_api(
            f"{self._path(document)}/{metadata['name']}",
            "PATCH",
            query_params=[*asked, *([("dryRun", "All")] if dry_run else [])],
            header_params={"Content-Type": "application/apply-patch+yaml", "Accept": "application/json"},
            body={**document, "metadata": metadata},
            response_type="object",
            auth_settings=["BearerToken"],
            _return_http_data_only=True,
        )

    def _path(self, document: Document) -> str:
        version = document["apiVersion"]
        root = "apis" if "/" in version else "api"
        return f"/{root}/{version}/namespaces/{self.namespace}/{PLURALS[document['kind']]}"


@pytest.fixture
def server(api_server: Reached) -> Server:
    return Server(api_server)


@pytest.fixture(params=["everything in staging", "everything in prod", "flights", "flights with a release"])
def documents(request: pytest.FixtureRequest, tmp_path: Path) -> list[Document]:
    match request.param.split():
        case ["everything", "in", environment]:
            found = rendered(EVERYTHING, environment)
        case words:
            found = rendered(flights(tmp_path / "flights", is_pinned="release" in words), "staging")
    return [stamped(manifest, "3f2c91a") for manifest in found.manifests]


def test_a_server_takes_every_object_and_knows_every_field(server: Server, documents: list[Document]) -> None:
    for document in documents:
        server.apply(document, dry_run=True)
        server.apply(document)


def test_a_second_apply_changes_nothing(server: Server, documents: list[Document]) -> None:
    for document in documents:
        first = server.apply(document)["metadata"]["resourceVersion"]
        assert server.apply(document)["metadata"]["resourceVersion"] == first


def test_what_a_run_says_of_a_route_stays_when_the_route_is_applied_again(server: Server, tmp_path: Path) -> None:
    found = rendered(flights(tmp_path / "flights"), "staging")
    (route,) = (manifest.document for manifest in found.manifests if manifest.key.kind == "HTTPRoute")
    assert "rules" not in route["spec"]
    server.apply(route)
    rules = [{"backendRefs": [{"name": "flight-delays-1-predictor", "port": 80, "weight": 100}]}]
    identity = {key: route[key] for key in ("apiVersion", "kind")} | {"metadata": {"name": route["metadata"]["name"]}}
    server.apply({**identity, "spec": {"rules": rules}}, manager="mlopsctl-run")
    after = server.apply(route)
    assert [ref["name"] for rule in after["spec"]["rules"] for ref in rule["backendRefs"]] == [
        "flight-delays-1-predictor"
    ]


def test_argo_finds_nothing_to_mend(cluster: Whole, namespace: Objects) -> None:
    for manifest in rendered(EVERYTHING, "staging").manifests:
        if manifest.key.kind == "WorkflowTemplate":
            document = json.loads(json.dumps(manifest.document))
            document["metadata"]["namespace"] = namespace.namespace
            body = {"namespace": namespace.namespace, "template": document}
            address = f"{cluster.argo_server}/api/v1/workflow-templates/{namespace.namespace}/lint"
            request = urllib.request.Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=30) as answer:
                assert json.load(answer)["spec"]["entrypoint"] == "Pipeline"


# What the program in a pod relies on, tried by a program that stands in its place.
PROBE = """
import json, os, pathlib, sys
given = {each["name"]: each["value"] for each in json.loads(os.environ["MLOPS_GIVEN"])}
assert given == {"trees": "7", "text": 'a "quoted" line'}, given
contract = pathlib.Path("/mlops/contract")
assert json.loads((contract / "pipeline.json").read_text())["metadata"]["name"] == "probed"
assert len(os.environ["MLOPS_RUN"]) == 36 and os.environ["MLOPS_BEGAN"].endswith("Z"), os.environ["MLOPS_BEGAN"]
stage = sys.argv[2]
is_plain = stage not in ("model", "quality", "serve")
assert os.environ.get("MLOPS_SECRET_WAREHOUSE") == ("hidden" if is_plain else None)
for folder in ("/work", "/tmp"):
    pathlib.Path(folder, "written").write_text("x")
assert os.getuid() == 65532
token = os.path.exists("/var/run/secrets/kubernetes.io/serviceaccount/token")
assert token == (stage == "serve"), "what deploys has a token, and nothing else"
assert stage != "done" or os.environ["FROM_THE_POD_PATCH"] == "1"
assert stage != "each" or os.environ["MLOPS_EACH"] in ("emea", "no")
sys.exit({"refused": 5, "failed": 1}.get(stage, 0))
"""
PROBED = """\
apiVersion: mlopsctl.dev/v1
kind: Pipeline
metadata: {name: probed}
spec:
  params: {trees: 3, text: 'a "quoted" line'}
  secrets: {warehouse: {secret: warehouse, key: password}}
  stages:
    done:
      kind: task
      run: "true"
      env: {P: "${secrets.warehouse}"}
      pod: {spec: {containers: [{name: main, env: [{name: FROM_THE_POD_PATCH, value: "1"}]}]}}
    each: {kind: task, run: "true", env: {P: "${secrets.warehouse}"}, each: {region: [emea, "no"]}, requires: [done]}
    refused: {kind: task, run: "true", env: {P: "${secrets.warehouse}"}, requires: [each], retries: {limit: 2}}
    failed: {kind: task, run: "true", env: {P: "${secrets.warehouse}"}, requires: [each], retries: {limit: 1}}
    spared:
      kind: task
      run: "true"
      env: {P: "${secrets.warehouse}"}
      requires: [each]
      retries: {limit: 2, on: [oom]}
    model: {kind: train, run: "true ${outputs.model}", outputs: {model: m}}
    quality: {kind: evaluate, run: "true ${inputs.model}", inputs: {model: model}, gates: [{metric: auc, min: 0}]}
    serve: {kind: deploy, model: model, requires: [quality], server: {run: "true ${inputs.model} ${port}"}}
    never: {kind: task, run: "true", env: {P: "${secrets.warehouse}"}, requires: [failed]}
"""


def ended(namespace: Objects, run: Manifest) -> Manifest:
    """A workflow when it is over, of a template that the controller may see only some time after us."""
    kind, name = (run["apiVersion"], run["kind"]), run["metadata"]["name"]
    while True:
        namespace.apply([run])
        found = namespace.wait_for(*kind, name, lambda found: bool(found.get("status", {}).get("finishedAt")))
        if "nodes" in found["status"]:
            return found
        assert "not found" in found["status"]["message"], found["status"]
        namespace.remove(*kind, name)


def test_pods_find_what_they_are_promised_and_are_begun_again_as_told(
    cluster: Whole, namespace: Objects, tmp_path: Path
) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "warehouse"},
        "stringData": {"password": "hidden"},
    }
    documents = in_a_cluster(tmp_path, PROBED, cluster, namespace)
    for document in documents:
        for template in document["spec"]["templates"] if document["kind"] == "WorkflowTemplate" else ():
            if "container" in template:
                template["container"]["command"] = ["python3", "-c", PROBE]
    run = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": "probe"},
        "spec": {
            "workflowTemplateRef": {"name": "probed"},
            "arguments": {"parameters": [{"name": "trees", "value": "7"}]},
        },
    }

    namespace.apply([secret, *documents])

    nodes = ended(namespace, run)["status"]["nodes"].values()
    attempts = dict.fromkeys(("done", "refused", "failed", "spared", "never"), 0)
    for node in nodes:
        if node["type"] == "Pod" and node["templateName"] in attempts:
            attempts[node["templateName"]] += 1
    told = {node["displayName"]: (node["phase"], node.get("message", "")) for node in nodes}
    assert attempts == {"done": 1, "refused": 1, "failed": 2, "spared": 1, "never": 0}, told
    assert {name: told[name][0] for name in ("done", "each", "refused", "failed", "spared", "serve", "never")} == {
        "done": "Succeeded",
        "each": "Succeeded",
        "refused": "Failed",
        "failed": "Failed",
        "spared": "Succeeded",
        "serve": "Succeeded",
        "never": "Omitted",
    }, told


SERVED = """\
apiVersion: mlopsctl.dev/v1
kind: Pipeline
metadata: {name: served}
spec:
  stages:
    model: {kind: train, run: "echo 1 > ${outputs.model}", outputs: {model: model.txt}}
    quality:
      kind: evaluate
      inputs: {model: model}
      run: "echo ${inputs.model} > ${outputs.metrics}"
      gates: [{metric: auc, min: 0.8}]
    serve:
      kind: deploy
      model: model
      requires: [quality]
      server: {run: "python serve.py ${inputs.model} ${port}", health: /ready}
      resources: {cpu: 20m, memory: 128Mi}
      pod: {spec: {terminationGracePeriodSeconds: 1}}
"""
RELEASE = """\
apiVersion: mlopsctl.dev/v1
kind: Release
metadata: {name: served}
spec:
  run: 01JD3WQ7
  commit: 3f2c91a
  model: {digest: "sha256:77ac19d0a1f0c2b34d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4", uri: s3://x/y/model}
  data: {}
  evidence: sha256:0b1c2d3e4f5061728394a5b6c7d8e9f00112233445566778899aabbccddeeff0
"""
# Answers with what it was asked for and what it was told.
SERVER = """
import json, os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        told = {name: os.environ[name] for name in ("MLOPS_RUN", "MLOPS_MODEL_DIGEST")}
        token = os.path.exists("/var/run/secrets/kubernetes.io/serviceaccount")
        body = json.dumps({"path": self.path, "token": token, **told}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

ThreadingHTTPServer(("", 8080), Answer).serve_forever()
"""


def test_a_released_model_answers_below_the_path_of_its_pipeline(
    cluster: Whole, namespace: Objects, tmp_path: Path
) -> None:
    host = f"models.{namespace.namespace}.test"
    (tmp_path / "releases" / "here").mkdir(parents=True)
    (tmp_path / "releases" / "here" / "served.yaml").write_text(RELEASE)
    (tmp_path / "serve.py").write_text("")
    gateway = f"gateway: {{name: public, namespace: gateways, host: {host}}}, releases: pinned"
    found = in_a_cluster(tmp_path, SERVED, cluster, namespace, more=f", {gateway}")
    (service,) = (each for each in found if each["kind"] == "InferenceService")
    (container,) = service["spec"]["predictor"]["containers"]
    container["command"] = ["python3", "-c", SERVER]

    namespace.apply(found)

    namespace.wait_for(service["apiVersion"], service["kind"], "served-77ac19d0", condition("Ready"))
    answer = eventually(cluster, host, "/served/v2/models/served/ready?x=1")
    assert answer == {
        "path": "/v2/models/served/ready?x=1",
        "token": False,
        "MLOPS_RUN": "01JD3WQ7",
        "MLOPS_MODEL_DIGEST": "sha256:77ac19d0a1f0c2b34d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4",
    }
    assert eventually(cluster, host, "/served")["path"] == "/"
    with pytest.raises(urllib.error.HTTPError, match="404"):
        ask(cluster, host, "/served-by-others")


def in_a_cluster(folder: Path, pipeline: str, cluster: Whole, namespace: Objects, *, more: str = "") -> list[Any]:
    """What a pipeline renders to in a namespace of the cluster."""
    header = "apiVersion: mlopsctl.dev/v1, kind: "
    (folder / "pipeline.yaml").write_text(pipeline)
    lists = "pipelines: [pipeline.yaml], environments: [here.yaml]"
    (folder / "mlops.yaml").write_text(f"{{{header}Project, metadata: {{name: p}}, spec: {{{lists}}}}}")
    where = f"cluster: {{context: c, namespace: {namespace.namespace}}}, image: {cluster.runtime_image}"
    spec = f"{{store: s3://x/y, {where}{more}}}"
    (folder / "here.yaml").write_text(f"{{{header}Environment, metadata: {{name: here}}, spec: {spec}}}")
    return [json.loads(json.dumps(manifest.document)) for manifest in rendered(folder, "here").manifests]
