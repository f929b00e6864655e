"""Whatever is written, reading and checking end in diagnostics at real places or in success, never in an exception."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from mlopsctl import compiler
from mlopsctl.diagnostics import Diagnostic, Position, Span
from mlopsctl.report.text import render_diagnostics
from mlopsctl.source import project

HERE: Final = Path(__file__).parent
EXAMPLE: Final = HERE.parents[1] / "examples" / "flight-delays"
SEEDS: Final = [HERE / "language" / "full-pipeline.yaml", EXAMPLE / "pipeline.yaml"]
ENVIRONMENT: Final = HERE / "language" / "environment.yaml"
PROJECT: Final = b"""\
apiVersion: mlopsctl.dev/v1
kind: Project
metadata: {name: flights}
spec: {pipelines: [pipeline.yaml], environments: [environment.yaml]}
"""
LINE_BREAK: Final = re.compile("\r\n|[\n\r\x85\u2028\u2029]")

# The same examples in each run, so that a failure is the change's own; `make explore` looks at new ones, and at more.
EXPLORES: Final = os.environ.get("MLOPSCTL_EXPLORE") == "1"


def examples(count: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return settings(
        max_examples=count if EXPLORES else count // 4,
        deadline=None,
        derandomize=not EXPLORES,
        database=None,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


def spans(found: Diagnostic) -> Iterator[Span]:
    if found.span is not None:
        yield found.span
    yield from (related.span for related in found.related)


def is_inside(place: Position, lines: list[str]) -> bool:
    """Whether there is such a place; a line's break is its last character, and what ends behind that is inside."""
    return 1 <= place.line <= len(lines) and 1 <= place.column <= len(lines[place.line - 1]) + 2


def holds(folder: Path, files: Mapping[str, bytes]) -> tuple[Diagnostic, ...]:
    """What is wrong with the project of these files, after making sure that all of it can be shown."""
    for name, content in files.items():
        (folder / name).write_bytes(content)
    sources = project.load(folder / "mlops.yaml")
    found = compiler.check_everywhere(sources)
    lines = {name: LINE_BREAK.split(text) for name, text in sources.texts.items()}
    for one in found:
        assert "\n" not in one.message
        for span in spans(one):
            assert is_inside(span.start, lines[span.file]), one
            assert is_inside(span.end, lines[span.file]), one
            assert span.start <= span.end, one
    assert bool(render_diagnostics(found, sources.texts, colour=False, width=100)) == bool(found)
    return found


TEXTS: Final = [seed.read_bytes() for seed in SEEDS]
TOKENS: Final = st.sampled_from(
    [
        *(
            b": ",
            b"- ",
            b"{",
            b"}",
            b"[",
            b"]",
            b'"',
            b"'",
            b"\n",
            b"\t",
            b"  ",
            b"#",
            b"&a ",
            b"*a",
            b"!!int ",
            b"|\n",
        ),
        *(b"${", b"}", b"$${", b"${params.", b"[*]", b"..", b"/", b"\x00", b"\xff", b"\xc3", b"\xef\xbb\xbf", b"---\n"),
        *(b"~", b"null", b"1e999", b".nan", b"0o17", b"99999999999999999999", b"true", b"0%", b"\\x00", b'"\\0"'),
    ]
)
PIECES: Final = st.one_of(
    TOKENS, st.binary(max_size=4), st.text(max_size=4).map(lambda text: text.encode("utf-8", "surrogatepass"))
)


@st.composite
def damaged_bytes(draw: st.DrawFn) -> bytes:
    """A file with a few bytes changed, put in, cut out or copied, or cut off."""
    content = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.integers(0, 30)))
        match draw(st.sampled_from(["replace", "insert", "delete", "copy", "truncate"])):
            case "replace" | "insert" as how:
                content = content[:start] + draw(PIECES) + content[end if how == "replace" else start :]
            case "delete":
                content = content[:start] + content[end:]
            case "copy":
                content = content[:end] + content[start:]
            case _:
                content = content[:start] if start > len(content) // 2 else content[start:]
    return content


A_SET_TO_COME: Final = b"""
apiVersion: mlopsctl.dev/v1
kind: Pipeline
metadata: {name: p}
spec: {stages: {d: {kind: data, source: d.csv, contract: {columns: {c: {type: string, pattern: "[a--b]"}}}}}}
"""  # of which Python's `re` warns, as a later version may read it as a set


@examples(2000)
@given(pipeline=damaged_bytes())
@example(pipeline=A_SET_TO_COME)
def test_damaged_files_are_diagnosed(tmp_path: Path, pipeline: bytes) -> None:
    holds(tmp_path, {"mlops.yaml": PROJECT, "environment.yaml": ENVIRONMENT.read_bytes(), "pipeline.yaml": pipeline})


