"""`python -m tests.cluster up`, `down` and `status`: what `make cluster-up` and its sisters run."""

import argparse
import sys

from tests.cluster.provider.access import announce, read_access

from tests.cluster.provider import kind
from tests.cluster.provider.cluster import Cluster
from tests.cluster.provider.debian import install_packages
from tests.cluster.provider.folders import DEFAULT_NAME, ProviderError
from tests.cluster.provider.parts import all_parts


def main() -> int:
    """The exit code: 0 if all went well, 1 with the reason on stderr otherwise."""
    wanted = _parser().parse_args()
    providers = {"native": (_up, _down, _status), "kind": (kind.up, kind.down, kind.status)}
    up, down, status = providers[wanted.provider]
    try:
        {"up": up, "down": down, "status": status}[wanted.what](wanted.name)
    except ProviderError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; the next start goes on from here\n")
        return 130
    return 0


def _up(name: str) -> None:
    install_packages()
    parts = all_parts()
    cluster = Cluster(name)
    cluster.up(parts)
    announce(cluster)
    _status(name)


def _down(name: str) -> None:
    Cluster(name).down()


def _status(name: str) -> None:
    cluster = Cluster(name)
    missing = cluster.missing()
    lines = [f"cluster {name}: {'up' if not missing else 'not well'}", f"  export KUBECONFIG={cluster.kubeconfig}"]
    lines += [f"  {what:<12} {where}" for what, where in read_access(cluster.kubeconfig).items()]
    lines += [f"  missing      {each}" for each in missing]
    sys.stdout.write("\n".join([*lines, ""]))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description="A cluster for the tests.")
    parser.add_argument("what", choices=("up", "down", "status"))
    parser.add_argument("--name", default=DEFAULT_NAME, help="which one; several can be up side by side")
    parser.add_argument("--provider", default="native", choices=("native", "kind"))
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
