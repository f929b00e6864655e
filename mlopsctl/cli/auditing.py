"""`audit`: what came to serve and who decided it, and whether the log of that is as it was written."""

import sys
from enum import StrEnum
from typing import TYPE_CHECKING

import typer

from mlopsctl.cli.exit_codes import ExitCode
from mlopsctl.cli.inspecting import OUTPUT, Format
from mlopsctl.cli.run_names import ENV, STORE
from mlopsctl.cli.screen import screen_of
from mlopsctl.cli.stores import store_of
from mlopsctl.diagnostics import Finding, diagnostic
from mlopsctl.frozen import frozen

if TYPE_CHECKING:
    from mlopsctl.cli.screen import Screen
    from mlopsctl.store import Store

_MOST = 20


class Action(StrEnum):
    """What is done with the log."""

    LIST = "list"
    VERIFY = "verify"


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(audit)


def audit(
    context: typer.Context,
    action: Action = typer.Argument(Action.LIST, help="`list` shows the log; `verify` walks it."),
    *,
    limit: int = typer.Option(_MOST, "--limit", "-n", min=1, help="List the newest so many."),
    expect: str = typer.Option("", "--expect", help="Verify that the head had this digest once.", metavar="DIGEST"),
    env: str = ENV,
    store: str = STORE,
    output: Format = OUTPUT,
) -> None:
    """Show what came to serve and who let it, checked."""
    screen = screen_of(context)
    compilation = screen.compile(environment=env)
    kept = store_of(compilation, store)
    if action is Action.LIST and not expect:
        _list(kept, env, limit, output)
    else:
        _verify(screen, kept, env, _Asked(tuple(compilation.pipelines), expect, output))


@frozen
class _Asked:
    """What is to be verified, against which digest, and how it is printed."""

    pipelines: tuple[str, ...]
    expected: str
    output: Format


def _list(store: "Store", env: str, limit: int, output: Format) -> None:
    from mlopsctl.engine.audit import entries, read_head
    from mlopsctl.report import audited

    found, head = entries(store, env, limit=limit), read_head(store, env)
    render = audited.render_json if output is Format.JSON else audited.render_text
    sys.stdout.write(render(found, head, env))


def _verify(screen: "Screen", store: "Store", env: str, asked: _Asked) -> None:
    from mlopsctl.release.chain import verified_chain
    from mlopsctl.report import audited

    chain = verified_chain(store, env, pipelines=asked.pipelines, expected=asked.expected)
    if asked.output is Format.JSON:
        sys.stdout.write(audited.render_chain_json(chain))
    elif not chain.breaks:
        sys.stdout.write(audited.render_chain(chain))
    if chain.breaks:
        screen.complain([log_broken(env, [each.what for each in chain.breaks], len(chain.entries), chain.head.digest)])
        raise typer.Exit(ExitCode.FAILED)


@diagnostic("MLO919")
def log_broken(environment: str, breaks: list[str], whole: int, head: str) -> Finding:
    """The audit log of an environment is not as it was written: somebody changed the store by hand.

    Each entry of the log holds the digest of the one before it, and nothing comes to serve that the log doesn't know.

    Example:
        an entry is missing or altered, the head leads to an older one than it did, a pointer to what serves was moved
        by hand, or a digest that was noted with `audit verify --expect` is in no entry

    Fix: find out who may write to the store, and compare the log with a backup of it or with the digests that were
    noted elsewhere. What was served is also in the records of runs and in git's history of releases/.
    """
    first, *others = breaks
    entries = "1 entry" if whole == 1 else f"{whole} entries"
    notes = (*others, f"up to there it is whole from its head on: {entries}, head {head}" if head else "it has no head")
    return Finding(
        message=f"the audit log of `{environment}` is not as it was written: {first}",
        notes=notes,
        helps=("compare it with a backup of the store; mlopsctl explain MLO919",),
    )
