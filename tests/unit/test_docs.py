"""The pages say what is so: their YAML compiles, their commands parse, links lead somewhere, tables are current."""

import importlib.util
import json
import re
import shlex
import shutil
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import typer

from mlopsctl import compiler
from mlopsctl.cli.exit_codes import ExitCode
from mlopsctl.cli.main import app
from mlopsctl.local import unsupported
from mlopsctl.render import objects
from mlopsctl.source import document, project

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"
EXAMPLE: Final = ROOT / "examples" / "flight-delays"
GENERATED: Final = frozenset({"fields.md", "codes.md", "exit-codes.md"})
LONGEST_PAGE, LONGEST_DECISION = 150, 40
PAGES: Final = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (
        *ROOT.glob("*.md"),
        *DOCS.rglob("*.md"),
        *ROOT.glob("examples/*/README.md"),
        ROOT / "schemas/README.md",
    )
)
_FENCE: Final = re.compile(
    r"^(?:<!-- fails: (?P<code>MLO\d{3}) -->\n)?```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_LINK: Final = re.compile(r"\]\((?P<target>[^)\s]+)\)|src=\"(?P<picture>[^\"]+)\"")
_PLACES: Final = {
    "Project": "mlops.yaml",
    "Pipeline": "pipeline.yaml",
    "Environment": "environments/staging.yaml",
    "Policy": "policies/policy.yaml",
    "Patch": "patches/patch.yaml",
}


class Block(NamedTuple):
    page: str
    language: str
    text: str
    code: str | None


def text_of(page: str) -> str:
    return (ROOT / page).read_text("utf-8")


def blocks(*languages: str) -> Iterator[Any]:
    for page in PAGES:
        for number, found in enumerate(_FENCE.finditer(text_of(page)), 1):
            if found["language"] in languages:
                yield pytest.param(Block(page, found["language"], found["text"], found["code"]), id=f"{page}-{number}")


def is_document(text: str) -> bool:
    return text.startswith("apiVersion:")


def commands(text: str) -> list[list[str]]:
    """The command lines of mlopsctl in a console block, without what a shell does with their output."""
    lines = re.findall(r"^\$ (.*)$", text, re.MULTILINE)
    calls = [re.split(r" [|>] ", part)[0] for line in lines for part in re.split(r" && ", line)]
    words = [shlex.split(call, comments=True) for call in calls]
    stripped = [[word for index, word in enumerate(call) if index or "=" not in word] for call in words]
    return [call[1:] for call in stripped if call and call[0] == "mlopsctl"]


