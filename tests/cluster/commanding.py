"""The example about flights in a git repository of its own, and mlopsctl in it, as its users have it."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.cluster.conftest import Reached
from tests.cluster.examining import Admin, context_of
from tests.cluster.provider.programs import program
from tests.rendered import flights
from tests.scenarios.project import Ended, ended
from tests.waiting import PATIENCE


@dataclass(frozen=True)
class Repository:
    """A project with the environment `staging`, which points at a namespace that isn't there yet."""

    folder: Path
    kubeconfig: Path
    namespace: str
    environ: Mapping[str, str] = field(repr=False)

    @property
    def admin(self) -> Admin:
        """Someone who may do everything in the cluster."""
        return Admin(self.kubeconfig)

    @property
    def environment(self) -> Path:
        """The file of the environment."""
        return self.folder / "environments" / "staging.yaml"

    def edit(self, file: str, *pairs: tuple[str, str]) -> None:
        """Replace texts in a file, each of which it must have."""
        path = self.folder / file
        text = path.read_text("utf-8")
        for old, new in pairs:
            assert old in text, f"{file} has no {old!r}"
            text = text.replace(old, new)
        path.write_text(text, "utf-8")

    def commit(self, message: str) -> None:
        """Commit all that has changed."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)

    def git(self, *arguments: str) -> None:
        """Have git do something."""
        subprocess.run(["git", *arguments], cwd=self.folder, env=self.environ, check=True, capture_output=True)

    def start(self, *arguments: str, **options: Any) -> "subprocess.Popen[bytes]":
        """mlopsctl in a session of its own, so that a signal to it is for it alone."""
        given = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": self.environ}
        command = [sys.executable, "-m", "mlopsctl", *arguments]
        return subprocess.Popen(command, cwd=self.folder, start_new_session=True, **{**given, **options})

    def mlopsctl(self, *arguments: str, code: int = 0, **environ: str) -> Ended:
        """What the command printed, if it ended with the exit code expected."""
        return ended(self.start(*arguments, env={**self.environ, **environ}), code, patience=PATIENCE)

    def asked(self, answer: str, *arguments: str, code: int, meanwhile: Callable[[], object] = lambda: None) -> str:
        """What the command printed to a terminal on which its question was answered so, after something was done."""
        ours, theirs = pty.openpty()
        process = self.start(*arguments, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        text = b""
        deadline = time.monotonic() + PATIENCE
        is_answered = False
        while time.monotonic() < deadline:
            ready, _, _ = select.select([ours], [], [], 1.0)
            try:
                read = os.read(ours, 65536) if ready else b""
            except OSError:  # nobody writes to it any more
                break
            text += read
            if not is_answered and b"goes on." in text:
                meanwhile()
                os.write(ours, f"{answer}\n".encode())
                is_answered = True
        process.wait(PATIENCE)
        os.close(ours)
        said = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text.decode()).replace("\r\n", "\n")
        assert process.returncode == code, said
        return said

    def kubectl(self, *arguments: str, code: int = 0) -> Ended:
        """What kubectl printed, in the namespace of the environment."""
        command = [program("kubernetes").built() / "kubernetes", "kubectl", "--namespace", self.namespace, *arguments]
        given = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen(command, cwd=self.folder, env=self.environ, **given)
        return ended(process, code, patience=PATIENCE)

    def beside(self, folder: Path) -> "Repository":
        """A copy of the project elsewhere, for the same cluster and namespace."""
        shutil.copytree(self.folder, folder)
        return replace(self, folder=folder)

    def path(self, plural: str, name: str = "", *, group: str = "") -> str:
        """Where objects of the namespace are; `group` has its version, such as `apps/v1`."""
        root = f"/apis/{group}" if group else "/api/v1"
        return f"{root}/namespaces/{self.namespace}/{plural}{f'/{name}' if name else ''}"

    def names(self, plural: str, *, group: str = "") -> set[str]:
        """The names of all objects of a kind in the namespace."""
        return {each["metadata"]["name"] for each in self.admin.ask("GET", self.path(plural, group=group))["items"]}

    def objects(self) -> set[str]:
        """What there is in the namespace of all kinds that the example renders, as `plural/name`."""
        found = {f"{plural}/{name}" for plural, group in RENDERED.items() for name in self.names(plural, group=group)}
        return found - {"serviceaccounts/default", "configmaps/kube-root-ca.crt"}


RBAC, ARGO = "rbac.authorization.k8s.io/v1", "argoproj.io/v1alpha1"
RENDERED = {
    "configmaps": "",
    "cronworkflows": ARGO,
    "httproutes": "gateway.networking.k8s.io/v1",
    "inferenceservices": "serving.kserve.io/v1beta1",
    "rolebindings": RBAC,
    "roles": RBAC,
    "serviceaccounts": "",
    "workflowtemplates": ARGO,
    "leases": "coordination.k8s.io/v1",
}


def repository(folder: Path, reached: Reached) -> Repository:
    """The example in git, with everything committed, for a namespace of its own."""
    namespace = f"flights-{uuid.uuid4().hex[:8]}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLOPS_", "AWS_", "GIT", "CI_"))}
    environ = kept | {
        "KUBECONFIG": str(reached.kubeconfig),
        "XDG_CACHE_HOME": str(folder.parent / "cache"),
        "COLUMNS": "120",
        "NO_COLOR": "1",
        "TZ": "UTC",
        **{f"GIT_{who}_{what}": "someone" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    }
    made = Repository(flights(folder), reached.kubeconfig, namespace, environ)
    made.edit(
        "environments/staging.yaml",
        (
            "context: staging, namespace: flights-staging",
            f"context: {context_of(reached.kubeconfig)}, namespace: {namespace}",
        ),
        ("s3://ml-artifacts/staging", f"file://{folder.parent / 'store'}"),  # what pods would need; none runs here
    )
    (made.folder / ".gitignore").write_text("/.mlops/\n", "utf-8")
    made.git("init", "--quiet", "--initial-branch", "main")
    made.commit("The flights")
    return made


def normalised(text: str, project: Repository) -> str:
    """The text without what differs from run to run and from cluster to cluster."""
    text = (
        text.replace(f"{project.folder.parent}/store", "STORE")
        .replace(str(project.folder), "PROJECT")
        .replace(project.namespace, "flights-staging")
    )
    text = re.sub(r"https://[\w.]+:\d+", "https://SERVER", text)
    text = text.replace(f"context {context_of(project.kubeconfig)}", "context staging")
    text = re.sub(r"(?<=[· ])[0-9a-f]{7}(?= on main| says)", "COMMIT", text)
    text = re.sub(r"sha256:[0-9a-f]{12,}…?", "sha256:DIGEST", text)
    text = re.sub(r" {2,}<?\d+\.\ds\b", lambda found: "#.#s".rjust(len(found[0])), text)
    text = re.sub(r"<?\d+\.\ds\b", "#.#s", text)
    return "".join(_in_order(text.splitlines(keepends=True)))


def _in_order(lines: list[str]) -> list[str]:
    """What happens at once in the order of the alphabet: lines that say the same of several objects."""
    found: list[list[str]] = []
    for line in lines:
        done = re.match(r"  (.) (added|changed|deleted|replaced|unchanged|ready|waiting) +#", line)
        before = found[-1][0] if found else ""
        is_like = done and before.startswith(done[0][: done.end() - 1].rstrip())
        found[-1:] = [[*found[-1], line]] if is_like else [*found[-1:], [line]]
    return [line for group in found for line in (sorted(group) if len(group) > 1 else group)]
