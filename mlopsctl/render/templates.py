"""Templates in which no value can break out of its place.

Jinja2 with `[[ ]]` and `[% %]`, because `{{ }}` belongs to Argo. In YAML and JSON each value lands as JSON, which is
YAML as well, so that no text can become a key, a comment or another type. Anywhere else only plain words may land.
"""

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent.parent / "templates"

# What YAML 1.2.2 (section 5.1) can't hold as it is, and the line breaks of its older version.
_NOT_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_PLAIN_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def render(template: str, values: Mapping[str, object]) -> str:
    """The text of a template, which is named by its path in `templates/`.

    Raises jinja2.UndefinedError where the template uses a value that isn't given, ValueError where one can't stand.
    """
    environment = _encoding() if template.endswith((".yaml", ".json")) else _plain()
    return environment.get_template(template).render(values)


@cache
def _encoding() -> "Environment":
    return jinja((TEMPLATES,)).overlay(finalize=_encoded)


@cache
def _plain() -> "Environment":
    return jinja((TEMPLATES,)).overlay(finalize=_word)


def jinja(folders: Sequence[Path]) -> "Environment":
    """Jinja2 in a sandbox, with our brackets; a template is taken from the first folder that has it."""
    from jinja2 import FileSystemLoader, StrictUndefined  # here: only what renders waits for it

    from mlopsctl.render.sandbox import Sandbox

    return Sandbox(
        loader=FileSystemLoader(folders),
        undefined=StrictUndefined,
        variable_start_string="[[",
        variable_end_string="]]",
        block_start_string="[%",
        block_end_string="%]",
        comment_start_string="[#",
        comment_end_string="#]",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )


def _encoded(value: object) -> str:
    """The value as JSON on one line, in characters that YAML allows."""
    _refuse_undefined(value)
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return _NOT_IN_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _word(value: object) -> str:
    """The value as it is. Raises ValueError if it is more than a word, which could mean something where it lands."""
    _refuse_undefined(value)
    word = str(value)
    if not _PLAIN_WORD.fullmatch(word):
        raise ValueError(f"{word!r} is not plain enough to stand outside of YAML and JSON")
    return word


def _refuse_undefined(value: object) -> None:
    from jinja2 import Undefined

    if isinstance(value, Undefined):
        str(value)  # raises what names it
