"""What mlopsctl can say about its input: where, how bad, what, and what to do next.

A fault of the user's is a value here, not an exception: checks collect them and report prints all of them at once.
Each code has one origin, a function marked with `diagnostic` or `rule`; its docstring is what `mlopsctl explain` shows.
"""

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from functools import wraps
from types import ModuleType
from typing import ParamSpec, TypeVar

from mlopsctl.frozen import frozen


class Severity(StrEnum):
    """How bad it is. Only an error makes a command fail."""

    ERROR = "error"
    WARNING = "warning"


@frozen(order=True)
class Position:
    """A place in a text; line and column count from 1, columns in Unicode code points."""

    line: int
    column: int


@frozen(order=True)
class Span:
    """A stretch of one file, from `start` up to but not including `end`.

    `file` is as the user would type it: relative to the project's root, with forward slashes.
    """

    file: str
    start: Position
    end: Position


@frozen
class Related:
    """Another place that explains the fault, such as where the other definition is."""

    span: Span
    label: str


@frozen(kw_only=True)
class Finding:
    """A diagnostic before its code and severity are stamped on it.

    `message` is one line that stands alone and has no full stop; `label` is shorter and explains the underlined span.
    `notes` are facts, `helps` say what to do. `span` is None only where no file is at fault.
    """

    message: str
    span: Span | None = None
    label: str = ""
    related: tuple[Related, ...] = ()
    notes: tuple[str, ...] = ()
    helps: tuple[str, ...] = ()


@frozen(kw_only=True)
class Diagnostic(Finding):
    """A finding with its stable code, `MLO` and three digits, that is never given to another fault."""

    code: str
    severity: Severity


class DiagnosedError(Exception):
    """A known way to fail, on its way up to the command line that prints what it carries."""

    def __init__(self, *diagnostics: Diagnostic) -> None:
        super().__init__("; ".join(f"{found.code}: {found.message}" for found in diagnostics))
        self.diagnostics = diagnostics


@frozen
class Explanation:
    """What `explain` knows of a code: its summary line and its whole text."""

    code: str
    severity: Severity
    name: str
    text: str


# Names in messages are the user's, and may have line breaks in them.
_ONE_LINE = str.maketrans(dict.fromkeys("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029", "\\n"))

P = ParamSpec("P")
F = TypeVar("F", bound=Callable[..., object])


def diagnostic(
    code: str, severity: Severity = Severity.ERROR
) -> Callable[[Callable[P, Finding]], Callable[P, Diagnostic]]:
    """Mark the one function that words the fault `code`; what it returns is stamped with code and severity."""

    def mark(build: Callable[P, Finding]) -> Callable[P, Diagnostic]:
        @wraps(build)
        def stamped(*args: P.args, **kwargs: P.kwargs) -> Diagnostic:
            return _stamp(build(*args, **kwargs), code, severity)

        return _marked(stamped, code, severity)

    return mark


def rule(
    code: str, severity: Severity = Severity.ERROR
) -> Callable[[Callable[P, Iterable[Finding]]], Callable[P, Iterator[Diagnostic]]]:
    """Mark a rule, a function that yields a finding for each place that breaks it."""

    def mark(find: Callable[P, Iterable[Finding]]) -> Callable[P, Iterator[Diagnostic]]:
        @wraps(find)
        def stamped(*args: P.args, **kwargs: P.kwargs) -> Iterator[Diagnostic]:
            return (_stamp(found, code, severity) for found in find(*args, **kwargs))

        return _marked(stamped, code, severity)

    return mark


def explanations(modules: Iterable[ModuleType]) -> dict[str, Explanation]:
    """Every code that the functions of `modules` can give, in order of the codes.

    Raises ValueError if two functions claim one code: that is a bug in mlopsctl.
    """
    found: dict[str, Explanation] = {}
    for module in modules:
        for function in vars(module).values():
            code = getattr(function, "code", None)
            if not isinstance(code, str) or function.__module__ != module.__name__:
                continue
            if code in found:
                raise ValueError(f"{code} has two origins: {found[code].name} and {function.__name__}")
            found[code] = Explanation(code, function.severity, function.__name__, _dedented(function.__doc__ or ""))
    return dict(sorted(found.items()))


def similar(name: str, candidates: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The candidate that `name` is most likely a slip of, or None. `cutoff` is how similar it must be, up to 1."""
    from difflib import get_close_matches  # here, as most runs have no slip to look for

    return next(iter(get_close_matches(name, list(candidates), n=1, cutoff=cutoff)), None)


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """Whether any of them makes a command fail."""
    return any(found.severity is Severity.ERROR for found in diagnostics)


def in_reading_order(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Sorted as a reader goes through the files; those without a place come last. Repeats are dropped."""

    def place(found: Diagnostic) -> tuple[bool, str, Position, str]:
        at = found.span
        return (at is None, at.file if at else "", at.start if at else Position(0, 0), found.code)

    return sorted(dict.fromkeys(diagnostics), key=place)


def _stamp(found: Finding, code: str, severity: Severity) -> Diagnostic:
    return Diagnostic(
        code=code,
        severity=severity,
        message=found.message.translate(_ONE_LINE),
        span=found.span,
        label=found.label,
        related=found.related,
        notes=found.notes,
        helps=found.helps,
    )


def _marked(function: F, code: str, severity: Severity) -> F:
    vars(function).update(code=code, severity=severity)
    return function


def _dedented(doc: str) -> str:
    first, _, rest = doc.partition("\n")
    lines = rest.splitlines()
    margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "\n".join([first.strip(), *(line[margin:] for line in lines)]).strip()
