"""A page of the docs that is walked: each command of its console blocks is run, and says what the page shows.

What differs from run to run is told apart by its shape. A run's id of the page stands for the same run all along.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

_FENCE: Final = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_RUN: Final = r"\b01[0-9A-HJKMNP-TV-Z]{10}(?:[0-9A-HJKMNP-TV-Z]{14})?\b"
_ANYTHING: Final = "…"
# What is never the same twice, by its shape.
_CHANGING: Final = {
    r"sha256:[0-9a-f]{12,64}": r"sha256:[0-9a-f]{12,64}",
    r"\b[0-9a-f]{40}\b": r"[0-9a-f]{40}",
    r"\b(?=[a-f]*[0-9])[0-9a-f]{7}\b": r"[0-9a-f]{7}",
    r"\b(?<=-)(?=[a-f]*[0-9])[0-9a-f]{8}\b": r"[0-9a-f]{8}",
    r"\d{4}-\d\d-\d\d \d\d:\d\d(?: [+-]\d\d:\d\d)?": r"\d{4}-\d\d-\d\d \d\d:\d\d(?: [+-]\d\d:\d\d)?",
    r"\b\d\d:\d\d\b": r"(?:\d{4}-\d\d-\d\d )?\d\d:\d\d",
    r"<?\d+\.\ds\b": r"<?\d+\.\ds\b",
    r"https://[\d.]+:\d+": r"https://[\d.]+:\d+",
}
_TOKEN: Final = re.compile("|".join([rf"(?P<run>{_RUN})", *(f"(?:{each})" for each in _CHANGING), r"(?P<gap> +)"]))


@dataclass(frozen=True)
class Command:
    """A command line, and what the page shows of its output; `line` is its line of the page."""

    line: int
    text: str
    shown: tuple[str, ...]

    @property
    def is_refused(self) -> bool:
        """Whether the page shows that it fails."""
        return any(each.startswith("error[") for each in self.shown)


@dataclass
class Walk:
    """Commands of a page, run one after the other. `known` are the runs that those of the page stand for."""

    known: dict[str, str] = field(default_factory=dict)

    def step(self, command: Command, run: Callable[[str, bool], str]) -> None:
        """Run a command and hold what it says against the page; AssertionError where they differ.

        `run` gets the command and whether it is to fail, and gives what was printed.
        """
        said = run(re.sub(_RUN, lambda found: self._run(found[0]), command.text), command.is_refused)
        if not command.shown:
            return
        found = re.fullmatch(self._pattern(command.shown), said)
        assert found, (
            f"line {command.line}: {command.text}\n--- the page\n{chr(10).join(command.shown)}\n--- now\n{said}"
        )
        for name, value in found.groupdict().items():
            self.known.setdefault(name.removeprefix("run_"), value[:12])

    def _run(self, of_page: str) -> str:
        return self.known.get(of_page[:12], of_page)

    def _pattern(self, shown: tuple[str, ...]) -> str:
        """A regular expression that matches what says the same; groups are runs that weren't seen before."""
        new: set[str] = set()
        lines = []
        for line in shown:
            if line.strip() == _ANYTHING:
                lines.append(r"(?:.*\n)*?")
            else:
                lines.append(self._line(line, new) + r" *\n")
        return "".join(lines)

    def _line(self, line: str, new: set[str]) -> str:
        made, end = [], 0
        for found in _TOKEN.finditer(line):
            made.append(self._plain(line[end : found.start()]))
            made.append(self._token(found, new))
            end = found.end()
        return "".join([*made, self._plain(line[end:])])

    def _plain(self, text: str) -> str:
        return re.escape(text).replace(re.escape(_ANYTHING), ".*")

    def _token(self, found: re.Match[str], new: set[str]) -> str:
        if found["gap"]:
            return " +"
        if found["run"]:
            return self._of_run(found["run"], new)
        return next(
            pattern for shape, pattern in _CHANGING.items() if re.fullmatch(shape.replace("(?<=-)", ""), found[0])
        )

    def _of_run(self, of_page: str, new: set[str]) -> str:
        name, rest = of_page[:12], r"[0-9A-Z]{14}" if len(of_page) > 12 else ""
        if name in self.known:
            return re.escape(self.known[name]) + rest
        if name in new:
            return f"(?P=run_{name}){rest}"
        new.add(name)
        return f"(?P<run_{name}>01[0-9A-Z]{{10}}){rest}"


def commands(page: str) -> Iterator[Command]:
    """The commands of a page's console blocks in order. A line that ends in a backslash goes on."""
    for block in _FENCE.finditer(page):
        if block["language"] != "console":
            continue
        line = page.count("\n", 0, block.start()) + 2
        text, shown, begun = "", [], line
        for said in block["text"].splitlines():
            if said.startswith("$ "):
                if text:
                    yield Command(begun, text, tuple(shown))
                text, shown, begun = said[2:], [], line
            elif text.endswith("\\"):
                text = text[:-1] + said.strip()
            else:
                shown.append(said)
            line += 1
        yield Command(begun, text, tuple(shown))


def blocks(page: str, language: str) -> list[str]:
    """The texts of a page's blocks in a language."""
    return [block["text"] for block in _FENCE.finditer(page) if block["language"] == language]
