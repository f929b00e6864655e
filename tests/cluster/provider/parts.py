"""All that a cluster is made of: what is built from what, once, and kept for the next time."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from tests.cluster.provider import addons, images, runtime_image
from tests.cluster.provider.addons.manifests import Manifest
from tests.cluster.provider.artefacts import Artefact, digest_of, say
from tests.cluster.provider.cluster import Parts
from tests.cluster.provider.folders import project_root
from tests.cluster.provider.image_store import make_image_store
from tests.cluster.provider.installed import everything
from tests.cluster.provider.keys import Authority
from tests.cluster.provider.oci import reference_of
from tests.cluster.provider.programs import program, sources
from tests.cluster.provider.seed import make_seed

_HERE = Path(__file__).parent
_SEEDING = [_HERE / name for name in ("seed.py", "installed.py", "control_plane.py", "keys.py", "addons")]


def definitions_seed() -> Artefact:
    """The seed of an API server that knows our targets' definitions, and has nothing else."""
    kubernetes = program("kubernetes")

    def build(folder: Path) -> None:
        make_seed(kubernetes.built() / "kubernetes", lambda _: addons.definitions(sources()), folder)

    return Artefact("seed-definitions", digest_of(kubernetes.digest, files=_SEEDING), build)


def program_images() -> Artefact:
    """The images of the programs that run in pods, a tar each."""
    binaries = {each.binary: program(each.binary) for each in images.PROGRAMS.values()}

    def build(folder: Path) -> None:
        gathered = folder / "binaries"
        gathered.mkdir()
        for name, artefact in binaries.items():
            (gathered / name).symlink_to(artefact.built() / name)
        images.build_node_images(gathered, folder)
        shutil.rmtree(gathered)

    inputs = [each.digest for each in binaries.values()]
    return Artefact("program-images", digest_of(*inputs, files=[_HERE / "images.py", _HERE / "oci.py"]), build)


def base_image() -> Artefact:
    """Debian, Python and libraries, as `base.tar`: the layer below mlopsctl."""
    root = project_root()

    def build(folder: Path) -> None:
        runtime_image.build_base_layer(root, folder / "base.tar", say)

    inputs = [*runtime_image.inputs_of_base_layer(root), _HERE / "runtime_image.py"]
    return Artefact("runtime-base", digest_of(files=inputs), build)


def our_image() -> Artefact:
    """The runtime image as `runtime.tar`."""
    root, base = project_root(), base_image()

    def build(folder: Path) -> None:
        runtime_image.build_runtime_image(root, base.built() / "base.tar", folder / "runtime.tar", say)

    inputs = [*runtime_image.inputs_of_runtime_image(root), _HERE / "containerfile.py", _HERE / "oci.py"]
    return Artefact("runtime-image", digest_of(base.digest, files=inputs), build)


def image_store() -> Artefact:
    """containerd's folder with the images of programs unpacked."""
    nodeinit, tars = program("nodeinit"), program_images()

    def build(folder: Path) -> None:
        make_image_store(nodeinit.built() / "nodeinit", sorted(tars.built().glob("*.tar")), folder)

    return Artefact("image-store", digest_of(nodeinit.digest, tars.digest, files=[_HERE / "image_store.py"]), build)


def seed() -> Artefact:
    """The seed of a cluster with all that our pipelines need."""
    kubernetes, tars = program("kubernetes"), program_images()

    def build(folder: Path) -> None:
        def installs(authority: Authority) -> list[Manifest]:
            return everything(sources(), references(tars), authority)

        make_seed(kubernetes.built() / "kubernetes", installs, folder)

    return Artefact("seed", digest_of(kubernetes.digest, tars.digest, files=_SEEDING), build)


def all_parts() -> Parts:
    """What a cluster is made of; builds what isn't built, what others are made of first."""
    for artefact in _needed():
        artefact.built()
    return Parts(
        nodeinit=program("nodeinit").built() / "nodeinit",
        kubernetes=program("kubernetes").built() / "kubernetes",
        coredns=program("coredns").built() / "coredns",
        images=image_store().built(),
        seed=seed().built(),
        pause=references(program_images())["pause"],
    )


def parts_are_built() -> bool:
    """Whether a cluster can be brought up without building anything."""
    return all(artefact.is_built for artefact in _needed())


def _needed() -> list[Artefact]:
    return [*map(program, ("nodeinit", "kubernetes", "coredns")), program_images(), image_store(), seed()]


def references(tars: Artefact) -> Mapping[str, str]:
    """What each image is called, by the name of its tar."""
    return {tar.stem: reference_of(tar) for tar in tars.built().glob("*.tar")}
