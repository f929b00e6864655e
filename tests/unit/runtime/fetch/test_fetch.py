"""Which addresses are fetched, and what they cost those who fetch nothing."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mlopsctl.runtime.fetch import FetchFailed, file_name, is_remote

Failure = Callable[..., FetchFailed]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://host/flights.csv", True),
        ("HTTP://host", True),
        ("s3://bucket/key", True),
        ("gs://bucket", True),
        ("az://container", True),
        ("data/flights.csv", False),
        ("file:///etc/passwd", False),
        ("ftp://host/flights.csv", False),
        ("s3:/bucket", False),
        ("https", False),
        ("data/https://host", False),
    ],
    ids=str,
)
def test_which_addresses_are_remote(address: str, *, expected: bool) -> None:
    assert is_remote(address) is expected


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("https://host/a/flights.csv?token=1#top", "flights.csv"),
        ("https://host/a%20b.csv", "a b.csv"),
        ("https://host/a%2Fb.csv", "b.csv"),
        ("https://host/%2e%2e", "data"),
        ("https://host/a%00b", "ab"),
        ("https://host", "data"),
        ("https://host/", "data"),
        ("s3://bucket/2026/", "2026"),
        ("s3://bucket/a%20b?.csv", "a%20b?.csv"),
        ("s3://bucket", "data"),
    ],
    ids=str,
)
def test_the_name_of_a_file_is_the_end_of_its_address(uri: str, expected: str) -> None:
    assert file_name(uri) == expected


def test_an_address_of_another_kind_is_refused(tmp_path: Path, failure: Failure) -> None:
    assert "https://, http://, s3://, gs://, az://" in failure("file:///etc/hostname", tmp_path / "data").hint


def test_no_client_is_imported_before_it_is_needed() -> None:
    names = "{'urllib.request', 'http.client', 'obstore', 'concurrent.futures'}"
    code = f"import sys, mlopsctl.runtime.fetch; print(sorted({names} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
