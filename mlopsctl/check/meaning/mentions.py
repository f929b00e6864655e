"""Whether a stage's command makes use of what it is given: as `${…}`, or as the variable that carries the same."""

from mlopsctl.check.files import is_file, text_of
from mlopsctl.ir.command import variable_name
from mlopsctl.ir.model import Pipeline, Stage


def mentions(stage: Stage, root: str, name: str) -> bool:
    """Whether a text of the stage refers to `${root.name}`, or to its variable."""
    variable = variable_name(root, name)
    return any(
        variable in part if isinstance(part, str) else part.parts[:2] == (root, name)
        for text in stage.texts()
        for part in text.parts
    )


def may_read_variables(pipeline: Pipeline, stage: Stage) -> bool:
    """Whether the stage's program may learn its paths and parameters from variables.

    It does if a script that the command names speaks of them. It may if it can't be seen from here what is run.
    """
    if stage.run is None or stage.image is not None:
        return True
    words = str(stage.run).split()
    scripts = [file for word in words if is_file(file := pipeline.code.folder / word)]
    return "-m" in words or any("MLOPS_" in text_of(script) for script in scripts)
