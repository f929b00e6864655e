"""What the stream that is printed to can show: colour, how wide it is, whether lines can be drawn anew."""

import os
from collections.abc import Mapping
from typing import Self, TextIO

from mlopsctl.frozen import frozen

USUAL_WIDTH = 80


@frozen(kw_only=True)
class Terminal:
    """`width` is in columns; `interactive` is true where a person may be looking at a screen."""

    colour: bool
    width: int
    interactive: bool

    @classmethod
    def of(cls, stream: TextIO, environ: Mapping[str, str]) -> Self:
        """What `stream` can show.

        NO_COLOR, if it is not empty, takes colour away; FORCE_COLOR gives it to a stream that is no terminal.
        TERM=dumb means neither colour nor lines drawn anew.
        """
        is_terminal = stream.isatty() and environ.get("TERM") != "dumb"
        colour = not environ.get("NO_COLOR") and (is_terminal or environ.get("FORCE_COLOR", "0") not in ("", "0"))
        return cls(colour=colour, width=_width(stream, environ), interactive=is_terminal)


def _width(stream: TextIO, environ: Mapping[str, str]) -> int:
    given = environ.get("COLUMNS", "")
    if given.isdecimal() and int(given) > 0:
        return int(given)
    try:
        return os.get_terminal_size(stream.fileno()).columns or USUAL_WIDTH
    except (OSError, ValueError):  # not a terminal, or not a file at all
        return USUAL_WIDTH