def parse(command: Any, words: list[str], *, name: str = "mlopsctl", parent: Any = None) -> None:
    """Raises what the command line would complain about."""
    try:
        context = command.make_context(name, words, parent=parent)
    except typer.Exit:  # --help and the like
        return
    below_words = [*context._protected_args, *context.args] if hasattr(command, "resolve_command") else []
    if below_words:
        below, command_below, rest = command.resolve_command(context, below_words)
        parse(command_below, rest, name=below, parent=context)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, by the rules of the sites that show Markdown in repositories."""
    headings = re.findall(r"^#+ (.*)$", _FENCE.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.fixture
def flights(tmp_path: Path) -> Path:
    """The project of flight-delays, with stand-ins for the data that it downloads."""
    folder = tmp_path / "flights"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(".mlops", "data", ".git*"))
    shutil.copy(ROOT / "examples" / "penguins" / "serve.py", folder)
    for name in ("flights-2013-02.csv", "flights-holdout.csv"):
        (folder / "data").mkdir(exist_ok=True)
        (folder / "data" / name).write_text("carrier\n")
    return folder


@pytest.mark.parametrize("block", list(blocks("yaml")))
def test_yaml_is_what_the_page_says(block: Block, flights: Path) -> None:
    assert not document.parse(block.text, block.page).diagnostics
    if not is_document(block.text):
        return
    kind = re.search(r"^kind: (\w+)", block.text, re.MULTILINE)
    assert kind is not None
    target = flights / _PLACES[kind[1]]
    target.parent.mkdir(exist_ok=True)
    target.write_text(block.text)
    if kind[1] == "Pipeline":  # a project of its own, or the environments of the example would speak of it, too
        (flights / "mlops.yaml").unlink()
    found = compiler.check_everywhere(project.load(project.find_root(flights)))
    assert {one.code for one in found} == ({block.code} if block.code else set())


@pytest.mark.parametrize("block", list(blocks("console")))
def test_commands_parse(block: Block) -> None:
    for words in commands(block.text):
        parse(typer.main.get_command(app), words)


def test_a_wrong_option_would_be_seen() -> None:
    with pytest.raises(typer.TyperException):
        parse(typer.main.get_command(app), commands("$ mlopsctl run --forse hello\n")[0])


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for found in _LINK.finditer(_FENCE.sub("", text_of(page))):
        path, _, anchor = (found["target"] or found["picture"]).partition("#")
        if "://" in path:
            continue
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), f"{page}: {path}"
        assert not anchor or anchor in anchors(target), f"{page}: {path}#{anchor}"


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("docs/")])
def test_pages_are_short(page: str) -> None:
    lines = len(text_of(page).splitlines())
    if "/decisions/" in page and Path(page).name != "README.md":
        assert lines <= LONGEST_DECISION
    elif Path(page).name not in GENERATED:
        assert lines <= LONGEST_PAGE


def test_generated_pages_are_current() -> None:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    stale = [path.name for path, text in generate.pages().items() if path.read_text("utf-8") != text]
    assert not stale, "`make docs` writes them anew"


def test_the_picture_is_of_the_pipeline_in_the_readme(flights: Path) -> None:
    from mlopsctl.cli.graphs import graph_of
    from mlopsctl.report.svg import render_svg

    first = next(found["text"] for found in _FENCE.finditer(text_of("README.md")) if found["language"] == "yaml")
    assert len(first.splitlines()) <= 25
    (flights / "pipeline.yaml").write_text(first)
    pipeline = compiler.compile_project(project.load(project.find_root(flights))).pipelines["flight-delays"]
    picture = (DOCS / "pictures" / "flight-delays.svg").read_text("utf-8")
    assert render_svg(graph_of(pipeline), title=pipeline.name) == picture


def test_the_readme_lists_the_commands_that_there_are() -> None:
    listed = set(re.findall(r"^\| `(\w+)", text_of("README.md"), re.MULTILINE))
    assert listed == set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]  # a group has them


def test_the_readme_lists_the_exit_codes_that_there_are() -> None:
    listed = re.findall(r"^\| (\d+) \|", text_of("README.md"), re.MULTILINE)
    assert set(map(int, listed)) == {int(code) for code in ExitCode}


def parity() -> dict[str, tuple[str, str]]:
    """What each part of the language does on this machine and in a cluster, as the page says."""
    rows = re.findall(r"^\| (.*?) \| (.*?) \| (.*?) \|$", text_of("docs/parity.md"), re.MULTILINE)
    return {part: (here, there) for parts, here, there in rows for part in re.findall("`(?:kind: )?([^`]+)`", parts)}


def test_parity_says_what_either_side_leaves_out() -> None:
    said = parity()
    here = {**unsupported._LESS_HERE, **dict.fromkeys(unsupported._CLUSTER_ONLY, "for a cluster")}
    assert {part: said[part][0] for part in here} == here
    there = {".".join(path): meaning for path, meaning in objects._NOT_YET.items()}
    assert {part: said[part][1] for part in there} == there


def test_parity_knows_every_field_of_a_pipeline() -> None:
    schema = json.loads((ROOT / "schemas" / "v1" / "pipeline.json").read_text("utf-8"))
    fields = set(schema["properties"]["spec"]["properties"]) - {"stages"}
    for name, definition in schema["$defs"].items():
        fields |= set(definition["properties"]) if name.endswith("Stage") else set()
    assert fields - set(parity()) == set()


def test_each_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    optional = chain.from_iterable(project["optional-dependencies"].values())
    listed = re.findall(r"^\| ([\w-]+) \| (?!for)", text_of("docs/dependencies.md"), re.MULTILINE)
    assert set(listed) == {re.split(r"[^\w-]", each)[0] for each in (*project["dependencies"], *optional)}


def test_every_decision_is_listed() -> None:
    listed = re.findall(r"\((\d{4}-[\w-]+\.md)\)", text_of("docs/decisions/README.md"))
    assert listed == sorted(path.name for path in (DOCS / "decisions").glob("0*.md"))


def test_every_page_is_reached_from_the_readme() -> None:
    seen, waiting = set[Path](), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        seen.add(page)
        for found in _LINK.finditer(page.read_text("utf-8")):
            target = (page.parent / (found["target"] or found["picture"]).partition("#")[0]).resolve()
            if target.suffix == ".md" and target.exists() and target not in seen:
                waiting.append(target)
    assert set(DOCS.rglob("*.md")) <= seen
