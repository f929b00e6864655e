"""An audit log as people and programs read it."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import tzinfo
from typing import Any

from mlopsctl.engine.audit import Entry, Head
from mlopsctl.release.chain import Chain
from mlopsctl.report.display import display_width, padded, shown
from mlopsctl.report.json_output import VERSION, dumped
from mlopsctl.report.wording import moment, short_run

_DIGEST = len("sha256:") + 12


def render_text(entries: Sequence[Entry], head: Head, environment: str, *, zone: tzinfo | None = None) -> str:
    """A line for each entry in the order given; `zone` is the reader's, None that of this machine."""
    if not head.number:
        return f"{shown(environment)} · nothing has been noted yet\n"
    rows = [tuple(_cells(entry, zone)) for entry in entries]
    widths = [max(map(display_width, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(padded(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    count = f"{len(entries)} of {head.number}" if len(entries) < head.number else str(head.number)
    noun = "entry" if count == "1" else "entries"
    return "\n".join([f"{shown(environment)} · {count} {noun} · head {shown(head.digest)}", *lines]) + "\n"


def render_json(entries: Sequence[Entry], head: Head, environment: str) -> str:
    """The same for programs; schemas/output/v1/audit.json describes it."""
    return dumped({"version": VERSION, "environment": environment, "head": asdict(head), "entries": _flat(entries)})


def render_chain(chain: Chain) -> str:
    """What is said of a log in which nothing is broken."""
    if not chain.head.number:
        return f"{shown(chain.environment)} · nothing has been noted yet\n"
    count = "1 entry" if chain.head.number == 1 else f"{chain.head.number:,} entries"
    lines = [f"{shown(chain.environment)} · {count}, whole", f"head {shown(chain.head.digest)}"]
    if chain.uncounted:
        noun = "1 entry was" if chain.uncounted == 1 else f"{chain.uncounted} entries were"
        lines.append(f"{noun} written and never counted: others were faster, or whoever wrote was killed")
    lines += [f"entry {number} is dated before the one before it: a clock was wrong" for number in chain.backwards]
    noted = f"mlopsctl audit verify --env {shown(chain.environment)} --expect {shown(chain.head.digest)}"
    lines.append(f"Note the head elsewhere; with it a log that was written anew as a whole is found out:\n  {noted}")
    return "\n".join(lines) + "\n"


def render_chain_json(chain: Chain) -> str:
    """The same for programs; schemas/output/v1/audit-verify.json describes it."""
    return dumped(
        {
            "version": VERSION,
            "environment": chain.environment,
            "head": asdict(chain.head),
            "whole": not chain.breaks,
            "entries": len(chain.entries),
            "breaks": [each.what for each in chain.breaks],
            "uncounted": chain.uncounted,
            "backwards": list(chain.backwards),
        }
    )


def _cells(entry: Entry, zone: tzinfo | None) -> Iterator[str]:
    deed = entry.deed
    yield f"  {entry.number}"
    yield moment(entry.at, zone)
    yield shown(entry.who)
    yield shown(deed.did)
    yield shown(deed.pipeline)
    yield f"run {short_run(deed.run)}" if deed.run else ""
    yield shown(deed.model[:_DIGEST])
    yield shown(deed.why)


def _flat(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in asdict(each).items() if name != "deed"} | asdict(each.deed) for each in entries
    ]
