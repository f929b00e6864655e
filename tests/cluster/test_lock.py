"""One apply at a time, held by leases of a real API server: threads, processes, clocks that are off, and bad days."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mlopsctl.cluster.access import Patience
from mlopsctl.cluster.connection import Connection
from mlopsctl.cluster.errors import Absent
from mlopsctl.cluster.holder import Holder, holder_here
from mlopsctl.cluster.lock import Held, Lock, Terms, break_lock, locked
from mlopsctl.diagnostics import DiagnosedError
from tests.cluster.conftest import Reached
from tests.cluster.examining import Admin
from tests.cluster.speaking import connected, killed_and_started_again, own_namespace_there
from tests.waiting import until

NAME = "mlopsctl-flights-staging"
STARTED = "2026-11-21T15:04:05Z"
HOLDING = f"""
import sys, time
from pathlib import Path
from mlopsctl.cluster.holder import holder_here
from mlopsctl.cluster.lock import Terms, locked
from tests.cluster.speaking import connected
kubeconfig, namespace, duration, seconds = sys.argv[1:]
terms = Terms(name="{NAME}", namespace=namespace, duration=int(duration), timeout=60)
with locked(connected(Path(kubeconfig), namespace), terms, holder_here({{}}, "other", "{STARTED}")):
    print("held", flush=True)
    time.sleep(float(seconds))
