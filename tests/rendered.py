"""What a project renders to, for tests of several rooms."""

import re
import shutil
from pathlib import Path

from mlopsctl import compiler
from mlopsctl.diagnostics import has_errors
from mlopsctl.render.filling import Templates
from mlopsctl.render.rendering import Rendered
from mlopsctl.render.targets import Targets
from mlopsctl.source import project

ROOT = Path(__file__).parents[1]
EVERYTHING = ROOT / "tests" / "golden" / "projects" / "everything"
DISTRIBUTED = ROOT / "tests" / "golden" / "projects" / "distributed"
FLIGHTS = ROOT / "examples" / "flight-delays"
PLURALS = {
    "ConfigMap": "configmaps",
    "CronWorkflow": "cronworkflows",
    "Deployment": "deployments",
    "HTTPRoute": "httproutes",
    "InferenceService": "inferenceservices",
    "Role": "roles",
    "RoleBinding": "rolebindings",
    "Service": "services",
    "ServiceAccount": "serviceaccounts",
    "WorkflowTemplate": "workflowtemplates",
}
_PINNED = """\
apiVersion: mlopsctl.dev/v1
kind: Release
metadata: {name: flight-delays}
spec:
  run: 01JD3WQ7ZK8M4N6P2R5S7T9V1X
  commit: 3f2c91a
  model:
    digest: sha256:77ac19d0a1f0c2b34d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4
    uri: s3://ml-artifacts/staging/blobs/77ac19d0
  data: {flights: sha256:91be3bb4b7f4ec6ba2ea8dc4bb4f1b2d8e8e3f1f0a7f2d0c5b6a79881726354a}
  evidence: sha256:0b1c2d3e4f5061728394a5b6c7d8e9f00112233445566778899aabbccddeeff0
"""


def rendered(folder: Path, environment: str) -> Rendered:
    """The objects of a project, which has no errors."""
    compilation = compiler.compile_project(project.load(project.find_root(folder)), environment)
    assert not has_errors(compilation.diagnostics), compilation.diagnostics
    sources = compilation.sources
    return compiler.render_project(compilation, Templates(sources.templates, sources.root), Targets())


def flights(folder: Path, *, is_pinned: bool = False) -> Path:
    """The example about flights, with as much of its data as its documents ask for."""
    shutil.copytree(FLIGHTS, folder, ignore=shutil.ignore_patterns("data", ".mlops", "__pycache__"))
    (folder / "data").mkdir()
    for name in ("flights-2013-02.csv", "flights-holdout.csv"):
        (folder / "data" / name).touch()
    if is_pinned:
        environment = folder / "environments" / "staging.yaml"
        environment.write_text(environment.read_text("utf-8").replace("continuous", "pinned"), "utf-8")
        release = folder / "releases" / "staging" / "flight-delays.yaml"
        release.parent.mkdir(parents=True)
        release.write_text(_PINNED, "utf-8")
    return folder


def without_digests(text: str) -> str:
    """The text without digests of code and objects, which change with every comment."""
    return re.sub("sha256:[0-9a-f]{64}", "sha256:…", text)
