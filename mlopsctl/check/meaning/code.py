"""Rules about the code that stages run, what it is installed with, and the machines that it runs on."""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from mlopsctl.check.files import is_file, is_folder, matches, neighbours
from mlopsctl.diagnostics import Finding, Severity, rule, similar
from mlopsctl.ir import units
from mlopsctl.ir.model import Pipeline, Stage

_OLDEST_PYTHON, _NEWEST_PYTHON = 9, 14  # minor versions that can be installed
_PLAIN_SCRIPT = re.compile(r"[\w.-][\w./-]*\.py")  # nothing that the shell would change


@rule("MLO340")
def nothing_of_a_resource(pipeline: Pipeline) -> Iterator[Finding]:
    """A stage asks for none of what it can't do without.

    Example:
        resources: {cpu: 0, memory: 4Gi}

    Fix: write how much it needs, or leave the key out for the cluster's default.
    """
    for stage in pipeline.stages.values():
        for key in ("cpu", "memory", "disk"):
            quantity = stage.origin.scalar("resources", key)
            if isinstance(quantity, str | int | float) and units.amount(quantity) == 0:
                yield Finding(
                    message=f"stage `{stage.name}` asks for no {key}", span=stage.origin.value("resources", key)
                )


@rule("MLO341")
def requirements_not_there(pipeline: Pipeline) -> Iterator[Finding]:
    """The lock file of what to install is not there.

    Example:
        code: {requirements: requirement.lock}

    Fix: correct the path, which is relative to the pipeline's file, or make it: `uv pip compile requirements.in
    --generate-hashes -o requirements.lock`.
    """
    path, origin = pipeline.code.requirements, pipeline.code.origin
    if path is not None and origin is not None and not is_file(path):
        near = similar(path.name, neighbours(path))
        yield Finding(
            message=f"`{origin.text('requirements')}` is not there",
            span=origin.value("requirements"),
            label=f"a file with a similar name: `{near}`" if near else "",
            helps=() if near else (f"make it: uv pip compile requirements.in --generate-hashes -o {path.name}",),
        )


@rule("MLO342")
def code_not_there(pipeline: Pipeline) -> Iterator[Finding]:
    """The folder of the code is not there, or is no folder.

    Example:
        code: {path: scr}

    Fix: correct the path, which is relative to the pipeline's file.
    """
    path, origin = pipeline.code.folder, pipeline.code.origin
    if origin is not None and not is_folder(path):
        near = similar(path.name, neighbours(path))
        yield Finding(
            message=f"the code's folder `{origin.text('path')}` is {'a file' if is_file(path) else 'not there'}",
            span=origin.value("path"),
            label=f"similar: `{near}`" if near and near != path.name else "",
        )


@rule("MLO343", Severity.WARNING)
def pattern_without_code(pipeline: Pipeline) -> Iterator[Finding]:
    """A pattern under `code.include` matches no file.

    Example:
        code: {include: [trian.py]}

    Fix: correct the pattern, which is relative to the folder of the code.
    """
    for stage in pipeline.stages.values() if is_folder(pipeline.code.folder) else ():
        for index, pattern in enumerate(stage.code_include):
            if not _matches(pipeline.code.folder, pattern):
                near = similar(pattern, neighbours(pipeline.code.folder / "any"))
                yield Finding(
                    message=f"`{pattern}` matches no file of the code",
                    span=stage.origin.value("code", "include", index),
                    label=f"a file with a similar name: `{near}`" if near else "",
                )


@rule("MLO344")
def no_such_python(pipeline: Pipeline) -> Iterator[Finding]:
    """The version of Python is not one that can be installed.

    Example:
        code: {python: "3.41"}

    Fix: choose a version from 3.9 to 3.14.
    """
    if pipeline.code.python is not None and pipeline.code.origin is not None:
        minor = pipeline.code.python.partition(".")[2]
        if not (len(minor) <= len("14") and _OLDEST_PYTHON <= int(minor) <= _NEWEST_PYTHON):
            yield Finding(
                message=f"there is no Python {pipeline.code.python} to install",
                span=pipeline.code.origin.value("python"),
                helps=(f"versions from 3.{_OLDEST_PYTHON} to 3.{_NEWEST_PYTHON} can be installed",),
            )


@rule("MLO345")
def script_not_there(pipeline: Pipeline) -> Iterator[Finding]:
    """A command runs a Python file that the code doesn't have.

    Only commands that begin with `python FILE` are looked at, and not those with an `image` of their own.

    Example:
        run: python trian.py --data ${inputs.flights}

    Fix: correct the name, which is relative to the folder of the code.
    """
    for stage in pipeline.stages.values() if is_folder(pipeline.code.folder) else ():
        script = _script(stage)
        if script is not None and not is_file(path := pipeline.code.folder / script):
            near = similar(path.name, neighbours(path))
            yield Finding(
                message=f"stage `{stage.name}` runs `{script}`, which the code does not have",
                span=stage.origin.value("run"),
                label=f"a file with a similar name: `{near}`" if near else "",
                helps=() if near else ("files are looked for in the folder of `code.path`",),
            )


@rule("MLO346", Severity.WARNING)
def script_not_included(pipeline: Pipeline) -> Iterator[Finding]:
    """A command runs a file that the stage's `code.include` leaves out.

    Example:
        code: {include: [features.py]}
        run: python train.py --data ${inputs.flights}

    Fix: add the file to `include`.
    """
    for stage in pipeline.stages.values():
        script = _script(stage) if stage.code_include else None
        if script is None or any(_covers(pattern, script) for pattern in stage.code_include):
            continue
        if is_file(pipeline.code.folder / script):
            yield Finding(
                message=f"stage `{stage.name}` runs `{script}`, which its `code.include` leaves out",
                span=stage.origin.value("run"),
                helps=(f"add `{script}` to `include`",),
            )


def _script(stage: Stage) -> str | None:
    """The file that a command of the form `python FILE …` runs."""
    if stage.run is None or stage.image is not None:
        return None
    match str(stage.run).split()[:2]:
        case ["python" | "python3", file] if _PLAIN_SCRIPT.fullmatch(file):
            return file
        case _:
            return None


def _matches(folder: Path, pattern: str) -> bool:
    """Whether the pattern is of any file below the folder, as `.gitignore` reads it: at any depth without a `/`."""
    if ".." in PurePosixPath(pattern).parts:
        return False
    anchored = pattern.strip("/")
    anywhere = anchored if "/" in pattern.strip().rstrip("/") else f"**/{anchored}"
    return matches(folder, anywhere)


def _covers(pattern: str, script: str) -> bool:
    """Whether a pattern may include the file. Folders and `**` are taken to."""
    path = PurePosixPath(script)
    return "**" in pattern or path.match(pattern.strip("/")) or path.is_relative_to(pattern.strip("/"))
