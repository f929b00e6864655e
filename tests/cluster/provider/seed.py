"""Seeds: etcd's data with everything installed, made once, so that a cluster is born with it instead of installing it.

A seed has the keys that what is installed refers to (an authority, the signer of tokens) and etcd's data.
"""

import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.cluster.provider import keys
from tests.cluster.provider.api_server import ApiServer, running_api_server
from tests.cluster.provider.commands import run

Manifest = dict[str, Any]


def make_seed(program: Path, installs: Callable[[keys.Authority], Sequence[Manifest]], target: Path) -> None:
    """Fill the folder with a seed of these manifests, definitions of their kinds among them.

    Raises ProviderError with the API server's words if it refuses one.
    """
    authority = keys.Authority.new()
    with tempfile.TemporaryDirectory(prefix="mlopsctl-seed-") as name:
        folder = Path(name)
        (folder / "keys").mkdir()
        authority.pair.write(folder / "keys", "ca")
        keys.signing_pair().write(folder / "keys", "service-accounts")
        manifests = installs(authority)
        definitions = [each for each in manifests if each["kind"] == "CustomResourceDefinition"]
        with running_api_server(program, folder) as server:
            _apply(server, definitions)
            _wait_for(server, definitions)
            if others := [each for each in manifests if each["kind"] != "CustomResourceDefinition"]:
                _apply(server, others)
        shutil.move(folder / "etcd", target / "etcd")
        (target / "keys").mkdir()
        for known in ("ca.crt", "ca.key", "service-accounts.crt", "service-accounts.key"):
            shutil.copy2(folder / "keys" / known, target / "keys")


def plant(seed: Path, folder: Path) -> None:
    """Copy a seed into the folder of a cluster that is about to start."""
    shutil.copytree(seed / "keys", folder / "keys")
    shutil.copytree(seed / "etcd", folder / "etcd")


def _apply(server: ApiServer, manifests: Sequence[Manifest]) -> None:
    if not manifests:  # which kubectl takes for a mistake
        return
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
    _kubectl(server, ["apply", "--server-side", "--validate=false", "-f", "-"], text)


def _wait_for(server: ApiServer, definitions: Sequence[Manifest]) -> None:
    names = [f"crd/{each['metadata']['name']}" for each in definitions]
    _kubectl(server, ["wait", "--for=condition=Established", "--timeout=60s", *names])


def _kubectl(server: ApiServer, arguments: Sequence[str], text: str = "") -> None:
    run([server.plane.program, "kubectl", f"--kubeconfig={server.kubeconfig}", *arguments], text=text)
