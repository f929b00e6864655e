"""Who agreed, as a forge says: of the last state of a request, and nobody who has part in it."""

from collections.abc import Iterator
from typing import Any

import pytest

from mlopsctl.release.approvals import Review
from mlopsctl.release.forge import forge_here
from mlopsctl.release.reviewing import review_of
from tests.unit.release.test_forge import Forge, job, started

MERGED = "m" * 40
HEAD = "h" * 40


@pytest.fixture
def forge() -> Iterator[Forge]:
    with started() as server:
        yield server


def review(who: str, state: str, commit: str = HEAD) -> dict[str, Any]:
    return {"user": {"login": who}, "state": state, "commit_id": commit}


def at_github(forge: Forge, *reviews: dict[str, Any]) -> None:
    pull = "/repos/o/r/pulls/12"
    forge.said |= {
        f"/repos/o/r/commits/{MERGED}/pulls": [{"number": 99, "merged_at": None}, {"number": 12, "merged_at": "2026"}],
        pull: {"head": {"sha": HEAD}, "user": {"login": "ann"}},
        f"{pull}/commits": [{"author": {"login": "cat"}}, {"author": None}],
        f"{pull}/reviews": list(reviews),
    }


def agreed(kind: str, forge: Forge, commit: str = MERGED, *, is_open: bool = False) -> tuple[str, ...]:
    found = review_of(forge_here(job(kind, forge.url)), commit, is_open=is_open)
    assert found == Review(commit=commit, approved=found.approved)
    return found.approved


@pytest.mark.parametrize("is_open", [False, True])
def test_the_last_word_of_each_counts_and_of_nobody_who_wrote_it(forge: Forge, is_open: bool) -> None:  # noqa: FBT001  # a case
    at_github(
        forge,
        review("bob", "CHANGES_REQUESTED"),
        review("bob", "APPROVED"),
        review("bob", "COMMENTED"),
        review("ann", "APPROVED"),
        review("cat", "APPROVED"),
        review("dan", "APPROVED"),
        review("dan", "DISMISSED"),
        review("eve", "APPROVED", "an-older-state"),
    )
    assert agreed("github", forge, is_open=is_open) == ("bob",)


def test_what_came_by_no_request_nobody_agreed_to(forge: Forge) -> None:
    forge.said["/repos/o/r/commits/direct/pulls"] = []
    forge.said["/projects/o%2Fr/repository/commits/direct/merge_requests"] = [{"iid": 4, "state": "opened"}]
    assert agreed("github", forge, "direct") == ()
    assert agreed("gitlab", forge, "direct") == ()


@pytest.mark.parametrize("is_open", [False, True])
def test_gitlab_says_it_of_its_merge_requests(forge: Forge, is_open: bool) -> None:  # noqa: FBT001  # a case
    request = "/projects/o%2Fr/merge_requests/12"
    users = [{"username": name.lower(), "name": name} for name in ("Ann", "Bob", "Cat")]
    forge.said |= {
        f"/projects/o%2Fr/repository/commits/{MERGED}/merge_requests": [{"iid": 12, "state": "merged"}],
        request: {"author": {"username": "ann"}},
        f"{request}/commits": [{"author_name": "Cat"}],
        f"{request}/approvals": {"approved_by": [{"user": user} for user in users]},
    }
    assert agreed("gitlab", forge, is_open=is_open) == ("bob",)
