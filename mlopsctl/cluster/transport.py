"""Why an API server could not be asked, in words: what the network and its certificate made of a request."""

from mlopsctl.cluster import faults
from mlopsctl.cluster.access import Access, Patience
from mlopsctl.cluster.errors import Unreachable

_LONGEST_MESSAGE = 300
_ANEW = "get the kubeconfig anew if the cluster was made anew; else find out who answers in its place"
# What OpenSSL says, why that is, and what to do about it; the first that fits counts.
_DISTRUST = (
    (("certificate has expired",), "its certificate has expired", "have it renewed by whoever runs the cluster"),
    (
        ("mismatch", "not valid for"),
        "its certificate is for another address",
        "correct `server` in the kubeconfig, or set `tls-server-name` there",
    ),
    (("certificate_verify_failed",), "its certificate is of an authority that the kubeconfig doesn't name", _ANEW),
    (("wrong_version_number", "record layer"), "it doesn't speak TLS", "correct `server` in the kubeconfig"),
)


def unreachable(error: Exception, access: Access, patience: Patience) -> Unreachable:
    """What kept a request from its answer."""
    from urllib3.exceptions import (
        ConnectTimeoutError,
        NameResolutionError,
        NewConnectionError,
        ProtocolError,
        ReadTimeoutError,
        SSLError,
    )

    up = "see that the cluster is up, and that this machine reaches its network"
    is_passing = True
    match error:
        case SSLError() if "eof" not in str(error).lower():
            return _untrusted(str(error), access)
        case NameResolutionError():
            why, advice = "there is no host of that name", "correct `server` in the kubeconfig, or DNS"
            is_passing = False
        case NewConnectionError() if "refused" in str(error).lower():
            why, advice = "the connection is refused", up
        case NewConnectionError():  # which calls itself a kind of timeout, too
            why, advice = short(str(error).rpartition(": ")[2]), up
        case ConnectTimeoutError():
            why, advice = f"no connection within {patience.connect:g} s", up
        case ReadTimeoutError() | TimeoutError():
            why = f"connected, but nothing said within {patience.read:g} s"
            advice = "see whether the cluster is overloaded, or something in between hangs"
        case (
            SSLError() | ProtocolError(args=(_, ConnectionError()))
        ):  # of the first, a server that ends while it greets
            why, advice = (
                "the connection was cut before an answer came",
                "try again, then see the server's log",
            )
        case _:
            why, advice = short(str(error)), up
    return Unreachable(faults.unreachable(access.span, access.server, why, advice), is_passing=is_passing)


def no_api_server(access: Access) -> Unreachable:
    """Somebody answered, in a way that no API server does."""
    why = "it answers, but not as an API server does"
    return Unreachable(faults.unreachable(access.span, access.server, why, "correct `server` in the kubeconfig"))


def short(text: str) -> str:
    """A text that somebody else wrote, on one line and not too long."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_MESSAGE else line[:_LONGEST_MESSAGE] + "…"


def _untrusted(said: str, access: Access) -> Unreachable:
    fitting = ((why, advice) for signs, why, advice in _DISTRUST if any(sign in said.lower() for sign in signs))
    why, advice = next(fitting, (short(said), _ANEW))
    return Unreachable(faults.untrusted(access.span, access.server, why, advice))
