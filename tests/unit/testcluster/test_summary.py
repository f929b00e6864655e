"""What the end of a run of tests says of those that it left out for want of a cluster."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("processes", ["0", "2"])
def test_tests_that_want_a_cluster_are_named(tmp_path: Path, processes: str) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLOPSCTL_TEST_", "PYTEST_"))}
    environ = {**kept, "XDG_CACHE_HOME": str(tmp_path)}  # in which nothing is built
    options = ["-q", "-p", "no:cacheprovider", f"--numprocesses={processes}", f"--basetemp={tmp_path / 'of-pytest'}"]
    command = [sys.executable, "-m", "pytest", *options, "tests/cluster/test_afterwards.py"]
    done = subprocess.run(command, cwd=ROOT, env=environ, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    _, heading, named = done.stdout.partition("not run without a cluster; `make test-cluster` runs them")
    assert heading, done.stdout
    assert "\ntests/cluster/test_afterwards.py::test_what_became_of_pods_is_said\n" in named
