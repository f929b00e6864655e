"""What a new project consists of, and what to do with it first."""

import shlex
from collections.abc import Iterable

from mlopsctl.report.display import shown


def render_text(files: Iterable[str], folder: str) -> str:
    """The files that were written, and the next commands; `folder` is as the user named it."""
    is_here = folder in ("", ".")
    written = sorted(files, key=lambda path: (path.count("/"), path))
    heading = f"Wrote {len(written)} files" + ("" if is_here else f" to {shown(folder)}")
    enter = [] if is_here else [f"cd {shlex.quote(folder)}"]
    return _block(heading, written) + "\n" + _block("Next", [*enter, "mlopsctl validate", "mlopsctl run"])


def _block(heading: str, lines: Iterable[str]) -> str:
    return "".join([f"{heading}\n", *(f"  {shown(line)}\n" for line in lines)])
