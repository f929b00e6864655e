"""Lists of which a server has forgotten the beginning, which takes a real one minutes."""

from pathlib import Path

import pytest

from mlopsctl.cluster.connect import Place, connect
from mlopsctl.cluster.errors import Refused
from mlopsctl.cluster.objects import Head, Objects
from mlopsctl.cluster.resources import Resources
from tests.unit.cluster.kubeconfigs import kubeconfig
from tests.unit.cluster.servers import Reply, replying

KINDS: Reply = (200, {"resources": [{"name": "configmaps", "kind": "ConfigMap", "namespaced": True}]})
GONE: Reply = (410, {"kind": "Status", "reason": "Expired", "message": "The provided continue parameter is too old"})


def page(*names: str, more: str = "") -> Reply:
    items = [{"metadata": {"name": name, "uid": name, "resourceVersion": "1"}} for name in names]
    return 200, {"metadata": {"continue": more}, "items": items}


def heads(folder: Path, server: str) -> list[Head]:
    path = kubeconfig(folder / "config", server=server)
    connection = connect(Place(context="dev"), {"KUBECONFIG": str(path)})
    return Objects(connection, Resources(connection)).heads("v1", "ConfigMap", "flights", "a=b")


def test_a_list_that_is_forgotten_begins_again(tmp_path: Path) -> None:
    replies = (KINDS, page("old", more="t1"), GONE, page("a", more="t2"), page("b"))
    with replying(*replies) as server:
        assert [head.key.name for head in heads(tmp_path, server.url)] == ["a", "b"]
    start = "/api/v1/namespaces/flights/configmaps?limit=500&labelSelector=a%3Db"
    assert [path for _, path, _ in server.asked[1:]] == [start, f"{start}&continue=t1", start, f"{start}&continue=t2"]


def test_a_list_that_is_always_forgotten_is_given_up(tmp_path: Path) -> None:
    with replying(KINDS, page("old", more="t1"), GONE) as server, pytest.raises(Refused):
        heads(tmp_path, server.url)
    assert len(server.asked) == 7  # kinds, the first page, and five beginnings that fail


def test_a_definition_that_goes_in_between_has_no_objects(tmp_path: Path) -> None:
    with replying(KINDS, (404, {"message": "no such"})) as server:
        assert heads(tmp_path, server.url) == []
