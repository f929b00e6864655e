"""The two ways to the runtime image can't part: both take their packages, parts, inputs and settings from one place."""

import re
from pathlib import Path

import pytest

from tests.cluster.provider import runtime_image
from tests.cluster.provider.containerfile import Instruction, Stage, image_settings, read_stages
from tests.cluster.provider.folders import project_root
from tests.cluster.provider.runtime_image import RELEASE, debian_packages, inputs_of_base_layer, inputs_of_runtime_image

ROOT = project_root()
CONTAINERFILE = ROOT / "Containerfile"


def instructions(name: str) -> list[str]:
    return [each.rest for stage in read_stages(CONTAINERFILE) for each in stage.instructions if each.name == name]


def parts_called(text: str) -> set[str]:
    return set(re.findall(r"image\.sh (\w+)", text))


def test_both_install_the_packages_of_the_list_and_no_other() -> None:
    (root,) = [stage for stage in read_stages(CONTAINERFILE) if stage.name == "root"]
    installs = [each.rest for each in root.instructions if "apt-get install" in each.rest]
    listed = r"apt-get install --yes --no-install-recommends \$\(grep -v '\^#' /build/image\.packages\)$"
    assert len(installs) == 1
    assert re.search(listed, installs[0])
    lines = (ROOT / "requirements/image.packages").read_text().splitlines()
    assert debian_packages(ROOT) == [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", package) for package in debian_packages(ROOT))


def test_both_run_every_part_of_the_script() -> None:
    script = (ROOT / "requirements/image.sh").read_text()
    defined = set(re.findall(r"^([a-z]+)\(\) \{$", script, re.MULTILINE))
    source = Path(runtime_image.__file__).read_text()
    on_the_node = parts_called(source) | set(re.findall(r'_run_part\("(\w+)"', source))
    on_the_node |= set(re.findall(r'"/image\.sh", "(\w+)"', source))
    assert (
        parts_called(" ".join(instructions("RUN")))
        == on_the_node
        == defined
        == {
            "environment",
            "program",
            "root",
            "compile",
        }
    )


def test_both_are_made_of_the_same_files() -> None:
    copied = {source for line in instructions("COPY") if not line.startswith("--from") for source in line.split()[:-1]}
    inputs = {path.relative_to(ROOT).as_posix() for path in inputs_of_runtime_image(ROOT)}
    # The builder of the Containerfile has yet to get its uv; the node's runs in the environment that has it.
    assert copied - {"requirements/bootstrap.lock"} == inputs - {"Containerfile"}
    assert set(inputs_of_base_layer(ROOT)) < set(inputs_of_runtime_image(ROOT))
    assert all(path.exists() for path in inputs_of_runtime_image(ROOT))


def test_both_begin_with_the_same_release_of_debian() -> None:
    assert re.search(rf"^ARG BASE=\S*debian:{RELEASE}-slim$", CONTAINERFILE.read_text(), re.MULTILINE)
    assert [stage.base for stage in read_stages(CONTAINERFILE)] == ["$BASE", "$BASE", "scratch"]


def test_what_is_copied_reaches_the_builder() -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {source for line in instructions("COPY") if not line.startswith("--from") for source in line.split()[:-1]}
    assert let_in == {source.split("/")[0] for source in copied}


def test_the_image_runs_as_a_user_by_number_with_one_place_to_write_to() -> None:
    settings = image_settings(read_stages(CONTAINERFILE)[-1], "registry.test/runtime")
    assert settings.user == "65532:65532"
    assert settings.working_directory == settings.environment["HOME"] == "/tmp"
    assert settings.environment["PATH"].startswith("/opt/mlopsctl/bin:")
    assert settings.command == ["python"]


def test_stages_are_read_with_comments_and_lines_that_go_on(tmp_path: Path) -> None:
    path = tmp_path / "Containerfile"
    path.write_text("ARG BASE=x\nFROM $BASE AS first\n# no word\nRUN a \\\n  && b\n\nFROM scratch\nuser 1\n")
    assert read_stages(path) == [
        Stage("$BASE", "first", [Instruction("RUN", "a    && b")]),
        Stage("scratch", "", [Instruction("USER", "1")]),
    ]


def test_an_instruction_that_the_node_would_not_follow_is_refused() -> None:
    with pytest.raises(ValueError, match="VOLUME"):
        image_settings(Stage("scratch", "", [Instruction("VOLUME", "/data")]), "registry.test/runtime")
