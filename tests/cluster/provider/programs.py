"""The programs of a node, built from Go modules."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.provider.addons.sources import Sources, download_commands
from tests.cluster.provider.artefacts import Artefact, digest_of
from tests.cluster.provider.go_sources import module_file, prepared_module
from tests.cluster.provider.go_toolchain import run_go

MODULES = Path(__file__).parents[1] / "go"
_PREPARING = Path(__file__).with_name("go_sources.py")
_KUBERNETES = "v1.34.4"
_STAMPS = {
    "k8s.io/component-base/version.gitVersion": _KUBERNETES,
    "k8s.io/component-base/version.gitMajor": "1",
    "k8s.io/component-base/version.gitMinor": "34",
    "k8s.io/component-base/version.gitTreeState": "clean",
    "k8s.io/client-go/pkg/version.gitVersion": _KUBERNETES,
}
_ARGO = "github.com/argoproj/argo-workflows/v3"
_ARGO_STAMPS = {f"{_ARGO}.version": "v3.7.14", f"{_ARGO}.gitTreeState": "clean"}


# What is collected of a short life is not worth the time that it takes, until there are 2 GiB: several live at once.
FEW_COLLECTIONS = {"GOGC": "400", "GOMEMLIMIT": "2GiB"}
# An API server fills gigabytes with what it needs once, as it learns definitions: it collects when it has to.
LATE_COLLECTIONS = {"GOGC": "off", "GOMEMLIMIT": "2GiB"}


@dataclass(frozen=True)
class Program:
    """A program: its module's folder in go/, its package, and what the linker writes into it."""

    module: str
    package: str
    stamps: Mapping[str, str] | None = None


PROGRAMS: Mapping[str, Program] = {
    "nodeinit": Program("init", "./nodeinit"),
    "pause": Program("init", "./pause"),
    "kubernetes": Program("node", "./kubernetes", _STAMPS),
    "coredns": Program("node", "./coredns"),
    "kserve-manager": Program("node", "github.com/kserve/kserve/cmd/manager"),
    "jobset-manager": Program("jobset", "sigs.k8s.io/jobset"),
    "versitygw": Program("s3", "github.com/versity/versitygw/cmd/versitygw"),
    "traefik": Program("gateway", "github.com/traefik/traefik/v3/cmd/traefik"),
    "workflow-controller": Program("argo", f"{_ARGO}/cmd/workflow-controller", _ARGO_STAMPS),
    "argoexec": Program("argo", f"{_ARGO}/cmd/argoexec", _ARGO_STAMPS),
    "argo": Program("argo", f"{_ARGO}/cmd/argo", _ARGO_STAMPS),
}


def program(name: str) -> Artefact:
    """The folder with the program of this name. Building it raises ProviderError with Go's words."""
    wanted = PROGRAMS[name]
    module = MODULES / wanted.module
    own = [module / wanted.package] if wanted.package.startswith(".") else []
    stamps = json.dumps(wanted.stamps)
    digest = digest_of(wanted.package, stamps, files=[module / "go.mod", *module.glob("go.sum"), *own])
    return Artefact(name, digest, lambda folder: _build(name, wanted, folder))


def sources() -> Sources:
    """The unpacked modules that manifests are taken from; fetched if need be."""
    for command in download_commands(MODULES):
        run_go(command[1:], MODULES)
    return _unpacked()


def _unpacked() -> Sources:
    return Sources.in_cache(Path(run_go(["env", "GOMODCACHE"], MODULES).strip()), MODULES)


def _build(name: str, wanted: Program, folder: Path) -> None:
    stamps = " ".join(f"-X {variable}={value}" for variable, value in (wanted.stamps or {}).items())
    options = ["-trimpath", f"-ldflags=-s -w {stamps}", f"-o={folder / name}"]
    if wanted.module == "argo":
        options.append(f"-modfile={_whole_argo().built() / 'go.mod'}")
    run_go(["build", *options, wanted.package], MODULES / wanted.module)


def _whole_argo() -> Artefact:
    """Argo's module with what its archive lacks, and a go.mod that builds from it."""
    ours = MODULES / "argo"

    def build(folder: Path) -> None:
        copy = prepared_module(sources().argo, folder / "module")
        # The folder gets its name when it is whole.
        module_file(ours, folder.with_suffix("") / copy.name, folder)

    return Artefact("argo-module", digest_of(files=[ours / "go.mod", ours / "go.sum", _PREPARING]), build)
