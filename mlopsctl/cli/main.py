"""The entry point: the commands, and the one place where what goes wrong becomes a message and an exit code."""

import os
import sys
from io import TextIOWrapper
from typing import NoReturn

import typer
from typer.core import TyperGroup

from mlopsctl import __version__
from mlopsctl.cli import (
    applying,
    auditing,
    checking,
    drifting,
    examining,
    help_texts,
    inspecting,
    integrating,
    planning,
    promoting,
    rejecting,
    rendering,
    rolling_back,
    running,
    schemas,
    standing,
    starting,
    stopping,
    tracing,
    verifying,
)
from mlopsctl.cli.exit_codes import ExitCode, exit_code_of
from mlopsctl.cli.parameters import command_of
from mlopsctl.cli.screen import Screen, screen_of
from mlopsctl.diagnostics import DiagnosedError, Finding, diagnostic

_ORDER = (
    "init",
    "validate",
    "run",
    "render",
    "plan",
    "apply",
    "destroy",
    "unlock",
    "promote",
    "reject",
    "serve",
    "status",
    "stop",
    "resume",
    "rollback",
    "audit",
    "lineage",
    "drift",
    "verify",
    "runs",
    "logs",
    "graph",
    "ci",
    "doctor",
    "explain",
    "schema",
    "help",
)


class _AsOneMeetsThem(TyperGroup):
    """Lists the commands in the order in which a project needs them."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override] # declared with a private base class
        return sorted(super().list_commands(ctx), key=_ORDER.index)


app = typer.Typer(
    name="mlopsctl",
    cls=_AsOneMeetsThem,
    help="Machine learning pipelines as text in git: checked, run here, brought to a cluster.",
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for commands in (
    starting,
    checking,
    running,
    rendering,
    planning,
    applying,
    drifting,
    verifying,
    promoting,
    rejecting,
    inspecting,
    standing,
    integrating,
    auditing,
    tracing,
    stopping,
    rolling_back,
    examining,
    schemas,
    help_texts,
):
    commands.register(app)


@app.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    *,
    folder: str = typer.Option("", "--directory", "-C", help="Work as if started in this folder.", metavar="DIR"),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="Print results and errors only."),
    version: bool = typer.Option(False, "--version", help="Print the version."),
) -> None:
    """Machine learning pipelines as text in git: checked, run here, brought to a cluster."""
    if version:
        typer.echo(f"mlopsctl {__version__}")
        raise typer.Exit
    screen = screen_of(context)
    screen.quiet = quiet
    if folder:
        os.chdir(folder)  # so that every relative path of the command line means what it says
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> NoReturn:
    """Run the command line and exit."""
    _take_any_text()
    screen, code = Screen(), int(ExitCode.DONE)
    try:
        code = _run(screen)
        sys.stdout.flush()
    except BrokenPipeError:
        code = ExitCode.DONE  # who reads our output has enough
        _forget_output()
    except OSError as error:  # the disk that it goes to is full
        code = code or _failed(screen, error)
        _forget_output()
    raise SystemExit(int(code))


def _take_any_text() -> None:
    """Let output neither need an encoding that knows all characters nor be open at all."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8"))
        elif isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _forget_output() -> None:
    """Let what is left of the output, which can't be written, vanish when the interpreter flushes it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(screen: Screen) -> int:
    try:
        return int(command_of(app)(standalone_mode=False, obj=screen) or 0)
    except typer.Exit as ended:
        return ended.exit_code
    except typer.TyperException as error:
        return _misused(error)
    except (KeyboardInterrupt, typer.Abort):
        sys.stderr.write("interrupted\n")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, a traceback is no message
        return _failed(screen, error)


def _misused(error: typer.TyperException) -> int:
    """Say how the command is used that was used wrongly."""
    context = getattr(error, "ctx", None)
    sys.stderr.write(f"error: {error.format_message()}\n")
    if context is not None:
        sys.stderr.write(f"{context.get_usage()}\nhelp: {context.command_path} --help\n")
    return ExitCode.USAGE


def _failed(screen: Screen, error: Exception) -> int:
    from mlopsctl.engine.faults import disk_failed, store_failed
    from mlopsctl.store.errors import BlobCorrupt, BlobMissing, StoreError

    match error:
        case DiagnosedError():
            screen.complain(error.diagnostics)
            return exit_code_of(error.diagnostics) or ExitCode.FAILED
        case StoreError():
            lost = "run the pipeline again: what is damaged or missing is made anew"
            hint = error.hint or (lost if isinstance(error, BlobCorrupt | BlobMissing) else "")
            screen.complain([store_failed(str(error), hint, "the store")])
        case OSError():
            screen.complain([disk_failed(f"{error.filename or 'a file'}: {error.strerror or error}", "this machine")])
        case _:
            screen.complain([bug(_reported())])
            return ExitCode.BUG
    return ExitCode.FAILED


def _reported() -> str:
    """Write what happened to a file and name it."""
    import platform  # here, as few runs come to this
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", prefix="mlopsctl-bug-", suffix=".txt", delete=False
    ) as report:
        report.write(f"mlopsctl {__version__}, Python {platform.python_version()}, {platform.platform()}\n")
        report.write(f"{' '.join(sys.argv)}\n\n{traceback.format_exc()}")
    return report.name


@diagnostic("MLO999")
def bug(report: str) -> Finding:
    """Something happened in mlopsctl that should never happen.

    Fix: nothing of yours is at fault. Please send us the report; it holds the command line and where it happened.
    """
    return Finding(
        message="this is a bug in mlopsctl",
        notes=(f"the report is in {report}",),
        helps=("please send it to the project; look through it first for what should not leave your house",),
    )
