"""How a document of the wrong shape is worded: one function for each code."""

from collections.abc import Iterable, Sequence

from mlopsctl.diagnostics import Finding, Related, Span, diagnostic, similar
from mlopsctl.frozen import frozen

_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing",
}
_PYTHON_TYPES = ((bool, "true or false"), (int, "a number"), (float, "a number"), (str, "a text"), (list, "a list"))
_LONGEST_SHOWN = 40


@frozen
class Wanted:
    """What a value should have been: the JSON types, and the schema's phrase for it, if it has one."""

    types: Sequence[str]
    expected: str


@diagnostic("MLO120")
def unknown_key(span: Span, key: str, known: Sequence[str], where: str) -> Finding:
    """A key is not part of the language.

    Unknown keys are refused and never ignored, or a slip such as `retires` would switch retries off without a word.

    Example:
        model:
          kind: train
          retires: {limit: 2}

    Fix: use the key with the similar name, or one of those that are listed. Editors list them too: `mlopsctl schema`.
    """
    near = similar(key, known)
    advice = f"a key with a similar name: `{near}`" if near else f"the keys here are {_listed(known)}"
    place = f" in `{where}`" if where else ""
    return Finding(
        message=f"there is no key `{key}`{place}", span=span, label="not part of the language", helps=(advice,)
    )


@diagnostic("MLO121")
def wrong_type(span: Span, what: str, wanted: Wanted, value: object) -> Finding:
    """A value is of the wrong type.

    Example:
        python: 3.11      # a number; 3.10 would be 3.1

    Fix: write a value of the type that the message names; quote what is meant as a text.
    """
    helps = [f"expected: {wanted.expected}"] if wanted.expected else []
    if wanted.types == ["string"] and isinstance(value, int | float | bool):
        helps.append("put it in quotes")
    return Finding(
        message=f"`{what}` must be {_either(wanted.types)}, this is {_kind_of(value)}", span=span, helps=tuple(helps)
    )


@diagnostic("MLO122")
def missing_key(span: Span, wanted: str, where: str, description: str) -> Finding:
    """A key that must be there is not.

    Example:
        quality:
          kind: evaluate        # and no `run`

    Fix: add the key.
    """
    place = f"`{where}` has" if where else "the document has"
    return Finding(
        message=f"{place} no {wanted}",
        span=span,
        notes=(f"{wanted}: {description}",) if description else (),
        helps=(f"add {wanted}",),
    )


@diagnostic("MLO123")
def not_a_choice(span: Span, what: str, value: object, choices: Sequence[object]) -> Finding:
    """A value is not one of those that are allowed.

    Example:
        kind: training

    Fix: use one of the values that the message lists.
    """
    names = [str(choice) for choice in choices]
    near = similar(str(value), names)
    advice = f"a value with a similar name: `{near}`" if near else f"one of {_listed(names)}"
    return Finding(message=f"`{what}` can't be `{_shown(value)}`", span=span, helps=(advice,))


@diagnostic("MLO124")
def wrong_form(span: Span, what: str, value: str, expected: str) -> Finding:
    """A text is not of the form that it must have.

    Example:
        timeout: 2 hours

    Fix: write it in the form that the message names, such as `2h`.
    """
    wanted = f": expected {expected}" if expected else ""
    helps = ("the text ends in a line break, which `|-` and `>-` leave off",) if value.endswith("\n") else ()
    return Finding(message=f"`{what}` can't be `{_shown(value)}`{wanted}", span=span, helps=helps)


@diagnostic("MLO125")
def out_of_range(span: Span, what: str, value: object, bound: str) -> Finding:
    """A number is out of its range.

    Example:
        retries: {limit: -1}

    Fix: choose a number within the bound that the message names.
    """
    return Finding(message=f"`{what}` must be {bound}, this is {_shown(value)}", span=span)


@diagnostic("MLO126")
def wrong_size(span: Span, what: str, size: int, bound: str) -> Finding:
    """A text is too long, or a list or mapping has too many or too few members.

    Example:
        pipelines: []

    Fix: shorten it, or add what is missing.
    """
    return Finding(message=f"`{what}` must have {bound}, this has {size}", span=span)


@diagnostic("MLO127")
def key_form(span: Span, key: str, expected: str) -> Finding:
    """A name that you choose is not of the form that it must have.

    Names become parts of file names, environment variables and Kubernetes objects, which allow few characters.

    Example:
        stages:
          Train_Model: {kind: train}

    Fix: use a name of the form that the message names, such as `train-model`.
    """
    wanted = f": expected {expected}" if expected else ""
    return Finding(message=f"`{_shown(key)}` can't be a name here{wanted}", span=span)


@diagnostic("MLO128")
def repeated_item(span: Span, item: object, first: Span) -> Finding:
    """A list has the same item twice.

    Example:
        requires: [quality, quality]

    Fix: remove one of the two.
    """
    return Finding(
        message=f"`{_shown(item)}` stands in this list a second time",
        span=span,
        related=(Related(first, "first here"),),
        helps=("remove one of the two",),
    )


@diagnostic("MLO129")
def nothing(span: Span, what: str, types: Sequence[str]) -> Finding:
    """A key has no value.

    Example:
        params:
        stages: {}

    Fix: write a value, indented below the key or behind it, or remove the key.
    """
    return Finding(
        message=f"`{what}` has no value, it must be {_either(types)}",
        span=span,
        helps=("write a value, or remove the key",),
    )


@diagnostic("MLO130")
def not_as_described(span: Span, what: str, expected: str) -> Finding:
    """Keys that stand together don't go together.

    Example:
        rollout:
          canary: {steps: [5%]}
          shadow: {of: 100%}

    Fix: keep those that the message names.
    """
    return Finding(message=f"`{what}` is not as it must be: {expected}", span=span)


def _either(types: Sequence[str]) -> str:
    return " or ".join(_TYPES.get(name, name) for name in types)


def _kind_of(value: object) -> str:
    return next((name for kind, name in _PYTHON_TYPES if isinstance(value, kind)), "a mapping")


def _shown(value: object) -> str:
    text = " ".join((str(value).lower() if isinstance(value, bool) else str(value)).split())
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
