"""Where the manifests of others lie: the folders of their Go modules, at the versions that ours pin."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from tests.cluster.provider.addons.manifests import Manifest, read_definitions
from tests.cluster.provider.folders import ProviderError

# By the field of Sources: the folder in go/ whose go.mod pins the module, and the module's path.
MODULES: Mapping[str, tuple[str, str]] = {
    "argo": ("argo", "github.com/argoproj/argo-workflows/v3"),
    "kserve": ("node", "github.com/kserve/kserve"),
    "gateway_api": ("definitions", "sigs.k8s.io/gateway-api"),
    "jobset": ("jobset", "sigs.k8s.io/jobset"),
    "trainer": ("definitions", "github.com/kubeflow/trainer/v2"),
    "kueue": ("definitions", "sigs.k8s.io/kueue"),
    "prometheus_operator": ("definitions", "github.com/prometheus-operator/prometheus-operator"),
}


@dataclass(frozen=True)
class Sources:
    """The unpacked modules, one folder each; nothing is written into them."""

    argo: Path
    kserve: Path
    gateway_api: Path
    jobset: Path
    trainer: Path
    kueue: Path
    prometheus_operator: Path

    @classmethod
    def in_cache(cls, cache: Path, go: Path) -> "Sources":
        """The folders in Go's module cache, be they there or not; `go` is the folder of our modules."""
        return cls(**{name: _folder(cache, go / where / "go.mod", module) for name, (where, module) in MODULES.items()})

    def missing(self) -> list[Path]:
        """The folders that aren't there."""
        folders: list[Path] = [getattr(self, field.name) for field in fields(self)]
        return [folder for folder in folders if not folder.is_dir()]

    def optional_definitions(self) -> list[Manifest]:
        """Of Kubeflow Trainer, Kueue and the Prometheus operator. No controller of theirs runs."""
        return [
            *read_definitions(self.trainer / "manifests/base/crds"),
            *read_definitions(self.kueue / "config/components/crd/bases"),
            *read_definitions(
                self.prometheus_operator / "example/prometheus-operator-crd",
                *(f"*_{kind}.yaml" for kind in ("podmonitors", "prometheusrules", "servicemonitors")),
            ),
        ]


def download_commands(go: Path) -> list[list[str]]:
    """The commands by which Go fetches and checks all modules of `Sources`; `go` is the folder of our modules."""
    wanted: dict[str, list[str]] = {}
    for where, module in MODULES.values():
        wanted.setdefault(where, []).append(module)
    return [["go", "mod", "download", "-C", str(go / where), *modules] for where, modules in wanted.items()]


def _folder(cache: Path, go_mod: Path, module: str) -> Path:
    pinned = re.search(rf"^(?:require)?\s+{re.escape(module)} (v\S+)", go_mod.read_text(), re.MULTILINE)
    if pinned is None:
        raise ProviderError(f"{go_mod} requires no {module}")
    return cache / f"{module}@{pinned[1]}"
