"""Why a request had no answer, told from real failures of real connections."""

import socket
import threading

import pytest
import urllib3

from mlopsctl.cluster.access import Access, Patience
from mlopsctl.cluster.transport import unreachable


def hang_up(server: socket.socket) -> None:
    """Take one connection, and end it before anything is said."""
    connection, _ = server.accept()
    connection.recv(65_536)
    connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def test_a_server_that_ends_while_it_greets_is_away_and_not_distrusted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=hang_up, args=(server,))
        thread.start()
        address = f"https://127.0.0.1:{server.getsockname()[1]}"
        with urllib3.PoolManager(cert_reqs="CERT_NONE") as pool, pytest.raises(urllib3.exceptions.HTTPError) as caught:
            pool.request("GET", address, retries=False)
        thread.join()
    assert isinstance(caught.value, urllib3.exceptions.SSLError)
    found = unreachable(caught.value, Access(context="test", server=address, namespace="a"), Patience())
    assert found.is_passing
    assert "the connection was cut before an answer came" in found.found.message