DOCUMENTS: Final[list[Any]] = [yaml.load(text, Loader=yaml.BaseLoader) for text in TEXTS]
FULL: Final[list[Any]] = [yaml.safe_load(text) for text in TEXTS]
ODD_TEXTS: Final = st.sampled_from(
    [
        *(
            "",
            " ",
            "\n",
            "a\nb",
            "x" * 300,
            "é",
            "日本",
            "\u2028",
            "\x07",
            "\x00",
            "a/b",
            "../x",
            "/abs",
            ".",
            "..",
            "~",
        ),
        *(
            "${params.month}",
            "${",
            "$${x}",
            "${a.b.c}",
            "${port}",
            "${HOME}",
            "stage[*]",
            "flights",
            "model.model",
            "*",
        ),
        *(
            "1",
            "0s",
            "90s",
            "7d ",
            "9e99h",
            "0%",
            "100%",
            "25% ",
            "4Gi",
            "0",
            "* * * * *",
            "0 3 30 2 *",
            "*/45 * * * *",
        ),
        *(
            "UTC",
            "CET",
            "Europe/Paris",
            "Nowhere/Else",
            "sha256:" + "0" * 64,
            "s3://",
            "https://x/y",
            "(",
            "[a",
            "\\d+",
        ),
        *("**", "[!", "lib/**", "/", "python", "python x.py", "3.99", "3.11", "2013-02-30", "2013-02-01T25:00:00Z"),
    ]
)
SCALARS: Final = st.one_of(
    ODD_TEXTS,
    st.none(),
    st.booleans(),
    st.integers(-2, 3),
    st.sampled_from([10**30, -(10**30), 0.5, -1.5, 1e300, 1e-300]),
    st.text(max_size=6),
)
VALUES: Final = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(ODD_TEXTS, inner, max_size=3)),
    max_leaves=5,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of everything inside a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


def found_at(value: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


def copied(value: Any) -> Any:
    """A copy that shares nothing, or YAML would have aliases."""
    if isinstance(value, dict):
        return {key: copied(inner) for key, inner in value.items()}
    return [copied(inner) for inner in value] if isinstance(value, list) else value


@st.composite
def changed_documents(draw: st.DrawFn, seeds: list[Any]) -> Any:
    """A document with a few values taken from elsewhere, replaced, removed, renamed or repeated under another name."""
    document = copied(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 4))):
        inside = list(places(document))
        if not inside:
            break
        *parents, last = draw(st.sampled_from(inside))
        parent = found_at(document, tuple(parents))
        match draw(st.sampled_from(["splice", "replace", "delete", "rename", "repeat"])):
            case "splice":
                parent[last] = copied(found_at(document, draw(st.sampled_from(inside))))
            case "replace":
                parent[last] = draw(VALUES)
            case "delete":
                del parent[last]
            case "rename" if isinstance(parent, dict):
                parent[draw(ODD_TEXTS)] = parent.pop(last)
            case _ if isinstance(parent, dict):
                parent[draw(st.sampled_from([*map(str, parent), f"{last}-2", f"{last}_2"]))] = copied(parent[last])
            case _:
                parent.append(copied(parent[last]))
    return document


def written(document: Any) -> bytes:
    text = yaml.dump(document, Dumper=yaml.CSafeDumper, allow_unicode=True, sort_keys=False, width=1000)
    return text.encode("utf-8", "surrogatepass")


@examples(700)
@given(pipeline=changed_documents(FULL))
def test_changed_pipelines_are_diagnosed(tmp_path: Path, pipeline: Any) -> None:
    files = {"mlops.yaml": PROJECT, "environment.yaml": ENVIRONMENT.read_bytes(), "pipeline.yaml": written(pipeline)}
    holds(tmp_path, files)


@examples(200)
@given(
    environment=changed_documents([yaml.safe_load(ENVIRONMENT.read_text("utf-8"))]),
    head=changed_documents([yaml.safe_load(PROJECT)]),
)
def test_changed_environments_and_projects_are_diagnosed(tmp_path: Path, environment: Any, head: Any) -> None:
    files = {"mlops.yaml": written(head), "environment.yaml": written(environment), "pipeline.yaml": TEXTS[1]}
    holds(tmp_path, files)


@pytest.mark.parametrize("seed", SEEDS, ids=["full", "example"])
def test_the_seeds_themselves_are_read(seed: Path, tmp_path: Path) -> None:
    """Or all of the above would be about files that nobody gets through."""
    found = holds(
        tmp_path,
        {"mlops.yaml": PROJECT.replace(b", environments: [environment.yaml]", b""), "pipeline.yaml": seed.read_bytes()},
    )
    assert {one.code for one in found if one.code < "MLO200"} == set()
