"""Kubeconfig files, as far as they differ from each other."""

import json
from pathlib import Path
from typing import Any


def kubeconfig(
    path: Path,
    *,
    server: str = "https://127.0.0.1:1",
    context: str = "dev",
    namespace: str = "",
    user: dict[str, Any] | None = None,
    **cluster: object,
) -> Path:
    """A file with one context; `user` and `cluster` are what is said of them, beside `server`."""
    where = {"cluster": context, "user": context, **({"namespace": namespace} if namespace else {})}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": context, "cluster": {"server": server, **cluster}}],
        "users": [{"name": context, "user": user or {}}],
        "contexts": [{"name": context, "context": where}],
    }
    path.write_text(json.dumps(document), encoding="utf-8")
    return path
