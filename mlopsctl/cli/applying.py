"""`apply`, `destroy` and `unlock`: what changes a cluster."""

import shlex
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from mlopsctl.cli.approving import APPROVALS_HELP, approvals, insist, note
from mlopsctl.cli.exit_codes import ExitCode, exit_code_of
from mlopsctl.cli.interrupting import terminable
from mlopsctl.cli.planning import ENV_HELP, SCHEMAS_HELP, Planned, against, hold_releases, make, reached, show
from mlopsctl.cli.screen import Screen, screen_of
from mlopsctl.cli.sending import send
from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.engine.actor import who_here
from mlopsctl.frozen import frozen

if TYPE_CHECKING:
    from mlopsctl.cluster.operation import Ended, Operation
    from mlopsctl.plan.model import Plan
    from mlopsctl.plan.progress import ApplyEvent
    from mlopsctl.report.apply_text import ApplyReporter

    Step = Callable[[Callable[[ApplyEvent], None]], Ended]

YES_HELP = "Don't ask first; for scripts."
LOCK_HELP = "How long to wait for another apply to end."
EXPIRED_HELP = "Destroy the ephemeral environments whose time is over; with --env, of those that it makes."
DESTROY_HELP = "Delete even most of what is there, or what is protected."


class Format(StrEnum):
    """How an apply is told."""

    TEXT = "text"
    JSON = "json"


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(apply)
    app.command()(destroy)
    app.command()(unlock)


def apply(
    context: typer.Context,
    plan_file: str = typer.Argument("", help="A plan that `plan --out` saved; else a new one.", metavar="PLANFILE"),
    *,
    env: str = typer.Option("", "--env", "-e", help=ENV_HELP, metavar="NAME"),
    approve: bool = typer.Option(False, "--auto-approve", "-y", help=YES_HELP),
    allow_destroy: bool = typer.Option(False, "--allow-destroy", help=DESTROY_HELP),
    timeout: str = typer.Option("10m", "--timeout", help="How long to wait until all is well.", metavar="TIME"),
    lock_timeout: str = typer.Option("30s", "--lock-timeout", help=LOCK_HELP, metavar="TIME"),
    output: Format = typer.Option(Format.TEXT, "--output", "-o", help="text, or one JSON event a line."),
    schemas: list[Path] = typer.Option([], "--schemas", help=SCHEMAS_HELP, metavar="DIR"),
    reviewed: str = typer.Option("", "--approvals", help=APPROVALS_HELP, metavar="FILE"),
) -> None:
    """Bring a cluster to what git says, and wait until it is well."""
    screen = screen_of(context)
    limits = _limits(timeout, lock_timeout)
    if plan_file and env:
        raise typer.BadParameter("--env and PLANFILE both say where: give one of them")
    planned = _saved(screen, plan_file, reviewed) if plan_file else make(screen, env, schemas, reviewed)
    _guard(planned, allow_destroy=allow_destroy)
    insist(planned.compilation, planned.approvals)
    if not plan_file:
        _show(screen, planned.plan, output)
    operation = _operation(screen, planned, limits)
    if not plan_file and planned.plan.is_empty:
        _carry_out(screen, output, operation.settle, is_tacit=True)
    if not plan_file:
        _confirm(planned, "Apply this?", approve=approve, otherwise="apply a saved plan, or give --auto-approve")
    note(planned.compilation, planned.approvals, who_here(screen.environ))
    send(planned.plan, planned.compilation, is_quiet=screen.quiet or output is Format.JSON)
    _carry_out(screen, output, operation.apply)


