import os
import resource
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlopsctl.runtime.output import LINE_BYTES, LINES_PER_SECOND, BoundedLog, LineFeed
from mlopsctl.runtime.process import Command, Ending, run_command

MIB = 1024 * 1024


def feed(*chunks: bytes, times: tuple[float, ...] = ()) -> list[str]:
    lines: list[str] = []
    clock = iter(times or (0.0,) * len(chunks))
    lines_of = LineFeed(lines.append, clock=lambda: next(clock))
    for chunk in chunks:
        lines_of.write(chunk)
    lines_of.close()
    return lines


@pytest.mark.parametrize(
    ("chunks", "lines"),
    [
        pytest.param((b"a\nb\n",), ["a", "b"], id="whole lines"),
        pytest.param((b"a", b"b\nc", b"d"), ["ab", "cd"], id="lines across chunks"),
        pytest.param((b"\n\n",), ["", ""], id="empty lines"),
        pytest.param((b"a\r\nb\r", b"\nc"), ["a", "b", "c"], id="windows line breaks"),
        pytest.param(
            (
                b"10%\r20%",
                b"\r30%\n",
            ),
            ["30%"],
            id="progress bar",
        ),
        pytest.param((b"\r10%\r20%\rdone",), ["done"], id="progress bar without an end"),
        pytest.param((b"\xe2\x82", b"\xac\n"), ["€"], id="character across chunks"),
        pytest.param((b"\xe2\x82\n",), ["\ufffd"], id="undecodable"),
    ],
)
def test_lines_are_what_a_terminal_would_show(chunks: tuple[bytes, ...], lines: list[str]) -> None:
    assert feed(*chunks) == lines


@given(st.lists(st.text(alphabet="aé€\N{PARTY POPPER}", max_size=9), max_size=30), st.integers(1, 7))
def test_lines_do_not_depend_on_where_chunks_are_cut(lines: list[str], size: int) -> None:
    printed = "".join(line + "\n" for line in lines).encode()
    assert feed(*(printed[at : at + size] for at in range(0, len(printed), size))) == lines


def test_a_line_without_end_is_cut() -> None:
    assert feed(*[b"x" * 5000] * 100, b"\nnext\n") == ["x" * LINE_BYTES + " [cut]", "next"]


def test_more_lines_in_a_second_are_counted() -> None:
    many = b"".join(b"%d\n" % number for number in range(5000))
    lines = feed(many, many + b"half", b" line\n", b"later\n", times=(0.0, 0.5, 0.9, 1.0))
    assert lines[:LINES_PER_SECOND] == [str(number) for number in range(LINES_PER_SECOND)]
    assert lines[LINES_PER_SECOND:] == ["[9,001 lines not shown]", "later"]


def test_last_lines_are_the_last_ones_even_when_not_shown() -> None:
    lines = LineFeed(lambda _: None, clock=lambda: 0.0)
    lines.write(b"".join(b"%d\n" % number for number in range(5000)))
    lines.write(b"end")
    assert lines.last_lines() == (*(str(number) for number in range(4981, 5000)), "end")


@settings(max_examples=200)
@given(st.lists(st.binary(min_size=1, max_size=40), max_size=20), st.integers(2, 100))
def test_the_log_keeps_both_ends(tmp_path_factory: pytest.TempPathFactory, chunks: list[bytes], limit: int) -> None:
    path = tmp_path_factory.mktemp("log") / "log"
    with BoundedLog(path, limit) as log:
        for chunk in chunks:
            log.write(chunk)
    printed, kept = b"".join(chunks), path.read_bytes()
    assert log.size == len(kept)
    assert log.truncated == (len(printed) > limit)
    if not log.truncated:
        assert kept == printed
    else:
        tail = limit // 2
        marker = f"\n[{len(printed) - limit:,} bytes left out]\n".encode()
        assert kept == printed[: limit - tail] + marker + printed[-tail:]


def printed_by(folder: Path, script: str, limit: int) -> tuple[Ending, list[str]]:
    lines: list[str] = []
    command = Command(
        argv=("/bin/sh", "-c", script), cwd=folder, env=dict(os.environ), log=folder / "log", log_limit=limit
    )
    return run_command(command, on_line=lines.append), lines


@pytest.mark.parametrize(
    "source", [pytest.param("yes", id="line breaks"), pytest.param("cat /dev/zero", id="no line breaks")]
)
def test_a_gigabyte_is_neither_kept_in_memory_nor_on_disk(tmp_path: Path, source: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    ending, lines = printed_by(tmp_path, f"{source} | head -c 1G; echo; echo end", 8 * MIB)
    assert ending.last_lines[-1] == lines[-1] == "end" or lines[-1].endswith("lines not shown]")
    assert ending.truncated
    assert ending.log_bytes == (tmp_path / "log").stat().st_size < 8 * MIB + 100
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before < 40 * MIB
    assert len(lines) < (ending.seconds + 2) * (LINES_PER_SECOND + 1)


def test_what_was_skipped_is_said_while_the_command_is_quiet(tmp_path: Path) -> None:
    def on_line(line: str) -> None:
        if line == "[2,000 lines not shown]":
            (tmp_path / "said").touch()

    script = "seq 3000; until [ -e said ]; do sleep 0.05; done"
    command = Command(
        argv=("/bin/sh", "-c", script), cwd=tmp_path, env=dict(os.environ), log=tmp_path / "log", timeout=60.0
    )
    assert run_command(command, on_line=on_line).reason == "exited"
