"""`python -m tests.cluster up`, `down` and `status`: what `make cluster-up` and its sisters run."""

import argparse
import os
import sys

from tests.cluster.access import read_access
from tests.cluster.provider import kind
from tests.cluster.provider.cluster import Cluster
from tests.cluster.provider.debian import install_packages
from tests.cluster.provider.folders import DEFAULT_NAME, ProviderError
from tests.cluster.provider.parts import all_parts, definitions_seed, our_image


def main() -> int:
    """The exit code: 0 if all went well, 1 with the reason on stderr otherwise."""
    wanted = _parser().parse_args()
    native = {"up": _up, "down": _down, "status": _status}
    through_kind = {"up": kind.up, "down": kind.down, "status": kind.status}
    try:
        {"native": native, "kind": through_kind}[wanted.provider][wanted.what](wanted.name)
    except ProviderError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; the next `up` goes on from here, `down` takes away what there is\n")
        return 130
    return 0


def _up(name: str) -> None:
    if os.geteuid() != 0:
        raise ProviderError("making a node's namespaces needs root\n  help: sudo make cluster-up")
    install_packages()
    parts = all_parts()
    definitions_seed().built()
    runtime_image = our_image().built() / "runtime.tar"
    cluster = Cluster(name)
    cluster.up(parts)
    cluster.load(runtime_image)
    _status(name)


def _down(name: str) -> None:
    Cluster(name).down()


def _status(name: str) -> None:
    cluster = Cluster(name)
    missing = cluster.missing()
    lines = [f"cluster {name} is up{', but not well' if missing else ''}"]
    lines += [f"  missing: {each}" for each in missing]
    if not missing:
        lines += [f"  {what:<14} {where}" for what, where in read_access(cluster.kubeconfig).items()]
    lines += [f"  export KUBECONFIG={cluster.kubeconfig}"]
    sys.stdout.write("\n".join([*lines, ""]))
    if missing:
        raise ProviderError(f"`make cluster-up NAME={name}` brings up what is missing")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description="A cluster for the tests.")
    parser.add_argument("what", choices=("up", "down", "status"))
    parser.add_argument("--name", default=DEFAULT_NAME, help="which one; several can be up side by side")
    parser.add_argument("--provider", default="native", choices=("native", "kind"))
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
