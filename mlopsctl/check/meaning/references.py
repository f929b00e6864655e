"""Rules about what refers to what: stages that are there, outputs that they make, and no circles."""

from collections.abc import Iterator

from mlopsctl.check.advice import closest
from mlopsctl.diagnostics import Finding, Related, rule
from mlopsctl.ir.fan_out import UnusableListError, is_paired, list_of, written_items
from mlopsctl.ir.model import DeployStage, MonitorStage, Pipeline, Stage
from mlopsctl.ir.parts import Named, StageOutput


@rule("MLO204")
def unknown_stage(pipeline: Pipeline) -> Iterator[Finding]:
    """A stage reads from or waits for a stage that isn't there.

    Example:
        quality:
          kind: evaluate
          inputs: {model: modle}

    Fix: use the name of a stage of this pipeline.
    """
    known = [*pipeline.stages, *pipeline.broken]
    for stage, upstream in pipeline.references():
        if upstream.name not in known:
            reads = isinstance(upstream, StageOutput)
            verb, end = ("reads", "which no stage produces") if reads else ("names", "which is no stage")
            yield Finding(
                message=f"stage `{stage.name}` {verb} `{upstream.name}`, {end}",
                span=upstream.span,
                **closest(upstream.name, (name for name in known if name != stage.name), "stage"),
            )


@rule("MLO205")
def unknown_output(pipeline: Pipeline) -> Iterator[Finding]:
    """A stage reads an output that the other stage doesn't have.

    Example:
        model: {kind: train, outputs: {model: model.joblib}, …}
        quality: {kind: evaluate, inputs: {model: model.modle}, …}

    Fix: use the name of an output of that stage, or the stage's name alone for its first output.
    """
    for stage, read, source in pipeline.reads():
        if read.output and source.outputs and read.output not in source.outputs:
            yield Finding(
                message=f"stage `{stage.name}` reads `{read.output}` of `{source.name}`, which has no such output",
                span=read.span,
                related=(Related(source.origin.key("outputs"), f"the outputs of `{source.name}`"),),
                **closest(read.output, source.outputs, "output"),
            )


@rule("MLO206")
def self_reference(pipeline: Pipeline) -> Iterator[Finding]:
    """A stage reads from or waits for itself.

    Example:
        model:
          kind: train
          inputs: {previous: model}

    Fix: name the stage that is meant. A training that goes on from an earlier state uses `checkpoint`.
    """
    for stage, upstream in pipeline.references():
        if upstream.name == stage.name:
            yield Finding(message=f"stage `{stage.name}` waits for itself", span=upstream.span)


@rule("MLO207")
def cycle(pipeline: Pipeline) -> Iterator[Finding]:
    """Stages wait for each other in a circle, so that none of them can begin.

    Example:
        features: {kind: task, inputs: {model: model}, …}
        model: {kind: train, inputs: {table: features}, …}

    Fix: remove one of the references that the message shows.
    """
    for names in _cycles(pipeline):
        circle = [*names, names[0]]
        waits = list(zip(circle[1:], circle, strict=False))
        first, *others = (_reference(pipeline.stages[stage], upstream) for stage, upstream in waits)
        yield Finding(
            message=f"stages wait for each other in a circle: {' → '.join(f'`{name}`' for name in circle)}",
            span=first.span,
            label=f"`{waits[0][0]}` waits for `{waits[0][1]}`",
            related=tuple(
                Related(other.span, f"`{stage}` waits for `{upstream}`")
                for other, (stage, upstream) in zip(others, waits[1:], strict=True)
            ),
            helps=("remove one of these references",),
        )


@rule("MLO208")
def some_of_a_fan_out(pipeline: Pipeline) -> Iterator[Finding]:
    """A stage reads a fanned-out stage as if it were one.

    Example:
        parts: {kind: task, each: {carrier: [AA, UA]}, outputs: {table: table.csv}, …}
        model: {kind: train, inputs: {table: parts}, …}

    Fix: write `parts[*]`, a folder with one entry for each part. A stage that fans out over the same list can leave it
    out, and reads in each of its parts the part for the same value.
    """
    for stage, read, source in pipeline.reads():
        # Of a model that is served, and of a list to fan out over, no `[*]` would mend it: MLO506, MLO223.
        is_elsewhere = (isinstance(stage, DeployStage) and read is stage.model) or read is list_of(stage)
        if source.each and not read.every and not is_elsewhere and not is_paired(stage, source):
            written = f"{source.name}[*].{read.output}" if read.output else f"{source.name}[*]"
            yield Finding(
                message=f"stage `{stage.name}` reads `{source.name}`, which fans out into several parts",
                span=read.span,
                related=(Related(source.origin.key("each"), "fans out here"),),
                helps=(f"to read all parts, write `{written}`: a folder with one entry for each",),
            )


