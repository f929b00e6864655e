"""A stage's command as a shell script whose references are shell variables.

Values reach the script through its environment and never through its text, so that no value can become code: not
even one with quotes, spaces or `$(…)` in it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from mlopsctl.source.interpolation import Reference, Text

SHELL = ("/bin/sh", "-ec")
_HOLE = "\0"  # where a reference stands; no script and no value can contain it
# What opens or closes something, and what a backslash takes its meaning from.
_MARK = re.compile(
    r"""\\. | \$\(\( | \$?\( | [)"'`\n\0] | (?<![^\s;&|()`])\# | (?<!<)<<-?[ \t]*['"\\]?(?P<until>[\w.-]+)""",
    re.DOTALL | re.VERBOSE,
)


def variable(reference: Reference) -> str:
    """The environment variable that carries a reference's value: MLOPS_PARAM_TREES for `${params.trees}`."""
    root, *rest = reference.parts
    return variable_name(root, *rest)


def variable_name(root: str, *rest: str) -> str:
    """The environment variable for a dotted name, in capitals, with `_` for what a variable can't have."""
    singular = {"params": "param", "inputs": "input", "outputs": "output", "secrets": "secret"}.get(root, root)
    return "_".join(("MLOPS", singular, *rest)).upper().replace("-", "_")


def script(text: Text) -> str:
    """The command with each reference replaced by its variable, quoted as the place where it stands needs."""
    written = "".join(part if isinstance(part, str) else _HOLE for part in text.parts)
    variables = (f"${{{variable(reference)}}}" for reference in text.references())
    return "".join(_parts(written, variables))


def with_variables(text: Text) -> str:
    """A text that no shell reads, such as a variable's value, with `${MLOPS_…}` for each reference."""
    return text.resolved(lambda reference: f"${{{variable(reference)}}}")


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """The text of `with_variables` with its variables replaced; what is not there becomes nothing."""
    return re.sub(r"\$\{(MLOPS_[A-Z0-9_]+)\}", lambda match: variables.get(match[1], ""), text)


def _parts(written: str, variables: Iterator[str]) -> Iterator[str]:
    place, end = _Place(), 0
    for mark in _MARK.finditer(written):
        yield written[end : mark.start()]
        end = mark.end()
        if not mark.group().endswith(_HOLE):
            yield mark.group()
            place.pass_by(mark, next_line=written[end:].partition("\n")[0])
        else:
            yield from place.filled(mark.group(), next(variables))
    yield written[end:]


@dataclass(slots=True)
class _Place:
    """Where in a script one is: what is open, the innermost last.

    Quotes and backticks stand for themselves, `(` for a subshell or command substitution, in which quoting begins
    anew, `+` for an arithmetic expansion, `#` for a comment and `<` for a here-document, of which `until` are the ends.

    Source: POSIX.1-2017, Shell Command Language, sections 2.2 Quoting, 2.3 Token Recognition, 2.6 Word Expansions and
    2.7.4 Here-Document. Should a construct be missed, the variable is still expanded by the shell or left as it is; it
    is never read as code.
    """

    opened: str = ""
    until: list[str] = field(default_factory=list)

    def filled(self, mark: str, expansion: str) -> Iterator[str]:
        """What stands for a reference here. A backslash in front of it stays one, and escapes nothing of ours."""
        inner = self.opened[-1:]
        if mark.startswith("\\"):
            yield "\\" if inner == "'" else "\\\\"
        match inner:
            case '"' | "#" | "<":
                yield expansion
            case "'":
                yield f"'\"{expansion}\"'"
            case "+":  # some shells evaluate what a variable holds; what is no number makes the expression fail instead
                yield f"$(printf %d \"{expansion}\" || echo '!')"
            case _:
                yield f'"{expansion}"'

    def pass_by(self, mark: re.Match[str], *, next_line: str) -> None:
        """Go on behind a mark."""
        inner, found = self.opened[-1:], mark.group()
        if found == "\n" or (found == "\\\n" and inner in ("#", "<")):
            self._break_line(next_line)
        elif inner in ("#", "<") or (inner == "'" and not found.endswith("'")):
            pass  # nothing has a meaning here
        elif found.startswith("<<"):
            self.until += [mark["until"]] if inner not in ('"', "+") else []
        elif inner == "'" or (not found.startswith("\\") and _closes(found, inner)):
            self.opened = self.opened[:-1]
        elif _opens(found, inner):
            self.opened += {"$((": "++", "$(": "(", "(": "+" if inner == "+" else "("}.get(found, found)

    def _break_line(self, next_line: str) -> None:
        if self.opened[-1:] in ('"', "'"):
            return
        self.opened = self.opened.rstrip("#<")
        if self.until and next_line.lstrip("\t") == self.until[0]:
            del self.until[0]
        elif self.until:
            self.opened += "<"


def _closes(mark: str, inner: str) -> bool:
    return mark == inner or (mark == ")" and inner in ("(", "+"))


def _opens(mark: str, inner: str) -> bool:
    if mark.startswith("\\") or mark == ")":
        return False
    return not (inner == '"' and mark in ("'", "(", "#")) and not (inner == "+" and mark == "#")
