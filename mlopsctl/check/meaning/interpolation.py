"""Rules about `${…}`: that each names something, which may be named there."""

import re
from collections.abc import Iterator
from itertools import chain

from mlopsctl.check.advice import closest, listed
from mlopsctl.check.meaning.uses import ROOTS, SOURCE, fits, forms, in_webhooks, is_secret, named, uses
from mlopsctl.diagnostics import Finding, Severity, rule, similar
from mlopsctl.ir.command import variable_name
from mlopsctl.ir.model import DeployStage, Pipeline, TrainStage
from mlopsctl.source.nodes import Path, scalars

_ROOTS = f"references begin with {listed(sorted(ROOTS))}"
_OPENING = re.compile(r"(?<!\$)\$\{")


@rule("MLO240")
def unknown_root(pipeline: Pipeline) -> Iterator[Finding]:
    """A `${…}` begins with something that isn't there.

    Example:
        run: python train.py --trees ${param.trees} --home ${HOME}

    Fix: begin with params, inputs, outputs, secrets, run or environment. A shell variable is written `$HOME`, or
    `$${HOME}` where it needs the braces.
    """
    for use in uses(pipeline):
        if use.root not in ROOTS:
            near = similar(use.root, ROOTS)
            is_shell = len(use.reference.parts) == 1
            advice = f"for a shell variable write `${use.root}` or `$${{{use.root}}}`" if is_shell else _ROOTS
            yield Finding(
                message=f"`{use.reference}` refers to nothing: there is no `{use.root}`",
                span=use.reference.span,
                label=f"a reference can begin with `{near}`" if near else "",
                helps=() if near else (advice,),
            )


@rule("MLO241")
def unknown_param(pipeline: Pipeline) -> Iterator[Finding]:
    """A `${params.…}` names a parameter that the stage doesn't have.

    A stage has the pipeline's parameters and its own, the name in its `each`, and what its `tune` searches.

    Example:
        params: {trees: 200}
        run: python train.py --trees ${params.tres}

    Fix: correct the name, or declare the parameter under `params`.
    """
    for use in named(pipeline, "params") if "params" not in pipeline.broken_keys else ():
        searched = use.stage.tune.space if isinstance(use.stage, TrainStage) and use.stage.tune else {}
        known = [*use.stage.params, *use.stage.each, *searched]
        if use.name not in known:
            yield Finding(
                message=f"stage `{use.stage.name}` has no parameter `{use.name}`",
                span=use.reference.span,
                **closest(use.name, known, "parameter"),
            )


@rule("MLO242")
def unknown_input(pipeline: Pipeline) -> Iterator[Finding]:
    """A `${inputs.…}` names an input that the stage doesn't have.

    Example:
        inputs: {flights: flights}
        run: python train.py --data ${inputs.fligts}

    Fix: correct the name, or declare the input under `inputs`.
    """
    for use in named(pipeline, "inputs"):
        known = [*use.stage.inputs, *(["model"] if isinstance(use.stage, DeployStage) else [])]
        if use.name not in known:
            yield Finding(
                message=f"stage `{use.stage.name}` has no input `{use.name}`",
                span=use.reference.span,
                **closest(use.name, known, "input"),
            )


@rule("MLO243")
def unknown_own_output(pipeline: Pipeline) -> Iterator[Finding]:
    """A `${outputs.…}` names an output that the stage doesn't have.

    Example:
        outputs: {model: model.joblib}
        run: python train.py --model ${outputs.modle}

    Fix: correct the name, or declare the output under `outputs`.
    """
    for use in named(pipeline, "outputs"):
        if use.name not in use.stage.outputs:
            yield Finding(
                message=f"stage `{use.stage.name}` has no output `{use.name}`",
                span=use.reference.span,
                **closest(use.name, use.stage.outputs, "output"),
            )


@rule("MLO244")
def unknown_secret(pipeline: Pipeline) -> Iterator[Finding]:
    """A `${secrets.…}` names a secret that the pipeline doesn't declare.

    Example:
        secrets: {warehouse: {secret: warehouse, key: password}}
        env: {PASSWORD: "${secrets.warehose}"}

    Fix: correct the name, or declare the secret under `secrets`.
    """
    if "secrets" in pipeline.broken_keys:
        return
    staged = (use.reference for use in named(pipeline, "secrets"))
    for reference in chain(staged, filter(is_secret, in_webhooks(pipeline))):
        if reference.parts[1] not in pipeline.secrets:
            yield Finding(
                message=f"there is no secret `{reference.parts[1]}`",
                span=reference.span,
                **closest(reference.parts[1], pipeline.secrets, "secret"),
            )