@rule("MLO223")
def list_of_a_fan_out(pipeline: Pipeline) -> Iterator[Finding]:
    """A stage fans out over a list of a stage that fans out itself, which makes one list in each of its parts.

    Example:
        files: {kind: task, each: {month: [1, 2]}, outputs: {names: names.json}, …}
        model: {kind: train, each: {file: files.names}, …}

    Fix: add a stage that reads `files[*].names` and makes one list of them.
    """
    for stage in pipeline.stages.values():
        read = list_of(stage)
        source = pipeline.stages.get(read.stage) if read else None
        if read is not None and source is not None and source.each and source is not stage:
            yield Finding(
                message=f"`{stage.name}` fans out over a list of `{source.name}`, which fans out into several parts",
                span=read.span,
                related=(Related(source.origin.key("each"), "fans out here"),),
                helps=(f"add a stage that reads `{source.name}[*]` and makes one list",),
            )


@rule("MLO219")
def unusable_list(pipeline: Pipeline) -> Iterator[Finding]:
    """The values of a fan-out can't be told apart by their names, or can't be names of files.

    A part is called after its value, and so is its entry in the folder of all parts.

    Example:
        each: {version: ["1", 1]}

    Fix: write each value once, none of them empty or too long for the name of a file, and at most 1,000.
    """
    for stage in pipeline.stages.values():
        try:
            written_items(stage)
        except UnusableListError as error:
            (name,) = stage.each
            message = f"`{stage.name}` can't fan out over this list: {error}"
            yield Finding(message=message, span=stage.origin.value("each", name))


@rule("MLO209")
def all_of_one(pipeline: Pipeline) -> Iterator[Finding]:
    """A stage reads all parts of a stage that has no parts.

    Example:
        model: {kind: train, outputs: {model: model.joblib}, …}
        quality: {kind: evaluate, inputs: {models: "model[*]"}, …}

    Fix: leave out `[*]`, or fan the other stage out with `each`.
    """
    for stage, read, source in pipeline.reads():
        if read.every and not source.each:
            yield Finding(
                message=f"stage `{stage.name}` reads all parts of `{source.name}`, which does not fan out",
                span=read.span,
                helps=(f"leave out `[*]`, or give `{source.name}` an `each`",),
            )


@rule("MLO210")
def nothing_to_read(pipeline: Pipeline) -> Iterator[Finding]:
    """A stage reads from a stage that makes nothing.

    Example:
        report:
          kind: task
          inputs: {endpoint: serve}     # a deploy stage

    Fix: read from a stage with outputs; to wait without reading, use `requires`.
    """
    for stage, read, source in pipeline.reads():
        if not source.outputs:
            is_command = not isinstance(source, DeployStage | MonitorStage)
            wait = f"to wait for `{source.name}` without reading, name it under `requires`"
            yield Finding(
                message=f"stage `{stage.name}` reads `{source.name}`, which has no outputs",
                span=read.span,
                helps=(f"give `{source.name}` an `outputs`", wait) if is_command else (wait,),
            )


def _cycles(pipeline: Pipeline) -> Iterator[list[str]]:
    """Circles that share no stage, each from the stage that is written first, in the direction in which data flows."""
    waiting = {name: pipeline.needs(stage) for name, stage in pipeline.stages.items()}
    while waiting:
        free = [name for name, needs in waiting.items() if not any(other in waiting for other in needs)]
        done = free or _circle(waiting)
        if not free:
            first = min(done, key=list(pipeline.stages).index)
            at = done.index(first)
            yield done[at:] + done[:at]
        for name in done:
            del waiting[name]


def _circle(waiting: dict[str, tuple[str, ...]]) -> list[str]:
    """A circle among stages of which each waits for another."""
    path = [next(iter(waiting))]
    while (upstream := next(name for name in waiting[path[-1]] if name in waiting)) not in path:
        path.append(upstream)
    return path[path.index(upstream) :][::-1]


def _reference(stage: Stage, upstream: str) -> StageOutput | Named:
    return next(reference for reference in stage.upstream() if reference.name == upstream)
