"""What addresses of the web may say, where they may lead, and what of them is shown."""

import pytest

from mlopsctl.runtime.fetch import FetchFailed
from mlopsctl.runtime.fetch.address import Address


@pytest.mark.parametrize(
    "uri",
    ["https://anna:se/cret@host/x", "https://", "https://host:0/x", "https://host:99999", "http://[::1/x"],
    ids=str,
)
def test_an_address_that_makes_no_sense_is_not_repeated(uri: str) -> None:
    with pytest.raises(FetchFailed) as fault:
        Address.parse(uri)
    assert fault.value.message == "the address of the data names no host, or a port that is none"


def test_what_is_secret_is_not_shown() -> None:
    address = Address.parse("https://anna:se%40cret@host:8443/a b?signature=abc#part")
    assert str(address) == "https://host:8443/a%20b"
    assert address.host == "host:8443"
    assert "cret" not in address.url


def test_a_redirect_from_https_to_http_is_refused() -> None:
    with pytest.raises(FetchFailed, match="`host` redirects from https to http"):
        Address.parse("https://host/a").redirected("http://host/b")
    assert Address.parse("http://host/a").redirected("https://host/b") == Address("https://host/b")


def test_credentials_stay_with_their_host() -> None:
    address = Address.parse("https://anna@host/a")
    assert address.redirected("/b").authorization == address.authorization
    for elsewhere in ("https://other/b", "https://host:444/b", "https://host.evil/b"):
        assert address.redirected(elsewhere).authorization is None
