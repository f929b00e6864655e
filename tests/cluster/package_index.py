"""A package index with what one lock file names, for pods: a test cluster reaches nothing but the machine it is on."""

import hashlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from tests.cluster.provider.folders import cache_folder


@contextmanager
def package_index(lock: Path, reached_from: str) -> Iterator[str]:
    """The URL of the index, as long as it is served; `reached_from` is a URL of the side that asks it."""
    folder = _packages(lock)
    address = own_address(reached_from)
    server = ThreadingHTTPServer((address, 0), partial(_Index, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{address}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Index(SimpleHTTPRequestHandler):
    """A folder a package: what its listings say is what a simple index has to say."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Say nothing: tests and demonstrations have their own words."""


def _packages(lock: Path) -> Path:
    """The folder with the lock file's wheels for this system; made once, and found by the lock file from then on."""
    folder = cache_folder() / "packages" / hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    if folder.exists():
        return folder
    folder.parent.mkdir(exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=folder.parent))
    try:
        _download(lock, beside)
        for wheel in list(beside.iterdir()):
            name = re.sub(r"[-_.]+", "-", wheel.name.split("-", 1)[0]).lower()
            (beside / name).mkdir(exist_ok=True)
            wheel.rename(beside / name / wheel.name)
        beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return folder


def _download(lock: Path, folder: Path) -> None:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    locked = ["--no-deps", "--require-hashes", "--only-binary=:all:", "--dest", str(folder), "--requirement", str(lock)]
    subprocess.run([*pip, *locked], check=True)


def own_address(reached_from: str) -> str:
    """This machine's address on the way there. Nothing is sent."""
    where = urlsplit(reached_from)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.connect((where.hostname, where.port or 80))
        address: str = asking.getsockname()[0]
    return address
