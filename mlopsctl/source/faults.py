"""How the faults of a text are worded: YAML itself, before anybody asks what it means."""

from mlopsctl.diagnostics import Finding, Related, Span, diagnostic

# The parser's own words, and what a person would rather read.
_SYNTAX = {
    "mapping values are not allowed in this context": (
        "a `:` stands where no key can end",
        'quote the text if the colon belongs to it: `"a: b"`',
    ),
    "did not find expected key": (
        "a key is expected here",
        "the line is indented differently from the keys around it, or a quote or bracket above it is left open",
    ),
    "did not find expected '-' indicator": (
        "a list item that begins with `-` is expected here",
        "give all items of a list the same indentation",
    ),
    "did not find expected ',' or ']'": ("the list is not closed", "close it with `]`, and separate items by commas"),
    "did not find expected ',' or '}'": ("the mapping is not closed", "close it with `}`, and separate keys by commas"),
    "found character that cannot start any token": (
        "a value can't begin with this character",
        "indent with spaces, never with tabs; quote a text that begins with @, ` or %",
    ),
    "found unexpected end of stream": ("the file ends inside a quoted text", "close the quote"),
    "could not find expected ':'": ("the key has no `:`", "write `key: value`, with a space behind the colon"),
    "block sequence entries are not allowed in this context": (
        "a list can't begin on the line of its key",
        "put the first `-` on a line of its own, or write `[a, b]`",
    ),
    "did not find expected <document start>": (
        "more follows after the document's end",
        "separate documents by a line `---`, or indent this line so that it belongs to what is above",
    ),
}


@diagnostic("MLO101")
def syntax(span: Span, problem: str, context: Span | None, doing: str) -> Finding:
    """The file is not YAML.

    Reading stops here, so what follows in the same file is checked once this is mended.

    Example:
        stages:
          model: {kind: train

    Fix: close brackets and quotes, indent with spaces, and quote texts that contain `: ` or ` #`.
    """
    message, advice = _SYNTAX.get(problem, (problem, ""))
    return Finding(
        message=f"this is not YAML: {message}",
        span=span,
        related=(Related(context, doing.removeprefix("while ")),) if context else (),
        helps=(advice,) if advice else (),
    )


@diagnostic("MLO102")
def not_utf8(span: Span, byte: int) -> Finding:
    """The file is not UTF-8 text.

    Example:
        a file saved as Latin-1, UTF-16, or a binary file under a name that ends in .yaml

    Fix: save the file as UTF-8.
    """
    return Finding(message=f"the byte 0x{byte:02x} is not UTF-8", span=span, helps=("save the file as UTF-8",))


@diagnostic("MLO103")
def duplicate_key(span: Span, key: str, first: Span) -> Finding:
    """A mapping has the same key twice.

    YAML readers keep the last one and drop the first without a word, so a stage could vanish.

    Example:
        params:
          trees: 100
          trees: 200

    Fix: remove one of them, or give one another name.
    """
    return Finding(
        message=f"the key `{key}` stands here a second time",
        span=span,
        label="again here",
        related=(Related(first, "first here"),),
        helps=("remove one of the two, or rename it",),
    )


@diagnostic("MLO104")
def key_not_a_string(span: Span, value: object) -> Finding:
    """A key of a mapping is not a string.

    Example:
        params: {1: 100}

    Fix: quote it: `"1"`.
    """
    if value is ...:
        return Finding(message="a list or a mapping can't be a key", span=span, helps=("use a text as the key",))
    kind = {bool: "a truth value", int: "a number", float: "a number"}.get(type(value), "nothing")
    return Finding(message=f"a key must be a text, this one is {kind}", span=span, helps=("put the key in quotes",))


@diagnostic("MLO105")
def alias_expansion(span: Span, limit: int) -> Finding:
    """The aliases of a file stand for too many values.

    A few lines of aliases of aliases can stand for more values than any machine holds.

    Example:
        a: &a [x, x, x, x]
        b: &b [*a, *a, *a, *a]
        c: &c [*b, *b, *b, *b]

    Fix: write the values out, or make them with fewer aliases.
    """
    return Finding(
        message=f"the aliases of this file stand for more than {limit:,} values",
        span=span,
        label="passed here",
        helps=("write the values out instead of repeating them by alias",),
    )


@diagnostic("MLO106")
def unknown_anchor(span: Span, name: str) -> Finding:
    """An alias names an anchor that isn't there.

    Example:
        params: *defaults

    Fix: put `&defaults` at the value that is meant, above the alias and in the same document.
    """
    return Finding(
        message=f"no anchor `&{name}` stands above this alias",
        span=span,
        helps=(f"mark the value that is meant with `&{name}`, or quote the text if it only begins with `*`",),
    )


@diagnostic("MLO107")
def too_deep(span: Span, limit: int) -> Finding:
    """The file is nested too deeply.

    Example:
        [[[[[[[[ … more than 64 of them

    Fix: nothing in the language needs more than a dozen levels; look for brackets that are never closed.
    """
    return Finding(message=f"this is nested more than {limit} levels deep", span=span)


@diagnostic("MLO108")
def unreadable_scalar(span: Span, why: str) -> Finding:
    """A value can't be read as what it looks like or is tagged as.

    Example:
        threshold: .nan

    Fix: write a finite number, or quote the value if it is a text. Tags such as `!!binary` are no part of it.
    """
    return Finding(message=why, span=span, helps=("quote the value if it is meant as a text",))


@diagnostic("MLO109")
def control_character(span: Span, character: str) -> Finding:
    r"""The file contains a character that YAML does not allow.

    Example:
        an escape sequence or a NUL byte that was pasted into the file

    Fix: remove it; inside double quotes it can be written as an escape such as `\x07`.
    """
    number = ord(character)
    escape = f"\\x{number:02x}" if number <= 0xFF else f"\\u{number:04x}"  # noqa: PLR2004 - the most that two digits hold
    return Finding(
        message=f"the character U+{number:04X} can't stand in a YAML file",
        span=span,
        helps=(f'remove it, or write it as an escape in double quotes: "{escape}"',),
    )
