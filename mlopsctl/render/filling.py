"""Templates of objects, filled with values that can't break out of their places.

Jinja2 never writes a value into the text: it writes a placeholder, and the value takes its place when the text is read.
So the text depends on which parts of a template are there and not on any value, and is read once for all objects that
have the same parts. Values are of any type of JSON and keep the places where they were written.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlopsctl.diagnostics import DiagnosedError, Finding, Position, Span, diagnostic
from mlopsctl.render.skeleton import Filled, NotWholeError, Skeleton, fill, line_of, placeholder, skeleton_of
from mlopsctl.render.templates import TEMPLATES, jinja
from mlopsctl.source.document import parse

if TYPE_CHECKING:
    from jinja2 import Environment
    from jinja2.runtime import Context

_VALUES = "values of this object"  # no name that a template could use
_MARK = "\ue002"  # ends a line of a template whose lines are counted


class Templates:
    """The templates of objects by name, such as `argo/stage.yaml`; a file in `folder` takes the place of ours.

    `root` is what the folder's files are shown relative to. `texts` are the templates that faults were found in.
    """

    def __init__(self, folder: Path | None = None, root: Path | None = None) -> None:
        self._folders: Sequence[Path] = (TEMPLATES,) if folder is None else (folder, TEMPLATES)
        self._root = root
        self._environment: Environment | None = None
        self._skeletons: dict[str, Skeleton] = {}
        self.texts: dict[str, str] = {}

    def fill(self, name: str, values: Mapping[str, object], *, origin: Span | None = None) -> Filled:
        """The one document of a template, with these values. `origin` is where what it is of is written.

        Raises DiagnosedError, at the template's line, if it can't be filled.
        """
        found: list[object] = []
        text = self._text(name, values, found)
        try:
            if text not in self._skeletons:
                self._skeletons[text] = self._read(name, text, values)
            filled = fill(self._skeletons[text], found)
        except NotWholeError as error:
            raise DiagnosedError(self._beside(name, values, error)) from error
        return Filled(filled.document, {(): origin, **filled.places}) if origin else filled

    def shown(self, name: str) -> str:
        """How the file of a template is named to people."""
        file = next((path for folder in self._folders if (path := folder / name).is_file()), TEMPLATES / name)
        return self._shown(file)

    def _jinja(self) -> "Environment":
        if self._environment is None:
            # The files are looked at once: what changes while a project is rendered isn't half in it.
            self._environment = jinja(self._folders).overlay(finalize=_finalizer(), auto_reload=False)
        return self._environment

    def _text(self, name: str, values: Mapping[str, object], found: list[object]) -> str:
        from jinja2 import TemplateError

        try:
            return self._jinja().get_template(name).render({**values, _VALUES: found})
        except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError, RecursionError) as error:
            raise DiagnosedError(self._fault(name, error)) from error

    def _read(self, name: str, text: str, values: Mapping[str, object]) -> Skeleton:
        parsed = parse(text, name)
        if parsed.diagnostics or len(parsed.documents) != 1:
            first = next(iter(parsed.diagnostics), None)
            count = f"it makes {len(parsed.documents)} documents, expected one"
            said = first.message.removeprefix("this is not YAML: ") if first else count
            line = self._template_line(name, values, line_of(first.span if first else None))
            raise DiagnosedError(template_not_yaml(self._span(self._file(name), line), said))
        return skeleton_of(parsed.documents[0].root)

    def _beside(self, name: str, values: Mapping[str, object], error: NotWholeError) -> Any:
        line = self._template_line(name, values, line_of(error.span))
        return value_not_whole(self._span(self._file(name), line), str(error))

    def _fault(self, name: str, error: Exception) -> Any:
        """What went wrong as a diagnostic, at the innermost line of a template that took part."""
        from jinja2 import TemplateNotFound, TemplateSyntaxError

        file, line = self._file(name), 1
        if isinstance(error, TemplateSyntaxError):
            file, line = Path(error.filename or file), error.lineno
        trace = error.__traceback__
        while trace is not None and not isinstance(error, TemplateSyntaxError):
            path = Path(trace.tb_frame.f_code.co_filename)
            if any(path.is_relative_to(folder) for folder in self._folders):
                file, line = path, trace.tb_lineno
            trace = trace.tb_next
        said = f"there is no template `{error.name}`" if isinstance(error, TemplateNotFound) else str(error)
        return template_broken(self._span(file, line), said.rstrip("."))

    def _template_line(self, name: str, values: Mapping[str, object], line: int) -> int:
        """The line of the template that wrote a line of its text; the nearest above that is known."""
        source = self._file(name).read_text(encoding="utf-8")
        try:
            counted = self._jinja().from_string(_with_marks(source)).render({**values, _VALUES: []})
        except Exception:  # noqa: BLE001 - a template that looks at its own file's name, say; its first line will do
            return 1
        marks = [each.rpartition(_MARK)[2] for each in counted.split("\n")[:line] if _MARK in each]
        return int(marks[-1]) if marks else 1

    def _file(self, name: str) -> Path:
        return next((path for folder in self._folders if (path := folder / name).is_file()), TEMPLATES / name)

    def _shown(self, file: Path) -> str:
        if file.is_relative_to(TEMPLATES):
            return f"mlopsctl/templates/{file.relative_to(TEMPLATES).as_posix()}"
        is_below = self._root is not None and file.is_relative_to(self._root)
        return file.relative_to(self._root).as_posix() if self._root and is_below else file.as_posix()

    def _span(self, file: Path, line: int) -> Span:
        shown = self._shown(file)
        try:
            self.texts[shown] = file.read_text(encoding="utf-8")
        except (OSError, ValueError):
            return Span(shown, Position(1, 1), Position(1, 1))
        lines = self.texts[shown].split("\n")
        written = lines[line - 1] if line <= len(lines) else ""
        begin = len(written) - len(written.lstrip()) + 1
        return Span(shown, Position(line, begin), Position(line, max(begin, len(written.rstrip()) + 1)))


def _finalizer() -> Any:
    from jinja2 import StrictUndefined, pass_context

    @pass_context
    def finalize(context: "Context", value: object) -> str:
        """Keep the value and write a placeholder; taking the context keeps Jinja2 from folding constants."""
        if isinstance(value, StrictUndefined):
            str(value)  # raises what names it
        found = context.parent[_VALUES]
        found.append(value)
        return placeholder(len(found) - 1)

    return finalize


def _with_marks(source: str) -> str:
    """The template with the number of each line at its end, but for lines with blocks or in the middle of brackets."""
    lines, opened = [], 0
    for number, line in enumerate(source.split("\n"), start=1):
        is_inside = opened > 0
        opened += line.count("[[") + line.count("[%") + line.count("[#")
        opened -= line.count("]]") + line.count("%]") + line.count("#]")
        has_block = "[%" in line or "%]" in line or "[#" in line or "#]" in line
        lines.append(line if is_inside or opened > 0 or has_block or not line.strip() else f"{line}{_MARK}{number}")
        opened = max(opened, 0)
    return "\n".join(lines)


_SEE = "docs/templates.md says which values a template is given"


@diagnostic("MLO731")
def template_broken(span: Span, why: str) -> Finding:
    """A template of yours can't be filled: a slip in its blocks, or a value that it isn't given.

    Example:
        name: [[ pipelin ]]        # in templates/argo/workflow-template.yaml

    Fix: correct the line. Without your file, the template that comes with mlopsctl is used.
    """
    return Finding(message=f"this template can't be filled: {why}", span=span, helps=(_SEE,))


@diagnostic("MLO732")
def template_not_yaml(span: Span, why: str) -> Finding:
    """What a template of yours makes is no YAML document.

    Example:
        spec:
          entrypoint: [[ entrypoint ]]
         arguments: {}             # not as far to the right as its neighbours

    Fix: correct the line. A template makes one document, and a value stands alone where a scalar of YAML may stand.
    """
    return Finding(message=f"this template makes no YAML: {why}", span=span, helps=(_SEE,))


@diagnostic("MLO733")
def value_not_whole(span: Span, why: str) -> Finding:
    """A value in a template stands beside other text, or where one of its kind can't stand.

    Values are never written into the text of a template, so that none can break out of its place; each is a whole
    scalar, mapping or list.

    Example:
        name: [[ name ]]-predictor

    Fix: build the text inside of the brackets: `[[ name ~ "-predictor" ]]`.
    """
    return Finding(
        message=f"in this template {why}",
        span=span,
        helps=('build the text inside of the brackets, such as `[[ name ~ "-predictor" ]]`',),
    )
