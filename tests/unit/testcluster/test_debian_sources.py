"""Where the runtime image's Debian comes from: what this machine's apt says, asked of a program in apt's place."""

import os
import stat
from pathlib import Path

import pytest

from tests.cluster.provider.folders import ProviderError
from tests.cluster.provider.runtime_image import _debian_sources


def apt_that_runs(script: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "apt-get"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_sources_are_those_of_the_release_and_its_updates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = ["bookworm main", "bookworm-security main", "bookworm-backports main", "trixie main", "bookworm main"]
    listing = "\n".join(f"http://mirror.test/debian/ {each}" for each in known)
    apt_that_runs(f"cat <<'END'\n{listing}\nEND", tmp_path, monkeypatch)
    lines = [line.split() for line in _debian_sources().splitlines()]
    assert [line[-3:] for line in lines] == [
        ["http://mirror.test/debian/", release, "main"] for release in ("bookworm", "bookworm-security")
    ]
    assert {line[0] for line in lines} == {"deb"}


def test_apt_that_has_no_lists_yet_is_told_to_fetch_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = f"""\
case $1 in
update) touch {tmp_path}/updated ;;
*) [ ! -e {tmp_path}/updated ] || echo http://mirror.test/debian/ bookworm main ;;
esac"""
    apt_that_runs(script, tmp_path, monkeypatch)
    assert _debian_sources().endswith("http://mirror.test/debian/ bookworm main\n")


def test_a_machine_without_our_debian_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apt_that_runs("true", tmp_path, monkeypatch)
    with pytest.raises(ProviderError, match="no Debian bookworm on this machine"):
        _debian_sources()


def test_what_apt_says_when_it_fails_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apt_that_runs("echo E: no network >&2; exit 100", tmp_path, monkeypatch)
    with pytest.raises(ProviderError, match="E: no network"):
        _debian_sources()