"""


namespace = pytest.fixture(own_namespace_there)


@pytest.fixture
def connection(api_server: Reached, namespace: str) -> Connection:
    return connected(api_server.kubeconfig, namespace)


@pytest.fixture
def terms(namespace: str) -> Terms:
    return Terms(name=NAME, namespace=namespace)


def somebody(user: str = "ann") -> Holder:
    return Holder(id=f"{user}-1", user=user, host="laptop", command="mlopsctl apply", run="", started=STARTED)


def path(terms: Terms) -> str:
    return f"{terms.path}/{terms.name}"


def renewed(terms: Terms, *, duration: int, timeout: float = 0.0) -> Terms:
    return Terms(name=terms.name, namespace=terms.namespace, duration=duration, timeout=timeout)


def test_a_lock_is_a_lease_that_says_who_holds_it(connection: Connection, admin: Admin, terms: Terms) -> None:
    with locked(connection, terms, somebody()) as lock:
        lease = admin.ask("GET", path(terms))
        assert lease["spec"]["holderIdentity"] == "ann@laptop/ann-1"
        assert lease["metadata"]["annotations"]["mlopsctl.dev/command"] == "mlopsctl apply"
        assert not lock.lost
        lock.check()
    with pytest.raises(Absent):
        connection.get(path(terms))


def test_who_comes_second_is_told_by_whom_it_is_held(connection: Connection, terms: Terms) -> None:
    with (
        locked(connection, terms, somebody()),
        pytest.raises(Held) as caught,
        locked(connection, terms, somebody("bo")),
    ):
        pytest.fail("two at once")
    (found,) = caught.value.diagnostics
    assert caught.value.holder == somebody()
    assert found.code == "MLO856"
    assert found.message == f"`ann` on `laptop` is applying, and holds the lock `{NAME}` in `{terms.namespace}`"
    assert found.notes == ("command: mlopsctl apply", f"since: {STARTED}")
    assert found.helps[-1].endswith("mlopsctl unlock ann-1")
    with locked(connection, terms, somebody("bo")):
        pass  # the failure has left nothing


def test_of_many_at_once_one_holds_it_at_a_time(connection: Connection, terms: Terms) -> None:
    inside, most, done = 0, 0, 0
    counting = threading.Lock()

    def apply(number: int) -> None:
        nonlocal inside, most, done
        with locked(connection, renewed(terms, duration=24, timeout=60), somebody(f"user{number}")):
            with counting:
                inside += 1
                most = max(most, inside)
            time.sleep(0.05)
            with counting:
                inside -= 1
                done += 1

    threads = [threading.Thread(target=apply, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert (most, done) == (1, 6)


def holding(server: Reached, terms: Terms, *, duration: int, seconds: float) -> "subprocess.Popen[str]":
    """Another process that has the lock."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", HOLDING, str(server.kubeconfig), terms.namespace, str(duration), str(seconds)]
    process = subprocess.Popen(
        command, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    process.stdout.close()
    return process


def test_a_lock_of_another_process_is_waited_for(api_server: Reached, connection: Connection, terms: Terms) -> None:
    other = holding(api_server, terms, duration=120, seconds=2)
    started = time.monotonic()
    with locked(connection, renewed(terms, duration=24, timeout=90), somebody()):
        assert time.monotonic() - started < 60  # not the whole lease
    assert other.wait(120) == 0


@pytest.mark.slow
def test_the_lock_of_a_killed_process_ends_by_itself(
    api_server: Reached, connection: Connection, admin: Admin, terms: Terms
) -> None:
    other = holding(api_server, terms, duration=3, seconds=600)
    time.sleep(1.5)  # a renewal is due
    other.kill()
    other.wait()
    with pytest.raises(Held):
        Lock(connection, terms, somebody()).acquire()
    with locked(connection, renewed(terms, duration=24, timeout=120), somebody()):
        lease = admin.ask("GET", path(terms))
        assert lease["spec"]["holderIdentity"] == "ann@laptop/ann-1"
        assert lease["spec"]["leaseTransitions"] == 1
        assert lease["spec"]["leaseDurationSeconds"] == 24


def test_a_lock_that_is_held_for_longer_than_its_lease_is_renewed(connection: Connection, terms: Terms) -> None:
    with locked(connection, renewed(terms, duration=6), somebody()) as lock:
        time.sleep(8)
        assert not lock.lost
        with pytest.raises(Held):
            Lock(connection, terms, somebody("bo")).acquire()


def test_a_process_that_is_stopped_finds_its_lock_lost(connection: Connection, terms: Terms) -> None:
    """As a laptop that sleeps: its thread doesn't renew, somebody takes over, and it has to notice before it writes."""
    lock = Lock(connection, renewed(terms, duration=4), somebody())
    lock.acquire()
    lock._ending.set()  # the thread does nothing more, as in a process that is stopped
    lock._renewing.join()
    until(lambda: lock.lost)  # before others may take it
    with pytest.raises(DiagnosedError, match=f"MLO857: the lock `{NAME}`"):
        lock.check()
    with locked(connection, renewed(terms, duration=24, timeout=120), somebody("bo")) as other:
        lock.release()  # which takes nothing away from who holds it now
        assert connection.get(path(terms))["spec"]["holderIdentity"] == "bo@laptop/bo-1"
        assert not other.lost


def test_a_stopped_process(api_server: Reached, connection: Connection, terms: Terms) -> None:
    other = holding(api_server, terms, duration=3, seconds=600)
    try:
        other.send_signal(signal.SIGSTOP)
        with locked(connection, renewed(terms, duration=24, timeout=120), somebody()) as lock:
            other.send_signal(signal.SIGCONT)
            time.sleep(2)
            assert not lock.lost
            assert connection.get(path(terms))["spec"]["holderIdentity"] == "ann@laptop/ann-1"
    finally:
        other.kill()
        other.wait()


def test_a_lock_that_is_taken_away(connection: Connection, terms: Terms) -> None:
    with locked(connection, renewed(terms, duration=3), somebody()) as lock:
        with pytest.raises(DiagnosedError, match="MLO859") as caught:
            break_lock(connection, terms, "another")
        assert caught.value.diagnostics[0].notes == (f"it is held by `ann` on `laptop`, since {STARTED}",)
        assert break_lock(connection, terms, "ann-1") == somebody()
        with locked(connection, terms, somebody("bo")):
            until(lambda: lock.lost)
    with pytest.raises(DiagnosedError, match="MLO858"):
        break_lock(connection, terms, "ann-1")


def test_what_others_write_on_the_lease_does_not_lose_it(connection: Connection, admin: Admin, terms: Terms) -> None:
    with locked(connection, renewed(terms, duration=6), somebody()) as lock:
        admin.merge(path(terms), {"metadata": {"labels": {"seen": "yes"}}})
        time.sleep(8)
        assert not lock.lost
        admin.merge(path(terms), {"metadata": {"labels": {"seen": "twice"}}})
    with pytest.raises(Absent):
        connection.get(path(terms))


def test_the_clock_of_this_machine_does_not_count(
    connection: Connection, terms: Terms, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 86_400)
    with locked(connection, renewed(terms, duration=4), somebody()):
        time.sleep(2)  # renewed by now
        monkeypatch.setattr(time, "time", lambda: real() + 86_400)
        with pytest.raises(Held):
            Lock(connection, terms, somebody("bo")).acquire()


@pytest.mark.slow
def test_a_lock_on_a_server_that_goes_away_is_lost(fresh_api_server: Callable[[], Reached]) -> None:
    server = fresh_api_server()
    namespace = Admin(server.kubeconfig).namespace()
    hasty = connected(server.kubeconfig, namespace, patience=Patience(1, 1, repeat=120))
    with locked(hasty, Terms(name=NAME, namespace=namespace, duration=24), somebody()) as lock:
        again = killed_and_started_again(server.kubeconfig)
        try:
            assert not lock.lost  # it was away for a second, and the lease lasts
            until(lambda: _renewals(hasty, namespace) > 0)
            assert not lock.lost
        finally:
            again.kill()
            again.wait()
        until(lambda: lock.lost)
        started = time.monotonic()
    assert time.monotonic() - started < 60  # whoever gives up doesn't wait for a server that is gone
    assert lock.lost


def _renewals(connection: Connection, namespace: str) -> int:
    try:
        lease = connection.get(path(Terms(name=NAME, namespace=namespace)))
    except DiagnosedError:
        return 0
    return 1 if "renewTime" in lease["spec"] else 0


@pytest.mark.parametrize(
    ("environ", "user", "run"),
    [
        (
            {
                "GITHUB_ACTOR": "ann",
                "GITHUB_SERVER_URL": "https://github.com",
                "GITHUB_REPOSITORY": "a/b",
                "GITHUB_RUN_ID": "7",
            },
            "ann",
            "https://github.com/a/b/actions/runs/7",
        ),
        ({"GITLAB_USER_LOGIN": "bo", "CI_JOB_URL": "https://ci.example.com/7"}, "bo", "https://ci.example.com/7"),
        ({"GITHUB_ACTOR": "ann", "GITHUB_RUN_ID": "7"}, "ann", ""),
    ],
)
def test_who_is_here_in_ci(environ: dict[str, str], user: str, run: str) -> None:
    holder = holder_here(environ, "x" * 500, STARTED)
    assert (holder.user, holder.run, holder.started) == (user, run, STARTED)
    assert len(holder.command) == 200
    assert holder.id != holder_here(environ, "", STARTED).id


def test_who_is_here() -> None:
    holder = holder_here({}, "mlopsctl apply", STARTED)
    assert holder.user
    assert holder.host
    assert holder.identity == f"{holder.user}@{holder.host}/{holder.id}"
