"""What is compared. Each peer gets its best: warm caches, compiled bytecode, local storage, no analytics, no output."""

import os
import shutil
import subprocess
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path

from tests.bench.environments import ROOT
from tests.bench.many_pipelines import write_project
from tests.bench.measuring import Figure, Program, in_turns, memory_of, modules_of
from tests.bench.nothing_to_change import is_built, plan_beside_diff

HERE = Path(__file__).parent / "four_stages"
HERA = Path(__file__).parent / "many_workflows.py"
NAMES = ("validate", "unchanged", "cold", "digest", "render", "plan")
MANY = 1000
EXAMPLE = ROOT / "examples" / "flight-delays"
GIGABYTE = 1 << 30
BLOCK = 16 << 20
DIGEST = "import sys; from pathlib import Path; from mlopsctl.store import digest_file; digest_file(Path(sys.argv[1]))"


def measured(folder: Path, peers: Mapping[str, Path], names: Collection[str], *, pipelines: int) -> list[Figure]:
    """The figures of these names; `folder` is for what they need, a file of 1 GiB among it.

    `pipelines` is how many a plan is about; it is left out where there is no API server to ask.
    """
    env = _environment(folder)
    measure: Mapping[str, Callable[[], Sequence[Figure]]] = {
        "validate": lambda: [_validate(peers, env)],
        "unchanged": lambda: [_unchanged(folder, peers, env)],
        "cold": lambda: [_four_stages(folder, peers, env)],
        "digest": lambda: [_digest(folder, peers, env)],
        "render": lambda: _many(folder / "many", peers, env),
        "plan": lambda: [plan_beside_diff(folder / "cluster", peers, env, pipelines=pipelines)] if is_built() else [],
    }
    return [figure for name in NAMES if name in names for figure in measure[name]()]


def _validate(peers: Mapping[str, Path], env: Mapping[str, str]) -> Figure:
    ours = Program(argv=[peers["mlopsctl"] / "mlopsctl", "validate"], folder=EXAMPLE, env=env)
    theirs = Program(argv=[peers["hera"] / "python", "-c", "import hera.workflows"], folder=EXAMPLE, env=env)
    return Figure(
        title="check a project",
        peer="import hera.workflows",
        of="cpu",
        wanted=3,
        pairs=in_turns(ours, theirs, times=9),
        modules=modules_of(ours, theirs),
    )


def _unchanged(folder: Path, peers: Mapping[str, Path], env: Mapping[str, str]) -> Figure:
    project, repository = _project(folder / "unchanged", env), _repository(folder / "dvc", peers["dvc"] / "dvc", env)
    ours = Program(argv=[peers["mlopsctl"] / "mlopsctl", "--quiet", "run"], folder=project, env=env)
    theirs = Program(argv=[peers["dvc"] / "dvc", "repro", "--quiet"], folder=repository, env=env)
    return Figure(
        title="run four stages, nothing changed",
        peer="dvc repro",
        of="wall",
        wanted=4,
        pairs=in_turns(ours, theirs, times=9),
        modules=modules_of(ours, theirs),
    )


def _four_stages(folder: Path, peers: Mapping[str, Path], env: Mapping[str, str]) -> Figure:
    project, flow = _project(folder / "cold", env), _flow(folder / "metaflow")
    forget = partial(shutil.rmtree, project / ".mlops", ignore_errors=True)
    ours = Program(argv=[peers["mlopsctl"] / "mlopsctl", "--quiet", "run"], folder=project, env=env, before=forget)
    argv: list[str | Path] = [peers["metaflow"] / "python", "flow.py", "--quiet", "--no-pylint", "run"]
    theirs = Program(argv=argv, folder=flow, env=env)
    return Figure(
        title="run four stages, nothing cached",
        peer="metaflow run",
        of="wall",
        wanted=5,
        pairs=in_turns(ours, theirs, times=5),
        modules=modules_of(ours, theirs),
    )