def destroy(
    context: typer.Context,
    *,
    env: str = typer.Option("", "--env", "-e", help=ENV_HELP, metavar="NAME"),
    expired: bool = typer.Option(False, "--expired", help=EXPIRED_HELP),
    approve: bool = typer.Option(False, "--auto-approve", "-y", help=YES_HELP),
    allow_destroy: bool = typer.Option(False, "--allow-destroy", help="Delete even what is protected."),
    lock_timeout: str = typer.Option("30s", "--lock-timeout", help=LOCK_HELP, metavar="TIME"),
    output: Format = typer.Option(Format.TEXT, "--output", "-o", help="text, or one JSON event a line."),
) -> None:
    """Delete all that this project has in a cluster. The namespace and the record of what was applied stay.

    Of an ephemeral environment the namespace goes, too, with all that is in it.
    """
    screen = screen_of(context)
    limits = _limits("0s", lock_timeout)
    asked = Destruction(approve=approve, allow_destroy=allow_destroy, limits=limits, output=output)
    if expired:
        from mlopsctl.cli.expiring import expired_environments

        codes = [_destroyed_or_told(screen, name, asked) for name in expired_environments(screen, env)]
        raise typer.Exit(max(codes, default=ExitCode.DONE))
    raise typer.Exit(_destroyed(screen, env, asked))


@frozen(kw_only=True)
class Destruction:
    """How an environment is destroyed. `limits` are in seconds, as for an apply."""

    approve: bool
    allow_destroy: bool
    limits: tuple[float, float]
    output: Format


def _destroyed(screen: Screen, env: str, asked: Destruction) -> ExitCode:
    """Delete what is in one environment; what the command ends with. Raises DiagnosedError if it can't begin."""
    from mlopsctl.cluster.ephemeral import going

    planned = against(screen, screen.compile_for_cluster(env), ())
    if said := going(planned.site):
        typer.echo(said, err=True)
        return ExitCode.DONE
    if planned.site.environment.is_protected:
        _guard(planned, allow_destroy=asked.allow_destroy)
    _show(screen, planned.plan, asked.output)
    guest = planned.site.environment.ephemeral
    is_empty = planned.plan.is_empty and not planned.plan.inventory.version
    if is_empty and guest is None:
        return ExitCode.DONE
    whole = f", and the namespace {planned.site.environment.namespace}" if guest else ""
    if guest or not planned.plan.is_empty:  # else what is left is what stood for the objects
        _confirm(planned, f"Delete all this{whole}?", approve=asked.approve, otherwise="give --auto-approve")
    operation = _operation(screen, planned, asked.limits)
    if is_empty:
        operation.leave()
        return ExitCode.DONE
    return _carried_out(screen, asked.output, operation.destroy)


def _destroyed_or_told(screen: Screen, env: str, asked: Destruction) -> ExitCode:
    """The same, where what can't be begun is told and keeps nobody from what comes after it."""
    try:
        return _destroyed(screen, env, asked)
    except DiagnosedError as error:
        screen.complain(error.diagnostics)
        return exit_code_of(error.diagnostics)


def unlock(
    context: typer.Context,
    lock_id: str = typer.Argument(..., help="The id that the message about the lock names.", metavar="ID"),
    env: str = typer.Option("", "--env", "-e", help=ENV_HELP, metavar="NAME"),
) -> None:
    """Free the lock of an apply that is dead. One that is alive then stops by itself."""
    from mlopsctl.cluster.lock import Terms, break_lock

    screen = screen_of(context)
    site = reached(screen, screen.compile_for_cluster(env))
    terms = Terms(name=site.estate.name, namespace=site.estate.namespace)
    holder = break_lock(site.objects.connection, terms, lock_id)
    typer.echo(f"unlocked; it was held by {holder.identity} since {holder.started}")


def _saved(screen: Screen, file: str, reviewed: str) -> Planned:
    """A plan from a file, with what it is to be applied to."""
    from mlopsctl.plan.faults import other_target
    from mlopsctl.plan.file import read_plan

    plan = read_plan(Path(file))
    compilation = screen.compile_for_cluster(plan.target.environment)
    if plan.provenance.project != compilation.sources.name:
        here = "apply it in the folder of its project"
        raise DiagnosedError(other_target("the project", plan.provenance.project, compilation.sources.name, here))
    hold_releases(screen, compilation)
    found = approvals(compilation, plan, reviewed)
    site = reached(screen, compilation)
    return Planned(plan=plan, compilation=compilation, site=site, manifests={}, approvals=found)


