"""A plan in which nothing changes beside `kubectl diff` of the same objects, on one API server without controllers."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.bench.many_pipelines import write_project
from tests.bench.measuring import Figure, Program, in_turns
from tests.cluster.provider.api_server import running_api_server
from tests.cluster.provider.parts import definitions_seed
from tests.cluster.provider.programs import program
from tests.cluster.provider.seed import plant

BUILDING = "make test-cluster"  # builds what is missing, with much else
# mlopsctl, and then how many requests it made: each of a Python process goes through here.
COUNTING = """
import atexit, http.client, sys
asked, put = [], http.client.HTTPConnection.putrequest
def counted(self, *arguments, **options):
    asked.append(arguments)
    return put(self, *arguments, **options)
http.client.HTTPConnection.putrequest = counted
atexit.register(lambda: print("requests:", len(asked), file=sys.stderr))
from mlopsctl.cli.main import main
main()
"""


def is_built() -> bool:
    """Whether there is an API server to ask."""
    return program("kubernetes").is_built and definitions_seed().is_built


def plan_beside_diff(folder: Path, peers: Mapping[str, Path], env: Mapping[str, str], *, pipelines: int) -> Figure:
    """Apply the objects of many pipelines, and measure what says that nothing is to be done about them."""
    kubernetes = program("kubernetes").built() / "kubernetes"
    with _api_server(kubernetes, folder / "server") as kubeconfig:
        env = {**env, "KUBECONFIG": str(kubeconfig)}
        project = _applied(folder / "project", pipelines, peers["mlopsctl"] / "mlopsctl", env)
        files = folder / "files"
        subprocess.run(
            [peers["mlopsctl"] / "mlopsctl", "--quiet", "render", "-o", files], cwd=project, env=env, check=True
        )
        diff: list[str | Path] = [
            kubernetes,
            "kubectl",
            "diff",
            "--server-side",
            "--force-conflicts",
            "--recursive",
            "--filename",
            files,
        ]
        ours = Program(argv=[peers["mlopsctl"] / "mlopsctl", "--quiet", "plan"], folder=project, env=env)
        theirs = Program(argv=diff, folder=project, env=env)
        counting = Program(
            argv=[peers["mlopsctl"] / "python", "-c", COUNTING, "--quiet", "plan"], folder=project, env=env
        )
        telling = Program(argv=[*diff, "-v=6"], folder=project, env=env)
        return Figure(
            title=f"plan {pipelines:,} pipelines, nothing changed",
            peer="kubectl diff",
            of="wall",
            wanted=5,
            pairs=in_turns(ours, theirs, times=2),
            requests=(_counted(counting), _told(telling)),
        )


@contextmanager
def _api_server(kubernetes: Path, folder: Path) -> Iterator[Path]:
    """The kubeconfig of an API server that knows our kinds, until the block ends."""
    folder.mkdir(parents=True)
    plant(definitions_seed().built(), folder)
    with running_api_server(kubernetes, folder) as server:
        yield server.kubeconfig


def _applied(folder: Path, pipelines: int, mlopsctl: Path, env: Mapping[str, str]) -> Path:
    """The folder with a project whose objects are all there. None of them ever gets well, as nothing acts on them."""
    write_project(folder, pipelines)
    environment = folder / "environments" / "staging.yaml"
    text = environment.read_text(encoding="utf-8")
    context = yaml.safe_load(Path(env["KUBECONFIG"]).read_text(encoding="utf-8"))["current-context"]
    text = text.replace("context: staging", f"context: {context}")
    environment.write_text(text.replace("s3://ml-artifacts/staging", f"file://{folder / 'store'}"), encoding="utf-8")
    apply = [mlopsctl, "apply", "--auto-approve", "--timeout", "1s"]
    subprocess.run(apply, cwd=folder, env=env, check=False, capture_output=True)
    subprocess.run(
        [mlopsctl, "--quiet", "plan", "--detailed-exitcode"], cwd=folder, env=env, check=True, capture_output=True
    )
    return folder


def _counted(program: Program) -> int:
    return int(_stderr(program).rpartition("requests: ")[2])


def _told(program: Program) -> int:
    """How many answers kubectl tells of."""
    return sum('"Response" ' in line for line in _stderr(program).splitlines())


def _stderr(program: Program) -> str:
    return subprocess.run(
        program.argv, cwd=program.folder, env=program.env, check=True, capture_output=True, text=True
    ).stderr