def _digest(folder: Path, peers: Mapping[str, Path], env: Mapping[str, str]) -> Figure:
    file = folder / "random"
    with file.open("wb") as stream:
        for _ in range(GIGABYTE // BLOCK):
            stream.write(os.urandom(BLOCK))
    ours = Program(argv=[peers["mlopsctl"] / "python", "-c", DIGEST, file], folder=folder, env=env)
    theirs = Program(argv=[shutil.which("sha256sum") or "sha256sum", file], folder=folder, env=env)
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})  # which the processes inherit, so that both run on this core
    try:
        pairs = in_turns(ours, theirs, times=5)
    finally:
        os.sched_setaffinity(0, allowed)
    return Figure(title="digest a file of 1 GiB", peer="sha256sum", of="wall", wanted=0.8, pairs=pairs)


def _many(folder: Path, peers: Mapping[str, Path], env: Mapping[str, str]) -> list[Figure]:
    """A thousand pipelines of seven stages, checked and rendered, against Hera's thousand workflows of four steps."""
    write_project(folder, MANY)
    _committed(folder, env)
    forget = partial(shutil.rmtree, Path(env["HOME"]) / ".cache" / "mlopsctl", ignore_errors=True)
    ours = Program(argv=[peers["mlopsctl"] / "mlopsctl", "--quiet", "render"], folder=folder, env=env)
    anew = Program(argv=ours.argv, folder=folder, env=env, before=forget)
    theirs = Program(argv=[peers["hera"] / "python", HERA, str(MANY)], folder=folder, env=env)
    return [
        Figure(
            title="render 1,000 pipelines, anew",
            peer="hera, 1,000 workflows",
            of="wall",
            wanted=1,
            pairs=in_turns(anew, theirs, times=3),
            together=memory_of(anew),
        ),
        Figure(
            title="render 1,000, nothing changed",
            peer="hera, 1,000 workflows",
            of="wall",
            wanted=10,
            pairs=in_turns(ours, theirs, times=3),
        ),
    ]


def _environment(folder: Path) -> dict[str, str]:
    """Variables for all of them: a home of their own, and nothing that asks the network or slows Python down."""
    home = folder / "home"
    home.mkdir()
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "USERNAME": "bench",
        "DVC_NO_ANALYTICS": "1",
        "DVC_SITE_CACHE_DIR": str(folder / "dvc-site"),
        "METAFLOW_DEFAULT_DATASTORE": "local",
        "METAFLOW_DEFAULT_METADATA": "local",
    }


def _project(folder: Path, env: Mapping[str, str]) -> Path:
    folder.mkdir()
    shutil.copy(HERE / "pipeline.yaml", folder)
    _committed(folder, env)
    return folder


def _repository(folder: Path, dvc: Path, env: Mapping[str, str]) -> Path:
    folder.mkdir()
    shutil.copy(HERE / "dvc.yaml", folder)
    _committed(folder, env)
    for arguments in (["init"], ["config", "core.analytics", "false"], ["config", "core.check_update", "false"]):
        subprocess.run([dvc, *arguments, "--quiet"], cwd=folder, env=env, check=True)
    subprocess.run([dvc, "repro", "--quiet"], cwd=folder, env=env, check=True)
    _committed(folder, env)
    return folder


def _flow(folder: Path) -> Path:
    folder.mkdir()
    shutil.copy(HERE / "flow.py", folder)
    return folder


def _committed(folder: Path, env: Mapping[str, str]) -> None:
    """The folder as a git repository without changes, which is how each of them is fastest."""
    author = ["-c", "user.name=bench", "-c", "user.email=bench@example.com"]
    for arguments in (["init", "--quiet"], ["add", "--all"], [*author, "commit", "--quiet", "--message", "State"]):
        subprocess.run(["git", *arguments], cwd=folder, env=env, check=True)
