"""What a new project consists of: its files as text, and the name it gets from its folder."""

import re
from collections.abc import Mapping
from enum import StrEnum

from mlopsctl.frozen import frozen
from mlopsctl.render.templates import render

LONGEST_NAME = 40  # as the schemas have it

_FILES = {
    "init/pipeline/pipeline.yaml": "pipelines/{name}/pipeline.yaml",
    "init/pipeline/stops.csv": "pipelines/{name}/stops.csv",
    "init/pipeline/holdout.csv": "pipelines/{name}/holdout.csv",
    "init/pipeline/model.py": "pipelines/{name}/model.py",
    "init/pipeline/train.py": "pipelines/{name}/train.py",
    "init/pipeline/evaluate.py": "pipelines/{name}/evaluate.py",
    "init/pipeline/serve.py": "pipelines/{name}/serve.py",
    "init/pipeline/request.json": "pipelines/{name}/request.json",
    "init/pipeline/requirements.lock": "pipelines/{name}/requirements.lock",
    "init/environments/staging.yaml": "environments/staging.yaml",
    "init/gitignore": ".gitignore",  # under another name there, or git would obey it
    "init/README.md": "README.md",
}
# Last of all, so that a folder is no project before everything else of it is there.
_LAST = {"init/mlops.yaml": "mlops.yaml"}


class Ci(StrEnum):
    """Who runs the pipelines of a pushed change."""

    GITHUB = "github"
    GITLAB = "gitlab"
    NONE = "none"


_CI_FILES: Mapping[Ci, Mapping[str, str]] = {
    Ci.GITHUB: {"init/github.yaml": ".github/workflows/mlops.yaml"},
    Ci.GITLAB: {"init/gitlab.yaml": ".gitlab-ci.yml"},
    Ci.NONE: {},
}


@frozen(kw_only=True)
class Starter:
    """What is chosen for a new project; `python` is a version such as `3.11`, `version` that of mlopsctl."""

    name: str
    ci: Ci
    python: str
    version: str

    def files(self) -> Mapping[str, str]:
        """The text of each file by its path, in the order in which they are to be written."""
        from mlopsctl.render.ci import marked  # here, as every command knows the names of the forges

        values = {"name": self.name, "python": self.python, "version": self.version}
        templates = {**_FILES, **_CI_FILES[self.ci], **_LAST}
        made = {path.format(name=self.name): render(template, values) for template, path in templates.items()}
        ours = _CI_FILES[self.ci].values()
        return {path: marked(text, f"mlopsctl ci {self.ci}") if path in ours else text for path, text in made.items()}


def name_from(folder: str) -> str:
    """A valid name, as much like that of the folder as can be."""
    import unicodedata  # here, as only this command needs it

    ascii_only = unicodedata.normalize("NFKD", folder).encode("ascii", "ignore").decode().lower()
    name = re.sub("[^a-z0-9]+", "-", ascii_only).strip("-")
    if not name:
        return "pipeline"
    return (name if name[0].isalpha() else f"ml-{name}")[:LONGEST_NAME].rstrip("-")
