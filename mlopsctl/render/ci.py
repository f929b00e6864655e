"""The pipelines of a forge that bring what git says to a project's environments: their files as text.

Each file begins with a line that has the digest of what follows, so that one that somebody has changed is known.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from enum import StrEnum
from hashlib import sha256

from mlopsctl.frozen import frozen
from mlopsctl.render.templates import render
from mlopsctl.source.code import WRITTEN

# Of mlopsctl in CI: not the one of the pipelines, which have environments of their own.
PYTHON = "3.11"

_S3 = "s3://"
_CHECKOUT = {"persist-credentials": False}
_WITH_HISTORY = {**_CHECKOUT, "fetch-depth": 0}  # it tells who agreed to a release, and which one was there before
_MARK = re.compile(r"# Written by mlopsctl ci[^\n]* (sha256:[0-9a-f]{64})\n")


class Forge(StrEnum):
    """Who runs the pipelines of a repository."""

    GITHUB = "github"
    GITLAB = "gitlab"


@frozen(kw_only=True)
class Target:
    """An environment that merges are applied to.

    `file` is its document. With `promotes_from`, it is applied only where what git says of it changes: its releases
    and its file. `deployed` are the pipelines that serve there, `runs` those that a merge has to run, because runs
    decide what serves. `is_manual` asks for somebody's consent before each apply, `needs_approvals` has the forge asked
    who agreed to the releases.
    """

    name: str
    file: str
    promotes_from: str
    store: str
    deployed: tuple[str, ...]
    runs: tuple[str, ...]
    is_manual: bool
    needs_approvals: bool = False

    @property
    def is_pinned(self) -> bool:
        """Whether git names what serves there, so that going back is another commit's word."""
        return not self.runs

    @property
    def is_in_s3(self) -> bool:
        """Whether credentials of AWS are needed to read what its pods read."""
        return self.store.startswith(_S3)


@frozen(kw_only=True)
class Preview:
    """What makes an environment for each request, of the document `file`, that stays for `hours` after its last apply.

    `deployed` and `runs` are the pipelines that serve there, and those that run there.
    """

    name: str
    file: str
    store: str
    hours: int
    deployed: tuple[str, ...]
    runs: tuple[str, ...]

    @property
    def is_in_s3(self) -> bool:
        """Whether credentials of AWS are needed to read what its pods read."""
        return self.store.startswith(_S3)


@frozen(kw_only=True)
class Project:
    """A project as its forge sees it: its folder in the repository, empty if it is the repository itself."""

    name: str
    folder: str
    branch: str
    version: str
    has_policies: bool = False
    targets: tuple[Target, ...]
    previews: tuple[Preview, ...] = ()

    @property
    def prefix(self) -> str:
        """What its files and jobs are called."""
        return f"mlops-{self.name}" if self.folder else "mlops"


def ci_files(project: Project, forge: Forge) -> Mapping[str, str]:
    """The text of each file by its path in the repository."""
    match forge:
        case Forge.GITHUB:
            return _github(project)
        case Forge.GITLAB:
            return _gitlab(project)


def owned(project: Project, forge: Forge) -> str:
    """A pattern of the paths that files of this project may have had, also of environments that are gone."""
    return f".github/workflows/{project.prefix}-*.yaml" if forge is Forge.GITHUB else ".gitlab/mlops-*.yaml"


def marked(text: str, command: str) -> str:
    """A text below the line that says who wrote it; `command` makes it anew."""
    return f"{WRITTEN}ci: `{command}` makes it anew unless it was changed. {_digest(text)}\n{text}"


def is_untouched(text: str) -> bool:
    """Whether a file is as it was written."""
    found = _MARK.match(text)
    return found is not None and found[1] == _digest(text[found.end() :])


def _digest(text: str) -> str:
    return f"sha256:{sha256(text.encode()).hexdigest()}"


def _github(project: Project) -> dict[str, str]:
    command = f"mlopsctl ci github --branch {project.branch}"
    folder = ".github/workflows"
    values = {**_values(project), "command": command}
    found = {f"{folder}/{project.prefix}.yaml": render("ci/github.yaml", values)}
    for target in project.targets:
        own = {
            **values,
            "target": target,
            "paths": _paths(project, target),
            "checkout": _WITH_HISTORY if target.is_pinned else _CHECKOUT,
        }
        found[f"{folder}/{project.prefix}-{target.name}.yaml"] = render("ci/github-environment.yaml", own)
    for preview in project.previews:
        own = {**values, "target": preview, "checkout": _CHECKOUT}
        found[f"{folder}/{project.prefix}-{preview.name}.yaml"] = render("ci/github-preview.yaml", own)
    return {path: marked(text, command) for path, text in found.items()}


def _gitlab(project: Project) -> dict[str, str]:
    command = "mlopsctl ci gitlab"
    values = {**_values(project), "command": command, "paths": {t.name: _paths(project, t) for t in project.targets}}
    path = f".gitlab/{project.prefix}.yaml"
    found = {path: render("ci/gitlab.yaml", values), ".gitlab-ci.yml": render("ci/gitlab-root.yaml", {"path": path})}
    return {path: marked(text, command) for path, text in found.items()}


def _values(project: Project) -> dict[str, object]:
    return {
        "prefix": project.prefix,
        "folder": project.folder,
        "enter": f"cd {shlex.quote(project.folder)}",
        "branch": project.branch,
        "python": PYTHON,
        "version": project.version,
        "policies": project.has_policies,
        "targets": project.targets,
        "previews": project.previews,
        "checkout": _CHECKOUT,
        "history": _WITH_HISTORY,
        "asks": any(target.needs_approvals for target in project.targets),
        "in_s3": any(target.is_in_s3 for target in project.targets),
    }


def _paths(project: Project, target: Target) -> Sequence[str]:
    """What has to change for the environment to be applied; nothing if every change counts."""
    if not target.promotes_from:
        return ()
    above = f"{project.folder}/" if project.folder else ""
    return (f"{above}releases/{target.name}/**", f"{above}{target.file}")
