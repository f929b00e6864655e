import subprocess
import sys

# The signal is handled on another thread than the main one, which is what it looks like to the main thread if it comes
# just before that begins to wait: nothing interrupts it.
WAITS = """
import os, signal, threading
from mlopsctl.runtime.stop import Stop

with Stop() as stop, stop.set_by_signals():
    other = threading.Event()
    thread = threading.Thread(target=other.wait)
    thread.start()
    timer = threading.Timer(0.5, lambda: signal.pthread_kill(thread.ident, signal.SIGTERM))
    timer.start()
    stop.wait()
    print(stop.is_set())
    other.set()
"""
TWICE = """
import os, signal
from mlopsctl.runtime.stop import Stop

with Stop() as stop, stop.set_by_signals():
    os.kill(os.getpid(), signal.SIGINT)
    print(stop.is_set())
    os.kill(os.getpid(), signal.SIGTERM)
    try:
        os.kill(os.getpid(), signal.SIGINT)
        signal.pause()
    except KeyboardInterrupt:
        print("interrupted")
print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL, signal.set_wakeup_fd(-1))
"""


def printed(script: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60)
    return done.stdout.split()


def test_a_signal_that_interrupts_nobody_is_not_missed() -> None:
    assert printed(WAITS) == ["True"]


def test_a_second_ctrl_c_no_longer_waits() -> None:
    assert printed(TWICE) == ["True", "interrupted", "True", "-1"]