def _guard(planned: Planned, *, allow_destroy: bool) -> None:
    """Raise DiagnosedError if the plan deletes more than somebody is likely to want."""
    from mlopsctl.plan.guard import refusals

    environment = planned.site.environment
    place = environment.origin.value("protected") if environment.is_protected else None
    found = refusals(planned.plan, allow_destroy=allow_destroy, is_protected=environment.is_protected, place=place)
    if found:
        raise DiagnosedError(*found)


def _show(screen: Screen, plan: "Plan", output: Format) -> None:
    if output is Format.TEXT and not screen.quiet:
        show(screen, plan, command="")


def _confirm(planned: Planned, question: str, *, approve: bool, otherwise: str) -> None:
    """Ask whether to go on. Only the word counts, and where nobody can be asked, what to do otherwise is said."""
    if approve:
        return
    word = planned.site.environment.name if planned.site.environment.is_protected else "yes"
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise typer.BadParameter(f"nobody can be asked here: {otherwise}")
    sys.stderr.write(f"\nOnly `{word}` goes on. {question} ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != word:
        sys.stderr.write("nothing was changed\n")
        raise typer.Exit(ExitCode.FAILED)


def _limits(timeout: str, lock_timeout: str) -> tuple[float, float]:
    """Both in seconds."""
    from mlopsctl.ir.units import seconds

    try:
        return seconds(timeout), seconds(lock_timeout)
    except ValueError as error:
        raise typer.BadParameter(f"{error}; write it as 90s, 15m or 2h") from error


def _operation(screen: Screen, planned: Planned, limits: tuple[float, float]) -> "Operation":
    from mlopsctl.cluster.holder import holder_here
    from mlopsctl.cluster.operation import Operation
    from mlopsctl.cluster.waiting import Patience

    longest, lock_timeout = limits
    return Operation(
        plan=planned.plan,
        site=planned.site,
        manifests=planned.manifests,
        holder=holder_here(
            screen.environ, shlex.join(["mlopsctl", *sys.argv[1:]]), datetime.now(UTC).isoformat(timespec="seconds")
        ),
        patience=Patience(longest),
        lock_timeout=lock_timeout,
    )


def _carry_out(screen: Screen, output: Format, do: "Step", *, is_tacit: bool = False) -> NoReturn:
    """Do it while its events are shown; ends the command with what it came to. `is_tacit` is as below."""
    raise typer.Exit(_carried_out(screen, output, do, is_tacit=is_tacit))


def _carried_out(screen: Screen, output: Format, do: "Step", *, is_tacit: bool = False) -> ExitCode:
    """Do it while its events are shown; what it came to. If `is_tacit`, nothing is said of an end that is good."""
    from mlopsctl.plan.progress import ApplyOutcome
    from mlopsctl.report.apply_lines import render_ended

    reporter = _reporter(screen, output)
    try:
        with terminable():
            ended = do(reporter.handle)
    finally:
        reporter.close()
    if output is Format.TEXT and not (is_tacit and ended.event.outcome is ApplyOutcome.DONE):
        out = screen.out()
        sys.stdout.write(render_ended(ended.event, colour=out.colour, width=out.width))
    if ended.diagnostics:
        screen.complain(ended.diagnostics)
    if ended.event.outcome is ApplyOutcome.INTERRUPTED:
        return ExitCode.INTERRUPTED
    return exit_code_of(ended.diagnostics)


def _reporter(screen: Screen, output: Format) -> "ApplyReporter":
    from mlopsctl.report.apply_text import apply_reporter
    from mlopsctl.report.ndjson import NdjsonReporter
    from mlopsctl.report.terminal import Terminal

    if output is Format.JSON:
        return NdjsonReporter(sys.stdout)
    return apply_reporter(sys.stderr, Terminal.of(sys.stderr, screen.environ), quiet=screen.quiet)
