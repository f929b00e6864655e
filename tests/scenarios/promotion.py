"""A project under git with a bare repository as its forge and three environments, each with a store of its own."""

import json
import os
import re
import subprocess
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.scenarios.project import Project
from tests.scenarios.test_serving import SERVER

HEAD = "apiVersion: mlopsctl.dev/v1\n"
GATE = "{metric: auc, min: 0.8}"
ENVIRONMENTS = {
    "dev": "{store: ../dev}",
    "staging": "{store: ../staging, cluster: {context: none, namespace: s}, releases: pinned, promotesFrom: dev}",
    "prod": "{store: ../prod, cluster: {context: none, namespace: p}, releases: pinned, promotesFrom: staging}",
}


def pipeline(gates: str = GATE) -> str:
    return f"""
        params: {{auc: 0.9}}
        stages:
          numbers: {{kind: data, source: numbers.csv, contract: {{columns: {{n: {{type: number}}}}}}}}
          model:
            kind: train
            inputs: {{numbers: numbers}}
            outputs: {{model: model.txt, card: model-card.md}}
            run: |
              test -s ${{inputs.numbers}}
              echo ${{params.auc}} > ${{outputs.model}}
              echo "Trained to say ${{params.auc}}." > ${{outputs.card}}
          quality:
            kind: evaluate
            inputs: {{model: model}}
            run: printf '{{"auc":%s}}' $(cat ${{inputs.model}}) > ${{outputs.metrics}}
            gates: [{gates}]
          serve:
            kind: deploy
            model: model
            requires: [quality]
            server: {{run: "python serve.py ${{inputs.model}} ${{port}}"}}
        """


@dataclass(frozen=True, slots=True)
class Team:
    """`project` is a clone of `forge`; `place` holds both, and the stores by the name of their environment."""

    project: Project
    forge: Path
    place: Path = field(repr=False)

    def git(self, *arguments: str, cwd: Path | None = None, code: int = 0) -> str:
        done = subprocess.run(  # noqa: PLW1510 - its exit code is looked at
            ["git", *arguments], cwd=cwd or self.project.folder, env=self.environ, capture_output=True, text=True
        )
        assert done.returncode == code, done.stderr
        return done.stdout.strip()

    @property
    def environ(self) -> dict[str, str]:
        return self.project.environ

    def push(self, message: str) -> str:
        """Commit all that is there and push it; the commit."""
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        self.git("push", "-q", "origin", "HEAD")
        return self.git("rev-parse", "HEAD")

    def merge(self, branch: str) -> None:
        """What the forge's button does, and what everybody does then."""
        self.git("push", "-q", "origin", branch)
        self.git("merge", "-q", "--no-ff", "-m", f"Merge {branch}", branch)
        self.git("push", "-q", "origin", "main")

    def passed(self, auc: float = 0.9, *arguments: str, code: int = 0) -> str:
        """The id of a run in dev."""
        self.project.run("--env", "dev", "-p", f"auc={auc}", *arguments, code=code)
        return max(path.stem for path in (self.place / "dev/records/runs").iterdir())

    def promote(self, *arguments: str, to: str = "staging", code: int = 0) -> Any:
        return self.project.mlopsctl("promote", "demo", "--to", to, *arguments, code=code)

    def promoted(self, *arguments: str, to: str = "staging") -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.promote("--output", "json", *arguments, to=to).out)
        return document

    def state(self) -> tuple[str, ...]:
        """All that a promotion must leave as it is: what is checked out and staged, and where."""
        index = (self.project.folder / ".git/index").read_bytes().hex()
        return self.git("status", "--porcelain"), self.git("rev-parse", "HEAD"), index, self.git("diff", "--cached")

    def blob(self, store: str, content: bytes) -> Path:
        files = (path for path in (self.place / store / "blobs").rglob("*") if path.is_file())
        (found,) = (path for path in files if path.read_bytes() == content)
        return found


def made(project: Project, place: Path) -> Team:
    """The team's project, pushed once, and nothing run yet."""
    who = {f"GIT_{role}_{what}": said for role in ("AUTHOR", "COMMITTER") for what, said in _ANN.items()}
    dates = {f"GIT_{role}_DATE": "2026-03-01T12:00:00Z" for role in ("AUTHOR", "COMMITTER")}
    environ = project.environ | who | dates | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    team = Team(Project(project.folder, project.outside, environ), place / "forge.git", place)
    team.git("init", "-q", "--bare", "-b", "main", str(team.forge), cwd=place)
    team.git("init", "-q", "-b", "main")
    team.git("remote", "add", "origin", str(team.forge))
    project.write(".gitignore", ".mlops/\n")
    project.write("serve.py", SERVER)
    project.write("numbers.csv", "n\n1\n2\n")
    for name, spec in ENVIRONMENTS.items():
        project.write(
            f"environments/{name}.yaml",
            f"{HEAD}kind: Environment\nmetadata: {{name: {name}}}\nspec: {spec.replace('../', '../../')}\n",
        )
    listed = "spec: {pipelines: [pipeline.yaml], environments: [environments/*.yaml]}"
    project.write("mlops.yaml", f"{HEAD}kind: Project\nmetadata: {{name: p}}\n{listed}\n")
    project.pipeline(pipeline())
    team.push("Begin")
    team.git("fetch", "-q")
    return team


_ANN = {"NAME": "Ann", "EMAIL": "ann@example.com"}


def blanked(text: str, team: Team) -> str:
    """The text with everything in it that differs from run to run and from machine to machine named or blanked."""
    text = text.replace(str(team.place), "PLACE")
    text = re.sub(r"sha256:[0-9a-f]{12,64}", lambda found: "sha256:" + "#" * (len(found[0]) - 7), text)
    text = re.sub(r"\b[0-9a-f]{40}\b", "COMMIT", text)
    text = re.sub(r"\b(?=[a-f]*[0-9])[0-9a-f]{7}\b", "COMMIT7", text)
    runs = dict.fromkeys(found[:12] for found in re.findall(r"\b01[0-9A-HJKMNP-TV-Z]{10,24}\b", text))
    for number, run in enumerate(runs, 1):
        text = re.sub(rf"\b{run}[0-9A-Z]*", f"RUN-{number}", text)
    return textwrap.dedent(text)
