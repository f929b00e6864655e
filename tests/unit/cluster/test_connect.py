"""From a kubeconfig to a connection, or to words about what is wrong with it."""

import sys
from pathlib import Path
from typing import Final

import pytest

from mlopsctl.cluster.connect import Place, connect
from mlopsctl.cluster.errors import Unreachable
from mlopsctl.diagnostics import Diagnostic, Position, Span
from tests.unit.cluster.kubeconfigs import kubeconfig
from tests.unit.cluster.servers import replying

DEV: Final = Place(context="dev")
SPAN: Final = Span("environments/dev.yaml", Position(4, 22), Position(4, 25))


def refused(place: Place, environ: dict[str, str]) -> Diagnostic:
    with pytest.raises(Unreachable) as caught:
        connect(place, environ)
    return caught.value.found


def test_a_context_says_where_and_in_which_namespace(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "config", server="https://10.0.0.1:6443/", namespace="flights")
    access = connect(DEV, {"KUBECONFIG": str(path)}).access
    assert (access.server, access.namespace, access.is_verified) == ("https://10.0.0.1:6443", "flights", True)


def test_the_namespace_that_is_asked_for_comes_first(tmp_path: Path) -> None:
    environ = {"KUBECONFIG": str(kubeconfig(tmp_path / "config", namespace="flights"))}
    assert connect(Place(context="dev", namespace="other"), environ).namespace == "other"


def test_without_a_word_it_is_the_default_namespace(tmp_path: Path) -> None:
    assert connect(DEV, {"KUBECONFIG": str(kubeconfig(tmp_path / "config"))}).namespace == "default"


def test_several_files_are_one(tmp_path: Path) -> None:
    first = kubeconfig(tmp_path / "a", context="prod")
    second = kubeconfig(tmp_path / "b", context="dev", server="https://10.0.0.2")
    files = f"{first}:{tmp_path / 'not-there'}:{second}"
    assert connect(DEV, {"KUBECONFIG": files}).access.server == "https://10.0.0.2"


def test_no_file_at_all(tmp_path: Path) -> None:
    found = refused(Place(context="dev", span=SPAN), {"KUBECONFIG": str(tmp_path / "config")})
    assert (found.code, found.span) == ("MLO911", SPAN)
    assert found.message == f"there is no kubeconfig at `{tmp_path / 'config'}`"


@pytest.mark.parametrize(
    ("asked", "advice"),
    [("prdo-eu", "a context with a similar name: `prod-eu`"), ("x", "the contexts there are: `prod-eu`")],
)
def test_no_such_context(asked: str, advice: str, tmp_path: Path) -> None:
    environ = {"KUBECONFIG": str(kubeconfig(tmp_path / "config", context="prod-eu"))}
    found = refused(Place(context=asked), environ)
    assert (found.code, found.helps) == ("MLO912", (advice,))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("{", id="no YAML"),
        pytest.param("[]", id="a list"),
        pytest.param("7", id="a number"),
        pytest.param("contexts: [7]", id="a context that is a number"),
        pytest.param("contexts: {dev: {}}", id="contexts that are a mapping"),
        pytest.param("contexts: [{name: dev}]", id="a context without a cluster"),
        pytest.param(
            "contexts: [{name: dev, context: {cluster: c}}]\nclusters: [{name: c}]", id="a cluster of nothing"
        ),
        pytest.param("contexts: [{name: dev, context: {cluster: c}}]", id="no such cluster"),
    ],
)
def test_a_file_that_says_nothing_is_no_traceback(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    found = refused(DEV, {"KUBECONFIG": str(path)})
    assert found.code == "MLO918"
    assert found.message.startswith(f"the kubeconfig `{path}` can't be used: ")


def test_a_file_that_may_not_be_read_as_text(tmp_path: Path) -> None:
    (tmp_path / "config").write_bytes(b"\xff\xfe\x00")
    assert refused(DEV, {"KUBECONFIG": str(tmp_path / "config")}).code == "MLO918"


@pytest.mark.parametrize("key", ["client-certificate", "client-key"])
def test_a_file_that_it_names_and_that_is_not_there(key: str, tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "config", user={key: "lost.pem"})
    found = refused(DEV, {"KUBECONFIG": str(path)})
    assert found.code == "MLO918"
    assert "lost.pem" in found.message


def test_a_certificate_that_is_none(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "config", **{"certificate-authority-data": "bm90aGluZw=="})
    with pytest.raises(Unreachable):
        connect(DEV, {"KUBECONFIG": str(path)}).get("/version")


def test_a_token_is_sent(tmp_path: Path) -> None:
    with replying((200, {})) as server:
        path = kubeconfig(tmp_path / "config", server=server.url, user={"token": "secret"})
        connect(DEV, {"KUBECONFIG": str(path)}).get("/version")
    assert server.asked[0][2]["Authorization"] == "Bearer secret"


def test_a_program_gives_the_token(tmp_path: Path) -> None:
    program = (
        'import json; print(json.dumps({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",'
    )
    program += ' "status": {"token": "fresh"}}))'
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": ["-c", program],
        "interactiveMode": "Never",
    }
    with replying((200, {})) as server:
        path = kubeconfig(tmp_path / "config", server=server.url, user={"exec": plugin})
        connect(DEV, {"KUBECONFIG": str(path)}).get("/version")
    assert server.asked[0][2]["Authorization"] == "Bearer fresh"


def test_what_a_program_says_that_gives_no_token_is_in_the_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": ["-c", "import sys; sys.exit('run `cloud login` first')"],
        "interactiveMode": "Never",
    }
    with replying((401, {"message": "Unauthorized"})) as server:
        path = kubeconfig(tmp_path / "config", server=server.url, user={"exec": plugin})
        with pytest.raises(Unreachable) as caught:
            connect(DEV, {"KUBECONFIG": str(path)}).get("/version")
    assert caught.value.found.code == "MLO914"
    assert "run `cloud login` first" in caught.value.found.notes[0]
    assert capfd.readouterr() == ("", "")


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "no-such-cloud", "interactiveMode": "Never"}
    path = kubeconfig(tmp_path / "config", user={"exec": plugin})
    assert "no-such-cloud" in connect(DEV, {"KUBECONFIG": str(path)}).access.notes[0]


def test_the_proxy_of_a_cluster_is_asked(tmp_path: Path) -> None:
    with replying((200, {"from": "the proxy"})) as proxy:
        named = {"proxy-url": proxy.url}
        path = kubeconfig(tmp_path / "config", server="http://cluster.invalid", **named)
        assert connect(DEV, {"KUBECONFIG": str(path)}).get("/version") == {"from": "the proxy"}
    assert proxy.asked[0][1] == "http://cluster.invalid/version"
