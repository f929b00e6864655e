# ruff: noqa: INP001  # a script beside the pages that it writes, no part of a package
"""Write the pages of docs/ that say what the code says already, so that they can't say something else.

`python docs/generate.py` writes them; tests/unit/test_docs.py compares.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mlopsctl.cli.catalogue import all_explanations
from mlopsctl.cli.exit_codes import MEANINGS

ROOT = Path(__file__).resolve().parents[1]
NOTE = "<!-- Written by docs/generate.py (`make docs`): change what it reads, not this page. -->\n"
KINDS = ("project", "pipeline", "environment", "policy", "release", "patch")
AREAS = {
    "0": "Projects and the command line",
    "1": "YAML and shapes",
    "2": "References and parameters",
    "3": "Data, training and code",
    "4": "Gates, contracts and evaluations",
    "5": "Deployments",
    "6": "Schedules and monitors",
    "7": "Environments",
    "8": "Runs",
    "9": "Machine, store and cluster",
}

Schema = Mapping[str, Any]


def pages() -> dict[Path, str]:
    """Every generated file by its path."""
    return {
        ROOT / "docs" / "fields.md": fields_page(),
        ROOT / "docs" / "codes.md": codes_page(),
        ROOT / "docs" / "exit-codes.md": exit_codes_page(),
        ROOT / "docs" / "pictures" / "flight-delays.svg": picture(),
    }


def fields_page() -> str:
    """All fields of all kinds of documents, from schemas/v1."""
    tables = "\n".join(table for kind in KINDS for table in _tables(kind))
    intro = (
        "Every field of the language, from [the schemas](../schemas/README.md). Bold fields must be there. "
        "`mlopsctl schema pipeline` prints the same for an editor.\n"
    )
    return f"# All fields\n\n{NOTE}\n{intro}\n{tables}"


def codes_page() -> str:
    """All diagnostics, from what `mlopsctl explain` says."""
    parts = [f"# All codes\n\n{NOTE}\n`mlopsctl explain CODE` adds an example and what to do.\n"]
    for digit, title in AREAS.items():
        found = [one for code, one in all_explanations().items() if code[3] == digit]
        rows = (f"| {one.code} | {one.severity} | {_cell(one.text.partition(chr(10))[0])} |" for one in found)
        parts.append("\n".join([f"## {title}\n", "| code | | meaning |", "|---|---|---|", *rows, ""]))
    return "\n".join(parts)


def exit_codes_page() -> str:
    """What `mlopsctl help exit-codes` prints."""
    rows = "\n".join(f"| {int(code)} | {_cell(meaning)} |" for code, meaning in MEANINGS.items())
    intro = (
        "2, 3, 4 and 6 are of commands that look at a cluster or change it. Of several errors, the first decides that "
        "has a number of its own; else it is 1.\n"
    )
    return f"# Exit codes\n\n{NOTE}\n{intro}\n| code | meaning |\n|---|---|\n{rows}\n"


def picture() -> str:
    """What `mlopsctl graph -o svg` prints for examples/flight-delays."""
    command = [sys.executable, "-m", "mlopsctl", "-C", "examples/flight-delays", "graph", "-o", "svg"]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, encoding="utf-8").stdout


def _tables(kind: str) -> Iterator[str]:
    """A table for the document and one for each definition that has fields of its own."""
    schema = json.loads((ROOT / "schemas" / "v1" / f"{kind}.json").read_text(encoding="utf-8"))
    definitions = schema.get("$defs", {})
    yield f"## {schema['title']}\n\n{schema['description']}\n"
    yield from _table("spec", schema["properties"]["spec"], definitions)
    if kind == "pipeline":
        for name, definition in definitions.items():
            if "properties" in definition and definition.get("additionalProperties") is False:
                yield f"### {_title(name)}\n\n{definition['description']}\n"
                yield from _table("", definition, definitions)


def _table(path: str, schema: Schema, definitions: Schema) -> Iterator[str]:
    rows = list(_rows(path, schema, definitions))
    if rows:
        yield "\n".join(["| field | what it is |", "|---|---|", *rows, ""])


def _rows(path: str, schema: Schema, definitions: Schema) -> Iterator[str]:
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        whole = f"{path}.{name}" if path else name
        shown = f"**`{whole}`**" if name in required else f"`{whole}`"
        target = field.get("$ref", "").removeprefix("#/$defs/")
        described = {**definitions.get(target, {}), **field}
        yield f"| {shown} | {_cell(described.get('description', ''))}{_choices(described)}{_see(target, definitions)} |"
        if "$ref" not in field:
            yield from _rows(whole, field, definitions)
            yield from _rows(f"{whole}[]", field.get("items", {}), definitions)


def _choices(field: Schema) -> str:
    return " One of " + ", ".join(f"`{choice}`" for choice in field["enum"]) + "." if "enum" in field else ""


def _see(target: str, definitions: Schema) -> str:
    definition = definitions.get(target, {})
    if "properties" not in definition or definition.get("additionalProperties") is not False:
        return ""
    title = _title(target)
    return f" [{title}](#{title.lower().replace(' ', '-')})"


def _title(name: str) -> str:
    """`trainStage` as people say it: `train stage`."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    for target, text in pages().items():
        target.write_text(text, encoding="utf-8")
