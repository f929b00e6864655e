"""Addresses of the web: what is asked for, what is secret in them, and where they may lead."""

import re
from base64 import b64encode
from dataclasses import replace
from typing import Self
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from mlopsctl.frozen import frozen
from mlopsctl.runtime.fetch.outcome import FetchFailed

_BARE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_KEPT = "%/?:@!$&'()*+,;=~[]"


@frozen
class Address:
    """An http or https address. `url` has no user and password; they are in `authorization`, as its header wants it."""

    url: str
    authorization: str | None = None

    @classmethod
    def parse(cls, uri: str) -> Self:
        """What a person wrote, where percent-encoding may be missing. Raises FetchFailed."""
        parts = _split(uri)
        user, at, host = parts.netloc.rpartition("@")
        bare = parts._replace(netloc=host, path=_quoted(parts.path), query=_quoted(parts.query), fragment="")
        secret = b64encode(unquote(user).encode()).decode("ascii")
        return cls(bare.geturl(), f"Basic {secret}" if at else None)

    def redirected(self, location: str) -> Self:
        """Where an answer from here sends us. Raises FetchFailed unless it is as safe as here."""
        url = _joined(self, location)
        there = self.parse(url) if urlsplit(url).scheme in ("https", "http") else None
        if there is None:
            raise _refused(self, "to an address that is not on the web")
        if self.url.startswith("https:") and not there.url.startswith("https:"):
            raise _refused(self, "from https to http")
        same = _origin(there.url) == _origin(self.url)
        return replace(there, authorization=self.authorization if same else None)

    @property
    def host(self) -> str:
        """The host, and the port if there is one."""
        return urlsplit(self.url).netloc

    def __str__(self) -> str:
        """As it is shown: without the query, which is where signatures are."""
        return self.url.partition("?")[0]


def _split(uri: str) -> SplitResult:
    # An address that can't be understood isn't shown: nobody knows which part of it is a password.
    try:
        parts = urlsplit(uri)
        if parts.hostname and (parts.port is None or parts.port):
            return parts
    except ValueError as fault:
        raise _malformed() from fault
    raise _malformed()


def _malformed() -> FetchFailed:
    return FetchFailed("the address of the data names no host, or a port that is none", "write https://host/path")


def _joined(here: Address, location: str) -> str:
    try:
        return urljoin(here.url, location)
    except ValueError as fault:
        raise _refused(here, "to an address that can't be read") from fault


def _refused(here: Address, whereto: str) -> FetchFailed:
    message = f"cannot fetch `{here}`: `{here.host}` redirects {whereto}"
    return FetchFailed(message, "give the address that the data has in the end")


def _quoted(text: str) -> str:
    return quote(_BARE_PERCENT.sub("%25", text), safe=_KEPT)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port
