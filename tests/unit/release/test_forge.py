"""Comments at a forge: a server that speaks as GitHub and GitLab do, as far as comments go."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.release.forge import comment, conversation

PLAN = "<!-- mlopsctl plan: staging -->\n### Plan for `staging`: 1 to change\n"
LISTS = re.compile(r"/(repos/o/r/issues/12/comments|projects/o%2Fr/merge_requests/12/notes)")
ONES = re.compile(r"/(?:repos/o/r/issues/comments|projects/o%2Fr/merge_requests/12/notes)/(\d+)")


class Forge(ThreadingHTTPServer):
    """Keeps comments in memory, and answers what it is given; who asks with another token than `t` may nothing."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.comments: list[dict[str, Any]] = []
        self.said: dict[str, Any] = {}  # what else it answers, by path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Forge

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        if asked.path in self.server.said:
            self.answer(200, self.server.said[asked.path])
            return
        query = parse_qs(asked.query)
        size, page = (int(query.get(name, ["1"])[0]) for name in ("per_page", "page"))
        known = LISTS.fullmatch(asked.path)
        self.answer(200 if known else 404, self.server.comments[size * (page - 1) : size * page] if known else {})

    def do_POST(self) -> None:
        if LISTS.fullmatch(self.path):
            self.server.comments.append({"id": len(self.server.comments) + 1, "body": self.body()})
        self.answer(201, {})

    def do_PATCH(self) -> None:
        found = ONES.fullmatch(self.path)
        assert found is not None
        self.server.comments[int(found[1]) - 1]["body"] = self.body()
        self.answer(200, {})

    def do_PUT(self) -> None:
        self.do_PATCH()

    def body(self) -> str:
        return str(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["body"])

    def answer(self, status: int, content: object) -> None:
        token = self.headers.get("PRIVATE-TOKEN") or self.headers.get("Authorization", "").removeprefix("Bearer ")
        body = json.dumps(content if token == "t" else {}).encode()
        self.send_response(status if token == "t" else 403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def forge() -> Iterator[Forge]:
    with started() as server:
        yield server


@contextmanager
def started() -> Iterator[Forge]:
    """A forge that listens."""
    with Forge() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def job(kind: str, url: str, token: str = "t") -> dict[str, str]:
    """The environment of a job."""
    if kind == "github":
        return {
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": url,
            "GITHUB_REPOSITORY": "o/r",
            "GITHUB_REF": "refs/pull/12/merge",
            "GITHUB_TOKEN": token,
        }
    return {
        "GITLAB_CI": "true",
        "CI_API_V4_URL": url,
        "CI_PROJECT_ID": "o/r",
        "CI_MERGE_REQUEST_IID": "12",
        "MLOPS_GITLAB_TOKEN": token,
    }


@pytest.mark.parametrize("kind", ["github", "gitlab"])
def test_a_comment_is_updated_and_not_repeated(forge: Forge, kind: str) -> None:
    forge.comments += [{"id": number + 1, "body": f"thanks {number}"} for number in range(150)]
    place = conversation(job(kind, forge.url))
    assert comment(place, PLAN) == "added"
    assert comment(place, PLAN.replace("1 to", "2 to")) == "updated"
    assert comment(place, PLAN.replace("staging", "prod")) == "added"
    assert [each["body"].splitlines()[1] for each in forge.comments[150:]] == [
        "### Plan for `staging`: 2 to change",
        "### Plan for `prod`: 1 to change",
    ]


@pytest.mark.parametrize(("kind", "right"), [("github", "pull-requests: write"), ("gitlab", "scope `api`")])
def test_a_token_without_the_right_is_told_which(forge: Forge, kind: str, right: str) -> None:
    with pytest.raises(DiagnosedError) as found:
        comment(conversation(job(kind, forge.url, "another")), PLAN)
    (said,) = found.value.diagnostics
    assert (said.code, said.message) == ("MLO027", "the forge refuses: 403 Forbidden")
    assert right in said.helps[0]


def test_a_forge_that_is_away_is_named() -> None:
    with pytest.raises(DiagnosedError, match="MLO027"):
        comment(conversation(job("github", "http://127.0.0.1:9")), PLAN)
    with pytest.raises(DiagnosedError, match="none of http"):
        comment(conversation(job("github", "file:///etc")), PLAN)


def test_what_has_no_mark_is_no_comment(forge: Forge) -> None:
    with pytest.raises(DiagnosedError, match="MLO026"):
        comment(conversation(job("github", forge.url)), "# Read me\n")
    assert not forge.comments


LACKING = {
    "no-ci": ({}, "no job"),
    "a-push": (job("github", "http://x") | {"GITHUB_REF": "refs/heads/main"}, "no pull request"),
    "no-token": (job("github", "http://x", ""), "GITHUB_TOKEN"),
    "no-merge-request": (job("gitlab", "http://x") | {"CI_MERGE_REQUEST_IID": ""}, "no merge request"),
    "no-token-of-gitlab": (job("gitlab", "http://x", ""), "MLOPS_GITLAB_TOKEN"),
}


@pytest.mark.parametrize(("environ", "said"), LACKING.values(), ids=LACKING)
def test_who_is_for_no_request_is_told_why(environ: dict[str, str], said: str) -> None:
    with pytest.raises(DiagnosedError, match=f"MLO028.*{said}"):
        conversation(environ)
