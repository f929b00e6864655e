"""Who agreed to a request, as the forge says: of its last state, and nobody who has part in it."""

from collections.abc import Iterator
from typing import Any

from mlopsctl.release.approvals import Review
from mlopsctl.release.forge import Forge, ask, pages

_LAST_WORDS = ("APPROVED", "CHANGES_REQUESTED", "DISMISSED")  # of GitHub's reviews; others leave it at what was said


def review_of(forge: Forge, commit: str, *, is_open: bool) -> Review:
    """Who agreed to the request that brought a commit; nobody if the forge knows of none.

    With `is_open` it is the request that this job is for, whose merge the commit would be. Raises DiagnosedError.
    """
    number = forge.request if is_open else _number(forge, commit)
    agreed: Iterator[str] = iter(())
    if number:
        agreed = _at_github(forge, number) if forge.is_github else _at_gitlab(forge, number)
    return Review(commit=commit, approved=tuple(agreed))


def _number(forge: Forge, commit: str) -> str:
    """The request that brought a commit into the branch, which may be in others that are open, too."""
    if forge.is_github:
        merged = [each for each in pages(forge, f"{forge.base}/commits/{commit}/pulls") if each.get("merged_at")]
        return next((str(each["number"]) for each in merged), "")
    found = pages(forge, f"{forge.base}/repository/commits/{commit}/merge_requests")
    return next((str(each["iid"]) for each in found if each.get("state") == "merged"), "")


def _at_github(forge: Forge, number: str) -> Iterator[str]:
    url = f"{forge.base}/pulls/{number}"
    request = ask(forge, "GET", url)
    took_part = {_login(request.get("user")), *(_login(each.get("author")) for each in pages(forge, f"{url}/commits"))}
    last: dict[str, dict[str, Any]] = {}
    for review in pages(forge, f"{url}/reviews"):  # the oldest first
        if review.get("state") in _LAST_WORDS:
            last[_login(review.get("user"))] = review
    for who, review in last.items():
        if who and who not in took_part and review["state"] == "APPROVED" and _is_of(review, request):
            yield who


def _is_of(review: dict[str, Any], request: dict[str, Any]) -> bool:
    """Whether what was agreed to is what the request is now."""
    return bool(review.get("commit_id") == request["head"]["sha"])


def _at_gitlab(forge: Forge, number: str) -> Iterator[str]:
    url = f"{forge.base}/merge_requests/{number}"
    author = (ask(forge, "GET", url).get("author") or {}).get("username", "")
    names = {each.get("author_name") for each in pages(forge, f"{url}/commits")}
    for approval in ask(forge, "GET", f"{url}/approvals").get("approved_by", ()):
        user = approval["user"]
        if user["username"] != author and user.get("name") not in names:
            yield user["username"]


def _login(user: dict[str, Any] | None) -> str:
    return str((user or {}).get("login", ""))
