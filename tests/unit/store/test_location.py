"""Addresses of stores."""

import subprocess
import sys
from pathlib import Path

import pytest

from mlopsctl.store import UnsupportedStore, open_store


@pytest.mark.parametrize("form", ["path", "text", "file url", "file url of localhost"])
def test_one_folder_has_many_addresses(tmp_path: Path, form: str) -> None:
    folder = tmp_path / "a störe"
    address = {
        "path": folder,
        "text": str(folder),
        "file url": folder.as_uri(),
        "file url of localhost": folder.as_uri().replace("file://", "file://localhost"),
    }[form]
    blob = open_store(address).put_bytes(b"weights")
    assert open_store(folder).get_bytes(blob.digest) == b"weights"


def test_a_relative_path_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_store("store")
    monkeypatch.chdir("/")
    store.put_bytes(b"weights")
    assert (tmp_path / "store" / "blobs").is_dir()


@pytest.mark.parametrize(
    "url",
    ["", "ftp://host/path", "http://host", "s3://", "s3:///prefix", "file://host/path", "file://", "a\0b"],
    ids=repr,
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(UnsupportedStore) as fault:
        open_store(url)
    for scheme in ("file://", "s3://", "gs://", "az://"):
        assert scheme in fault.value.hint


def test_a_store_in_a_folder_needs_no_client(tmp_path: Path) -> None:
    script = (
        "import sys; from mlopsctl.store import open_store; open_store(sys.argv[1]).put_bytes(b'x');"
        "sys.exit(any(name in sys.modules for name in ('obstore', 'http.client', 'asyncio', 'shutil', 'tempfile')))"
    )
    subprocess.run([sys.executable, "-c", script, tmp_path / "store"], check=True)
