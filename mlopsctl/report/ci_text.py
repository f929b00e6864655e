"""Which files of CI were written, and what a person has left to do at the forge."""

from collections.abc import Iterable, Iterator

from mlopsctl.render.ci import Forge, Preview, Project, Target
from mlopsctl.render.ci_placing import Standing
from mlopsctl.report.display import shown


def render_text(found: Standing, project: Project, forge: Forge) -> str:
    """What became of each file, and what no file can do."""
    said = {"wrote": found.new, "renewed": (*found.older, *found.changed), "removed": found.left_over}
    lines = [f"{how}  {shown(path)}" for how, paths in said.items() for path in paths]
    blocks = ["".join(f"{line}\n" for line in lines) or "nothing to write: all is as it should be\n"]
    hand = [*(_on_github(project) if forge is Forge.GITHUB else _on_gitlab(project))]
    return "\n".join([*blocks, *([_block(f"Left to do at {_NAMES[forge]}", hand)] if hand else [])])


_ROLE = "variables AWS_ROLE and AWS_REGION, a role that GitHub's OIDC tokens may take"
_NAMES = {Forge.GITHUB: "GitHub", Forge.GITLAB: "GitLab"}


def _on_github(project: Project) -> Iterator[str]:
    plan = f"{project.prefix}-plan"
    if project.targets:
        yield f"environment `{plan}`: secret KUBECONFIG with the contexts of all, that may read, and dry-run"
    for target in project.targets:
        consent = f"; required reviewers; deployments from `{project.branch}` only" if target.is_manual else ""
        yield f"environment `{target.name}`: secret KUBECONFIG that may write in {_where(target)}{consent}"
        yield from _store(target, f"it and `{plan}`: {_ROLE}")
    for preview in project.previews:
        yield f"environment `{preview.name}`: secret KUBECONFIG that may write, also namespaces, in {_where(preview)}"
        yield from _store(preview, _ROLE)
    if project.targets:
        yield f"branch `{project.branch}`: require the check `check` and a review; CODEOWNERS for releases/"


def _on_gitlab(project: Project) -> Iterator[str]:
    plan = f"{project.prefix}-plan"
    if project.targets:
        yield f"variable KUBECONFIG of type file, for the environment `{plan}`: contexts of all; may read, and dry-run"
    for target in project.targets:
        consent = ", protected" if target.is_manual else ""
        yield f"variable KUBECONFIG of type file, for the environment `{target.name}`{consent}: may write"
        yield from _store(target, f"AWS_ROLE_ARN and an ID token for it, in the variables of it and of `{plan}`")
    for preview in project.previews:
        yield f"variable KUBECONFIG of type file, for the environments `{preview.name}/*`: may write, also namespaces"
        yield from _store(preview, "AWS_ROLE_ARN and an ID token for it, in their variables")
    if project.targets:
        yield "variable MLOPS_GITLAB_TOKEN, masked: a token with the scope `api`, for comments and approvals"


def _store(target: Target | Preview, for_aws: str) -> Iterator[str]:
    if target.is_in_s3:
        yield f"  {for_aws}"
    elif "://" in target.store and not target.store.startswith("file://"):
        scheme = shown(target.store.partition("://")[0])
        yield f"  a login to {scheme}:// by the forge's OIDC tokens, or a runner that has one"


def _where(target: Target | Preview) -> str:
    return f"the cluster of {shown(target.file)}"


def _block(title: str, lines: Iterable[str]) -> str:
    return "".join([f"{title}\n", *(f"  {line}\n" for line in lines)])
