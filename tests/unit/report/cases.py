"""Diagnostics and sources that the tests of several output formats share."""

from mlopsctl.diagnostics import Diagnostic, Position, Related, Severity, Span

PIPELINE = """\
apiVersion: mlopsctl.dev/v1
kind: Pipeline
metadata: {name: flight-delays}
spec:
  stages:
    flights:
      kind: data
      source: data/日本語-👩‍🚀é/${params.monht}.csv
    quality:
      kind: evaluate
      inputs: {model: modle, holdout: holdout}
\t  run: echo \x1b[31mred\x1b[0m \u202eevil
    flights:
      kind: data
"""
LONG = "keys: {" + ", ".join(f"key{number}: value{number}" for number in range(60)) + "}"
SOURCES = {"pipeline.yaml": PIPELINE, "ünïcode dir/100%,long.yaml": LONG}


def span(line: int, column: int, end_line: int, end_column: int, *, file: str = "pipeline.yaml") -> Span:
    return Span(file, Position(line, column), Position(end_line, end_column))


def in_long(column: int, end_column: int) -> Span:
    return span(1, column, 1, end_column, file="ünïcode dir/100%,long.yaml")


UNKNOWN_STAGE = Diagnostic(
    code="MLO204",
    severity=Severity.ERROR,
    message="stage `quality` reads `modle`, which no stage produces",
    span=span(11, 23, 11, 28),
    label="a stage with a similar name: `model`",
)
DUPLICATE_KEY = Diagnostic(
    code="MLO103",
    severity=Severity.ERROR,
    message="the key `flights` is given twice",
    span=span(13, 5, 13, 12),
    label="again here",
    related=(Related(span(6, 5, 6, 12), "first here"), Related(in_long(1, 5), "a place in another file")),
    notes=("YAML itself would keep the last of them and drop the other without a word, which loses whole stages",),
    helps=("rename one of them", "mlopsctl explain MLO103"),
)
WIDE = Diagnostic(
    code="MLO205",
    severity=Severity.ERROR,
    message="`params.monht` is not a parameter",
    span=span(8, 34, 8, 49),
    label="a parameter with a similar name: `month`",
)
SEVERAL_LINES = Diagnostic(
    code="MLO301",
    severity=Severity.WARNING,
    message="stage `flights` has no contract",
    span=span(6, 5, 9, 1),
    label="this stage",
)
MANY_LINES = Diagnostic(
    code="MLO302",
    severity=Severity.WARNING,
    message="a pipeline without an owner",
    span=span(3, 1, 12, 3),
    label="from `metadata` to here",
)
ON_ONE_LINE = Diagnostic(
    code="MLO211",
    severity=Severity.ERROR,
    message="stage `quality` has two inputs for one thing",
    span=span(11, 30, 11, 37),
    label="and here",
    related=(Related(span(11, 16, 11, 21), "here"), Related(span(9, 5, 9, 12), "in this stage")),
)
CONTROL = Diagnostic(
    code="MLO101",
    severity=Severity.ERROR,
    message="a tab where only spaces may stand: `\t`, \x1b]0;owned\x07 and \x9b31m",
    span=span(12, 1, 12, 2),
    label="YAML refuses tabs here, which is said so broadly that it fits nowhere beside the place",
    notes=("\x1b[2Jcleared", "two\nlines"),
)
END_OF_FILE = Diagnostic(
    code="MLO102", severity=Severity.ERROR, message="the file ends too early", span=span(15, 1, 15, 1), label="here"
)
LONG_LINE = Diagnostic(
    code="MLO206",
    severity=Severity.WARNING,
    message="an unknown key `key30`",
    span=in_long(400, 410),
    label="in the middle of a long line",
    related=(Related(in_long(1, 5), "at its start"), Related(in_long(990, 2000), "beyond its end")),
)
MISSING_SOURCE = Diagnostic(
    code="MLO001",
    severity=Severity.ERROR,
    message="`gone.yaml` can't be read: no such file",
    span=span(1, 1, 1, 1, file="gone.yaml"),
    helps=("the pattern is in mlops.yaml, `spec.pipelines`",),
)
NO_PLACE = Diagnostic(
    code="MLO002", severity=Severity.WARNING, message="no file here is a pipeline", helps=("mlopsctl init",)
)

CASES = {
    "unknown_stage": UNKNOWN_STAGE,
    "duplicate_key": DUPLICATE_KEY,
    "wide": WIDE,
    "several_lines": SEVERAL_LINES,
    "many_lines": MANY_LINES,
    "on_one_line": ON_ONE_LINE,
    "control": CONTROL,
    "end_of_file": END_OF_FILE,
    "long_line": LONG_LINE,
    "missing_source": MISSING_SOURCE,
    "no_place": NO_PLACE,
}
