"""What the house promises about itself: small modules, short functions, names that say something, no way home."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import mlopsctl
from tests.conftest import LONGEST

ROOT = Path(mlopsctl.__file__).resolve().parents[1]
MODULES = sorted((ROOT / "mlopsctl").rglob("*.py"))
LONGEST_MODULE = 300
LONGEST_FUNCTION = 40
EMPTY_WORDS = {"util", "utils", "helper", "helpers", "manager", "managers", "common", "misc", "tools", "base", "core"}
Function = ast.FunctionDef | ast.AsyncFunctionDef

all_modules = pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())


def tree_of(module: Path) -> ast.Module:
    return ast.parse(module.read_text(encoding="utf-8"))


def functions(tree: ast.Module) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def lines_of_code(node: ast.Module | Function) -> int:
    """The lines of statements, without docstrings, comments and blank lines; of a function, those of its body."""
    lines: set[int] = set()
    for found in (below for statement in node.body for below in ast.walk(statement)):
        is_text = isinstance(found, ast.Expr) and isinstance(found.value, ast.Constant)
        if isinstance(found, ast.stmt) and not is_text:
            own = [child for child in ast.iter_child_nodes(found) if isinstance(child, ast.stmt)]
            last = min((child.lineno for child in own), default=(found.end_lineno or found.lineno) + 1)
            lines.update(range(found.lineno, max(last, found.lineno + 1)))
    return len(lines)


def is_public(name: str) -> bool:
    return not name.startswith("_")


def public_definitions(body: list[ast.stmt], *, above: str = "") -> Iterator[tuple[str, Function | ast.ClassDef]]:
    for node in body:
        if isinstance(node, Function | ast.ClassDef) and is_public(node.name):
            yield f"{above}{node.name}", node
            if isinstance(node, ast.ClassDef):
                yield from public_definitions(node.body, above=f"{node.name}.")


@all_modules
def test_a_module_is_read_in_one_sitting(module: Path) -> None:
    assert lines_of_code(tree_of(module)) <= LONGEST_MODULE
    assert len(module.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE * 4 // 3


@all_modules
def test_a_function_is_seen_at_once(module: Path) -> None:
    long = {found.name: lines_of_code(found) for found in functions(tree_of(module))}
    assert {name: lines for name, lines in long.items() if lines > LONGEST_FUNCTION} == {}


@all_modules
def test_a_module_says_why_it_exists_and_a_definition_what_one_gets(module: Path) -> None:
    tree = tree_of(module)
    assert ast.get_docstring(tree)
    # What overloads promise is said at the function that keeps it.
    mute = [
        name
        for name, node in public_definitions(tree.body)
        if not ast.get_docstring(node)
        and not any(isinstance(mark, ast.Name) and mark.id == "overload" for mark in node.decorator_list)
    ]
    assert mute == []


@all_modules
def test_a_name_says_something(module: Path) -> None:
    assert not EMPTY_WORDS & set(module.relative_to(ROOT).with_suffix("").parts[1:])
    names = {node.name for node in ast.walk(tree_of(module)) if isinstance(node, Function | ast.ClassDef)}
    words = {word.lower() for name in names for word in re.findall(r"[A-Z]?[a-z]+", name)}
    assert words & {"util", "utils", "helper", "helpers", "manager", "managers"} == set()


@all_modules
def test_nothing_at_the_top_changes(module: Path) -> None:
    """A list, set or dictionary that is filled as the program runs would be shared by all that use it."""
    made = [
        node.targets[0].id
        for node in tree_of(module).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        if isinstance(node.value, ast.List | ast.Set) and not node.targets[0].id.isupper()
    ]
    assert [name for name in made if name != "__all__"] == []


@all_modules
def test_a_reason_stands_beside_each_exception_to_a_rule(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    bare = [
        line
        for line in text.splitlines()
        if re.search(r"# (noqa(: [A-Z0-9, ]+)?|type: ignore(\[[\w, -]+\])?)\s*$", line)
    ]
    assert bare == []


def test_most_functions_are_short() -> None:
    lengths = sorted(lines_of_code(found) for module in MODULES for found in functions(tree_of(module)))
    assert lengths[len(lengths) // 2] <= 10


# Machines and folders of whoever wrote this are nobody's business, and a registry is the user's own choice.
TARGETS = ROOT / "schemas" / "targets"
FOREIGN = re.compile(
    r"(?<![\w.])/(?:work/(?!search/)|root/)|\bpypi\.|pythonhosted\.org|\bconda\.anaconda|registry\.npmjs|proxy\.golang\.org"
)
READ = (
    ".py",
    ".md",
    ".yaml",
    ".yml",
    ".json",
    ".toml",
    ".txt",
    ".sh",
    ".html",
    ".css",
    ".js",
    ".j2",
    ".svg",
    ".in",
    ".lock",
)


def published() -> list[Path]:
    """The files that git would keep: what is only on this machine is not published."""
    listing = ["git", "ls-files", "-z", "-co", "--exclude-standard"]
    try:
        listed = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True, text=True).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("only a git repository knows what is published: run make test in a clone")
    paths = (ROOT / name for name in listed if name)
    ours = (path for path in paths if TARGETS not in path.parents)  # others' defaults are paths of others' machines
    return [path for path in ours if path.is_file() and (path.suffix in READ or path.name == "Makefile")]


def test_nothing_names_a_registry_or_a_path_of_this_machine() -> None:
    own = Path(__file__)
    named = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for path in published()
        if path.resolve() != own.resolve()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1)
        if FOREIGN.search(line)
    ]
    assert named == []


def test_the_tests_that_are_to_begin_first_are_there() -> None:
    assert [name for name in LONGEST if not (ROOT / "tests" / name).is_file()] == []
