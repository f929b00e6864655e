"""`validate`, `explain` and `graph`: what can be said without running anything."""

import sys
from enum import StrEnum

import typer

from mlopsctl.cli.exit_codes import ExitCode
from mlopsctl.cli.screen import Screen, rules_for, screen_of
from mlopsctl.diagnostics import DiagnosedError, Diagnostic, Explanation, Finding, diagnostic, has_errors, similar


class Format(StrEnum):
    """How diagnostics are printed."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"
    JUNIT = "junit"


class Picture(StrEnum):
    """How a graph is drawn."""

    TEXT = "text"
    MERMAID = "mermaid"
    SVG = "svg"


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(validate)
    app.command()(explain)
    app.command()(graph)


def validate(
    context: typer.Context,
    path: str = typer.Argument(
        "", help="A project's folder or file; by default the one that rules this folder.", metavar="PATH"
    ),
    output: Format = typer.Option(Format.TEXT, "--output", "-o", help="How errors are printed."),
) -> None:
    """Show every error of every file at once. Needs no cluster and no network."""
    from mlopsctl.compiler import check_everywhere

    screen = screen_of(context)
    sources = screen.load(path)
    found = check_everywhere(sources, rules_for(sources))
    if output is Format.TEXT:
        if found:
            screen.complain(found)
        elif not screen.quiet:
            names = ", ".join(source.name for source in sources.pipelines) or "no pipeline"
            typer.echo(f"valid: {names}")
    else:
        sys.stdout.write(_rendered(screen, found, output))
    raise typer.Exit(ExitCode.FAILED if has_errors(found) else ExitCode.DONE)


def _rendered(screen: Screen, found: tuple[Diagnostic, ...], output: Format) -> str:
    from mlopsctl import __version__
    from mlopsctl.cli.catalogue import all_explanations
    from mlopsctl.report import github, json_output, junit, sarif

    match output:
        case Format.SARIF:
            return sarif.render(found, screen.texts, explanations=all_explanations(), version=__version__)
        case Format.GITHUB:
            return github.render(found, screen.texts)
        case Format.JUNIT:
            return junit.render(found, screen.texts)
        case Format.JSON | Format.TEXT:
            return json_output.render(found, screen.texts)


def explain(code: str = typer.Argument(..., help="A code such as MLO204.", metavar="CODE")) -> None:
    """Say what an error means, what causes it, and how to mend it."""
    from mlopsctl.cli.catalogue import all_explanations

    known = all_explanations()
    found = known.get(code.upper())
    if found is None:
        raise DiagnosedError(no_such_code(code, known))
    title = found.name.replace("_", " ")
    typer.echo(f"{found.code}: {title} ({found.severity})\n\n{found.text}")


def graph(
    context: typer.Context,
    pipeline: str = typer.Argument("", help="The pipeline's name, if there are several.", metavar="PIPELINE"),
    output: Picture = typer.Option(Picture.TEXT, "--output", "-o", help="How it is drawn."),
    env: str = typer.Option("local", "--env", "-e", help="The environment whose overrides count.", metavar="NAME"),
) -> None:
    """Draw which stage reads what of which."""
    from mlopsctl.cli.graphs import graph_of
    from mlopsctl.compilation import chosen_pipeline
    from mlopsctl.report.graph import render_mermaid, render_text
    from mlopsctl.report.svg import render_svg

    screen = screen_of(context)
    compilation = screen.compile(environment=env)
    if not compilation.succeeded:
        screen.complain(compilation.diagnostics)
        raise typer.Exit(ExitCode.FAILED)
    chosen = chosen_pipeline(compilation, pipeline or None)
    drawn = graph_of(chosen)
    match output:
        case Picture.TEXT:
            sys.stdout.write(render_text(drawn, width=screen.out().width))
        case Picture.MERMAID:
            sys.stdout.write(render_mermaid(drawn))
        case Picture.SVG:
            sys.stdout.write(render_svg(drawn, title=chosen.name))


@diagnostic("MLO017")
def no_such_code(code: str, known: dict[str, Explanation]) -> Finding:
    """`explain` is asked for a code that doesn't exist.

    Fix: copy the code from the message, such as MLO204.
    """
    near = similar(code.upper(), known)
    return Finding(
        message=f"there is no code `{code}`",
        helps=(f"a code that is close: `{near}`" if near else f"codes go from {min(known)} to {max(known)}",),
    )
