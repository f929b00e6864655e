"""A stage's command as a shell script whose references are shell variables.

Values reach the script through its environment and never through its text, so that no value can become code: not
even one with quotes, spaces or `$(…)` in it.
"""

import re
from collections.abc import Iterator, Mapping

from mlopsctl.source.interpolation import Reference, Text

SHELL = ("/bin/sh", "-ec")
# What opens or closes something, and what a backslash takes its meaning from.
_TOKEN = re.compile(r"""\\.|\$\(\(|\$?\(|[)"'`]""", re.DOTALL)


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
    return "".join(_parts(text))


def with_variables(text: Text) -> str:
    """A text that no shell reads, such as a variable's value, with `${MLOPS_…}` for each reference."""
    return text.resolved(lambda reference: f"${{{variable(reference)}}}")


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """The text of `with_variables` with its variables replaced; what is not there becomes nothing."""
    return re.sub(r"\$\{(MLOPS_[A-Z0-9_]+)\}", lambda match: variables.get(match[1], ""), text)


def _parts(text: Text) -> Iterator[str]:
    context = ""
    for part in text.parts:
        if isinstance(part, str):
            context = _context_behind(part, context)
            yield part
            continue
        expansion = f"${{{variable(part)}}}"
        match context[-1:]:
            case '"' | "+":
                yield expansion
            case "'":
                yield f"'\"{expansion}\"'"
            case _:
                yield f'"{expansion}"'


def _context_behind(literal: str, context: str) -> str:
    """What is open behind `literal`, the innermost last, if `context` was open before it.

    Quotes and backticks stand for themselves, `(` for a subshell or command substitution, in which quoting begins
    anew, and `+` for an arithmetic expansion, which is quoted already.

    Source: POSIX.1-2017, Shell Command Language, sections 2.2 Quoting and 2.6 Word Expansions. Should a construct be
    missed, such as a comment with an apostrophe, the variable is still expanded by the shell or left as it is; it is
    never read as code.
    """
    for mark in _TOKEN.findall(literal):
        context = _context_in(context, mark)
    return context


def _context_in(context: str, mark: str) -> str:
    inner = context[-1:]
    if inner == "'":
        return context[:-1] if mark.endswith("'") else context  # a backslash means nothing here
    if mark.startswith("\\"):
        return context
    if mark == inner or (mark == ")" and inner in ("(", "+")):
        return context[:-1]
    if mark == ")" or (inner == '"' and mark in ("'", "(")):
        return context
    opened = {"$((": "++", "$(": "(", "(": "+" if inner == "+" else "("}
    return context + opened.get(mark, mark)
