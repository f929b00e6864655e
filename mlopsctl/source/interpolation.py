"""`${…}`, the only interpolation of the language: a dotted reference, no expressions."""

import re
from collections.abc import Callable, Iterator
from dataclasses import field

from mlopsctl.diagnostics import Diagnostic, Finding, Span, diagnostic
from mlopsctl.frozen import frozen
from mlopsctl.source.nodes import ScalarNode
from mlopsctl.source.places import inside_of

_TOKEN = re.compile(r"\$\$\{|\$\{(?P<name>[^{}\n]*)\}|\$\{")
_REFERENCE = re.compile(r"[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*)*", re.ASCII)


@frozen
class Reference:
    """`${params.trees}` as its parts and its place."""

    parts: tuple[str, ...]
    span: Span = field(compare=False, repr=False)

    def __str__(self) -> str:
        return f"${{{'.'.join(self.parts)}}}"


@frozen
class Text:
    """A text with references in it."""

    parts: tuple[str | Reference, ...]
    span: Span = field(compare=False, repr=False)

    def references(self) -> Iterator[Reference]:
        """The references, in the order written."""
        return (part for part in self.parts if isinstance(part, Reference))

    def resolved(self, value: Callable[[Reference], str]) -> str:
        """The text with each reference replaced by what `value` says for it."""
        return "".join(part if isinstance(part, str) else value(part) for part in self.parts)

    def __str__(self) -> str:
        return self.resolved(str)


def read_text(node: ScalarNode) -> tuple[Text, tuple[Diagnostic, ...]]:
    """The text of a scalar, and what is wrong with its references. A malformed one is kept as it is written."""
    value = node.value if isinstance(node.value, str) else node.raw
    places = _places(node, value)
    parts: list[str | Reference] = []
    wrong: list[Diagnostic] = []
    end = 0
    for match, span in zip(_TOKEN.finditer(value), places, strict=True):
        parts.append(value[end : match.start()])
        end = match.end()
        name = match.group("name")
        if match.group() == "$${":
            parts.append("${")
        elif name is not None and _REFERENCE.fullmatch(name):
            parts.append(Reference(tuple(name.split(".")), span))
        else:
            wrong.append(malformed(span, match.group()))
            parts.append(match.group())
    parts.append(value[end:])
    return Text(tuple(part for part in parts if part != ""), node.span), tuple(wrong)


def _places(node: ScalarNode, value: str) -> list[Span]:
    r"""Where each token stands in the file.

    Quoting and folding move texts about, but leave the tokens as they are: the n-th one of the value is the n-th one of
    what is written. Only an escape such as `\x24` breaks that; then the whole scalar is the place.
    """
    written = list(_TOKEN.finditer(node.raw))
    if [token.group() for token in written] != [token.group() for token in _TOKEN.finditer(value)]:
        return [node.span for _ in _TOKEN.finditer(value)]
    return [inside_of(node, token.start(), token.end()) for token in written]


@diagnostic("MLO110")
def malformed(span: Span, written: str) -> Finding:
    """A `${…}` is not a reference.

    A reference is a dotted name such as `${params.trees}`; there are no expressions, defaults or function calls.

    Example:
        run: python train.py --trees ${params.trees * 2}

    Fix: name a parameter, an input, an output, a secret, the run or the environment. A literal `${` is written `$${`.
    """
    return Finding(
        message=f"`{written}` is not a reference",
        span=span,
        helps=("a reference is a dotted name such as `${params.trees}`; for a literal `${` write `$${`",),
    )
