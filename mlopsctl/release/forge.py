"""The forge whose CI this is, asked through its API: a comment on a request is updated, and not repeated."""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from mlopsctl.diagnostics import DiagnosedError, Finding, diagnostic
from mlopsctl.frozen import frozen

_SECONDS = 30.0
_PAGE = 100
_MOST_PAGES = 50
_MARK = "<!-- mlopsctl "


@frozen(kw_only=True)
class Forge:
    """The forge whose job this is. `base` is where it has the repository; `request` the number of a request, or empty.

    `needs` says which right the token lacks if it is refused.
    """

    is_github: bool
    base: str
    headers: Mapping[str, str]
    request: str
    needs: str


@frozen(kw_only=True)
class Conversation:
    """Where the comments of one request are: the address of their list, and what changes one.

    `each` is the address that a comment's id is put behind.
    """

    forge: Forge
    url: str
    each: str
    update: str


def forge_here(environ: Mapping[str, str]) -> Forge:
    """The forge that runs this job. Raises DiagnosedError if none does, or if there is no token to ask it by."""
    if environ.get("GITHUB_ACTIONS") == "true":
        return _github(environ)
    if environ.get("GITLAB_CI") == "true":
        return _gitlab(environ)
    raise DiagnosedError(no_request("this is no job of GitHub's or GitLab's"))


def conversation(environ: Mapping[str, str]) -> Conversation:
    """The request that this CI job is for. Raises DiagnosedError if it is for none, or has no token."""
    forge = forge_here(environ)
    if not forge.request:
        named = "GITHUB_REF names no pull" if forge.is_github else "CI_MERGE_REQUEST_IID names no merge"
        raise DiagnosedError(no_request(f"{named} request"))
    if forge.is_github:
        url, each, update = f"issues/{forge.request}/comments", "issues/comments", "PATCH"
    else:
        url = each = f"merge_requests/{forge.request}/notes"
        update = "PUT"
    return Conversation(forge=forge, url=f"{forge.base}/{url}", each=f"{forge.base}/{each}", update=update)


def comment(place: Conversation, body: str) -> str:
    """Put `body` in place of the comment that begins with the same line, or add it; which of both: updated or added.

    Raises DiagnosedError if the first line marks no comment of ours, or if the forge refuses.
    """
    mark = body.partition("\n")[0].strip()
    if not mark.startswith(_MARK):
        raise DiagnosedError(not_marked(mark))
    for found in pages(place.forge, place.url):
        if str(found.get("body", "")).startswith(mark):
            ask(place.forge, place.update, f"{place.each}/{found['id']}", body)
            return "updated"
    ask(place.forge, "POST", place.url, body)
    return "added"


def pages(forge: Forge, url: str) -> Iterator[dict[str, Any]]:
    """What all pages of a list have. Raises DiagnosedError."""
    for page in range(1, _MOST_PAGES + 1):
        found = ask(forge, "GET", f"{url}?per_page={_PAGE}&page={page}")
        yield from found
        if len(found) < _PAGE:
            return


def ask(forge: Forge, method: str, url: str, body: str | None = None) -> Any:
    """What the forge answers, as JSON; `body` is the text of a comment. Raises DiagnosedError."""
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    if urlsplit(url).scheme not in ("http", "https"):
        raise DiagnosedError(forge_refused(url, "its address is none of http or https", forge.needs))
    data = None if body is None else json.dumps({"body": body}).encode()
    headers = {**forge.headers, "Content-Type": "application/json", "User-Agent": "mlopsctl"}
    try:
        asked = Request(url, data=data, headers=headers, method=method)  # noqa: S310 - looked at above
        with urlopen(asked, timeout=_SECONDS) as answer:  # noqa: S310 - the same
            return json.loads(answer.read())
    except HTTPError as error:
        error.close()
        raise DiagnosedError(forge_refused(url, f"{error.code} {error.reason}", forge.needs)) from error
    except (OSError, ValueError) as error:
        raise DiagnosedError(forge_refused(url, str(error), "see that it can be reached, and try again")) from error


def _github(environ: Mapping[str, str]) -> Forge:
    # Of a pull request, GITHUB_REF is refs/pull/NUMBER/merge.
    kind, _, rest = environ.get("GITHUB_REF", "").removeprefix("refs/").partition("/")
    number, token = rest.partition("/")[0], environ.get("GITHUB_TOKEN", "")
    if not token:
        raise DiagnosedError(no_request("GITHUB_TOKEN is not set"))
    return Forge(
        is_github=True,
        base=f"{environ.get('GITHUB_API_URL', 'https://api.github.com')}/repos/{environ.get('GITHUB_REPOSITORY', '')}",
        headers={"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"},
        request=number if kind == "pull" and number.isdecimal() else "",
        needs="the job needs `permissions: {pull-requests: write}`, or `read` where it writes nothing",
    )


def _gitlab(environ: Mapping[str, str]) -> Forge:
    number, token = environ.get("CI_MERGE_REQUEST_IID", ""), environ.get("MLOPS_GITLAB_TOKEN", "")
    if not token:
        raise DiagnosedError(no_request("MLOPS_GITLAB_TOKEN is not set: a token of the project that may use its API"))
    return Forge(
        is_github=False,
        base=f"{environ.get('CI_API_V4_URL', '')}/projects/{quote(environ.get('CI_PROJECT_ID', ''), safe='')}",
        headers={"PRIVATE-TOKEN": token},
        request=number if number.isdecimal() else "",
        needs="MLOPS_GITLAB_TOKEN needs the scope `api` and the role Reporter or more",
    )


@diagnostic("MLO026")
def not_marked(line: str) -> Finding:
    """A file that is to become a comment doesn't begin with the line that comments of mlopsctl are found again by.

    Without it each commit would add another comment.

    Example:
        mlopsctl ci comment README.md

    Fix: give it what `plan --output markdown` printed, from its first line on.
    """
    return Finding(
        message="the comment has no first line to find it again by",
        notes=(f"its first line is `{line[:80]}`",),
        helps=("give the whole of what `mlopsctl plan --output markdown` printed",),
    )


@diagnostic("MLO027")
def forge_refused(url: str, why: str, help: str) -> Finding:  # noqa: A002 - the diagnostic's own word
    """The forge doesn't let a comment be read or written.

    Example:
        a job whose token may not write to pull requests

    Fix: give the job, or its token, the right that the message names.
    """
    return Finding(message=f"the forge refuses: {why}", notes=(url,), helps=(help,))


@diagnostic("MLO028")
def no_request(why: str) -> Finding:
    """There is no pull or merge request that the command is for, or nothing to show the forge who asks.

    Example:
        mlopsctl ci comment plan.md        # on a laptop

    Fix: run it in a job of a pull or merge request; the files that `mlopsctl ci` writes do.
    """
    return Finding(
        message=f"there is no request that this is for: {why}",
        helps=("`mlopsctl ci github` and `mlopsctl ci gitlab` write jobs that do this",),
    )