@rule("MLO245")
def wrong_depth(pipeline: Pipeline) -> Iterator[Finding]:
    """A reference has too few parts, too many, or a second part that isn't there.

    Example:
        run: python train.py --date ${run.day} --all ${params} --depth ${params.tree.depth}

    Fix: write one name behind `params`, `inputs`, `outputs` and `secrets`; `run.id`, `run.date` and `environment.name`
    are all there is of the run and the environment, and `port` stands alone.
    """
    for use in uses(pipeline):
        if use.root in use.allowed and not fits(use.reference):
            yield Finding(
                message=f"`{use.reference}` refers to nothing",
                span=use.reference.span,
                helps=(f"there is {listed(forms(use.root))}",),
            )


@rule("MLO246")
def not_in_this_field(pipeline: Pipeline) -> Iterator[Finding]:
    """A reference is to something that is not known where it stands.

    `${port}` is known where a server is started. A `source` is found before anything runs, so it can name parameters,
    the date of the run and the environment only.

    Example:
        flights:
          kind: data
          source: ${inputs.raw}/flights.csv

    Fix: name what is known there, or make the data with `run`.
    """
    for use in uses(pipeline):
        is_run_id = use.allowed == SOURCE and use.reference.parts == ("run", "id")
        if (use.root in ROOTS and use.root not in use.allowed) or is_run_id:
            known = [form for root in sorted(use.allowed) for form in forms(root)]
            known = [form for form in known if not (use.allowed == SOURCE and form == "${run.id}")]
            yield Finding(
                message=f"`{use.reference}` is not known in `{use.field}`",
                span=use.reference.span,
                helps=(f"there is {listed(known)}",),
            )
    for reference in in_webhooks(pipeline):
        if not is_secret(reference):
            yield Finding(
                message=f"`{reference}` is not known in `notify`",
                span=reference.span,
                helps=("there is `${secrets.NAME}`",),
            )


@rule("MLO247")
def not_interpolated(pipeline: Pipeline) -> Iterator[Finding]:
    """A `${…}` stands in a field where references are not read.

    They are read in commands (`run`), `source`, `truth`, the values of `env` and the webhooks of `notify`.

    Example:
        outputs: {model: "model-${params.month}.joblib"}

    Fix: write the value itself. The file name of an output is the same in each run, which is stored by its digest.
    """
    for path, node in scalars(pipeline.origin.node):
        is_text = isinstance(node.value, str) and _OPENING.search(node.value)
        if is_text and _is_read(pipeline, path) and not _is_interpolated(path):
            field = next(step for step in reversed(path) if isinstance(step, str))
            yield Finding(
                message=f"`${{…}}` is not read in `{field}`",
                span=node.span,
                helps=("references are read in `run`, `source`, `truth`, `env` and `notify`; write the value itself",),
            )


@rule("MLO248", Severity.WARNING)
def secret_in_command(pipeline: Pipeline) -> Iterator[Finding]:
    """A secret is an argument of a command, where every process of the machine can read it.

    Example:
        run: python extract.py --password ${secrets.warehouse}

    Fix: give it by `env`, and let the program read that variable.
    """
    for use in named(pipeline, "secrets"):
        if use.field != "env" and use.name in pipeline.secrets:
            variable = variable_name("secrets", use.name).removeprefix("MLOPS_SECRET_")
            yield Finding(
                message=f"the secret `{use.name}` is an argument of a command, which process lists show",
                span=use.reference.span,
                helps=(f"let the program read a variable: `env: {{{variable}: {use.reference}}}`",),
            )


@rule("MLO249", Severity.WARNING)
def unused_secret(pipeline: Pipeline) -> Iterator[Finding]:
    """Nothing mentions a secret. A stage sees those that it mentions and no others.

    Example:
        secrets: {warehouse: {secret: warehouse, key: password}}     # and no ${secrets.warehouse}

    Fix: mention it where it is needed, or remove it.
    """
    mentioned = {use.name for use in named(pipeline, "secrets")}
    mentioned |= {reference.parts[-1] for reference in in_webhooks(pipeline)}
    for secret in pipeline.secrets.values() if pipeline.is_whole and "notify" not in pipeline.broken_keys else ():
        if secret.name not in mentioned:
            yield Finding(message=f"nothing mentions the secret `{secret.name}`", span=secret.span)


def _is_read(pipeline: Pipeline, path: Path) -> bool:
    """Whether what stands there is of the right shape, so that somebody reads it."""
    return path[0] not in pipeline.broken_keys and not (path[0] == "stages" and path[1] in pipeline.broken)


def _is_interpolated(path: Path) -> bool:
    match path:
        case ("notify", *_) | ("stages", _, "run" | "source" | "pod" | "env", *_):
            return True
        case ("stages", _, "server" | "fallback", "run") | ("stages", _, "performance", "truth"):
            return True
        case ("stages", _, "contract", "columns", _, "pattern" | "in", *_):  # where it is a text as any other
            return True
        case _:
            return False
