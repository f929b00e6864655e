"""How what goes wrong during a run is worded: one function for each code, at the line of the YAML that asked for it."""

from mlopsctl.diagnostics import Finding, Related, Span, diagnostic


@diagnostic("MLO801")
def command_failed(span: Span, stage: str, how: str, tail: tuple[str, ...]) -> Finding:
    """A stage's command ended with an error.

    Example:
        run: python train.py      # and it raises an exception

    Fix: read what it printed. Once it is mended, the same command line goes on where this run failed: what was done
    comes from the cache.
    """
    hint = {
        "exit code 127": "the shell found no such program: is it in the requirements?",
        "exit code 126": "the shell could not execute it: is the file executable?",
        "exit code 137": "it was killed, most likely for using too much memory",
        "signal SIGKILL": "it was killed from outside, most likely for using too much memory",
    }.get(how, "")
    return Finding(
        message=f"the command of `{stage}` failed with {how}",
        span=span,
        notes=tail,
        helps=(hint,) if hint else (),
    )


@diagnostic("MLO891")
def out_of_memory(span: Span | None, stage: str, how: str, limit: int | None, tail: tuple[str, ...]) -> Finding:
    """The kernel ended a command, or a process that it had started, because it took more memory than there is for it.

    In a cluster that is `resources.memory` of the stage, for all processes of its pod and for the files in memory.

    Example:
        resources: {memory: 1Gi}
        run: python train.py        # and it reads 3 GiB

    Fix: give the stage more memory, or let it take less, as by reading its data in parts. `retries` with `oom` begin it
    again by themselves, which helps where it takes more memory only at times.
    """
    most = "" if limit is None else f" of {limit / 1024 / 1024:,.0f} MiB"
    return Finding(
        message=f"`{stage}` ran out of memory: it was ended at its limit{most}, with {how}",
        span=span,
        notes=tail,
        helps=("give it more: `resources.memory` of the stage",),
    )


@diagnostic("MLO802")
def timed_out(span: Span, stage: str, limit: str) -> Finding:
    """A stage took longer than its `timeout`, so it was ended with all that it had started.

    Example:
        timeout: 10m

    Fix: give it more time, or find out what it waits for.
    """
    return Finding(message=f"`{stage}` did not end within its timeout of {limit}", span=span, label="the limit")


@diagnostic("MLO803")
def output_missing(span: Span, stage: str, output: str, path: str, command: Related) -> Finding:
    """A stage's command ended well but did not leave an output that it declares.

    Example:
        outputs: {model: model.joblib}
        run: python train.py                # which writes to another place

    Fix: pass the path to the command, as in `--model ${outputs.model}`, or read MLOPS_OUTPUT_MODEL in it.
    """
    return Finding(
        message=f"`{stage}` left no output `{output}`",
        span=span,
        label="declared here",
        related=(command,),
        helps=(f"write it to `${{outputs.{output}}}`, which ends in `{path}`",),
    )


@diagnostic("MLO804")
def cannot_start(span: Span, stage: str, message: str, hint: str) -> Finding:
    """A stage's command could not be started at all.

    Fix: the message says why; most often a program is not installed.
    """
    return Finding(message=f"`{stage}`: {message}", span=span, helps=(hint,) if hint else ())


@diagnostic("MLO805")
def environment_failed(span: Span | None, message: str, tail: tuple[str, ...], hint: str) -> Finding:
    """The pipeline's Python environment could not be made.

    Example:
        code: {requirements: requirements.lock}     # which names a version that doesn't exist

    Fix: the last lines of the installer say what is missing.
    """
    return Finding(message=message, span=span, notes=tail, helps=(hint,) if hint else ())


@diagnostic("MLO806")
def input_harmed(span: Span, stage: str, variable: str) -> Finding:
    """A stage's command wrote to one of its inputs.

    Inputs are shared with other stages and runs, which must find them as they were.

    Example:
        data.to_csv(os.environ["MLOPS_INPUT_FLIGHTS"])

    Fix: write to an output, and declare it.
    """
    return Finding(
        message=f"the command of `{stage}` changed its input `{variable}`",
        span=span,
        helps=("inputs are read-only: write to an output; the next run fetches the input anew",),
    )


@diagnostic("MLO807")
def secret_missing(span: Span | None, name: str, variable: str, stage: str) -> Finding:
    """A stage needs a secret that is not there on this machine.

    Example:
        secrets: {warehouse: {secret: warehouse, key: password}}

    Fix: set the environment variable, or put it into `.env` beside `mlops.yaml`, which git has to ignore.
    """
    return Finding(
        message=f"`{stage}` needs the secret `{name}`, which is not set here",
        span=span,
        helps=(f"set {variable}, or write it into `.env` beside `mlops.yaml`",),
    )


@diagnostic("MLO809")
def source_unreadable(span: Span, stage: str, why: str, hint: str) -> Finding:
    """The data of a stage can't be read.

    Example:
        source: data/flights-2013-13.csv

    Fix: check the path, which is relative to the pipeline's file, or the address and your rights there.
    """
    return Finding(message=f"the source of `{stage}` can't be read: {why}", span=span, helps=(hint,) if hint else ())


@diagnostic("MLO811")
def code_changed(span: Span | None, path: str) -> Finding:
    """A file of the code changed while the run was going on.

    What runs is what was fingerprinted when the run began, or nothing.

    Fix: run again.
    """
    return Finding(
        message=f"`{path}` changed while the run was going on",
        span=span,
        helps=("run again; stages that are done come from the cache",),
    )


@diagnostic("MLO812")
def not_ready(span: Span | None, stage: str, message: str, tail: tuple[str, ...], hint: str) -> Finding:
    """The server of a model did not become ready.

    Fix: the last lines of its log say why.
    """
    return Finding(message=f"`{stage}`: {message}", span=span, notes=tail, helps=(hint,) if hint else ())


@diagnostic("MLO813")
def nothing_served(pipeline: str, *, deploys: bool) -> Finding:
    """There is no release to serve: the pipeline has no deploy stage, or no run has passed it yet.

    Fix: run the pipeline to its deploy stage; give it one if it has none.
    """
    hint = f"mlopsctl run {pipeline}" if deploys else f"`{pipeline}` has no deploy stage: add one, and run it"
    return Finding(message=f"no run of `{pipeline}` has passed here, so there is nothing to serve", helps=(hint,))


@diagnostic("MLO815")
def unknown_stage(option: str, name: str, near: str | None, known: tuple[str, ...]) -> Finding:
    """`--from` or `--only` names a stage that the pipeline doesn't have.

    Fix: name one of its stages.
    """
    advice = f"a stage with a similar name: `{near}`" if near else f"the stages are {', '.join(known)}"
    return Finding(message=f"`{option} {name}`: there is no such stage", helps=(advice,))


@diagnostic("MLO816")
def not_in_cache(span: Span, stage: str, needed_by: str) -> Finding:
    """A stage that was left out by `--only` has no result yet.

    Fix: run it first, or leave `--only` out.
    """
    return Finding(
        message=f"`{needed_by}` needs `{stage}`, which has no result for this code and data yet",
        span=span,
        helps=("leave `--only` out, so that what is missing runs first",),
    )


@diagnostic("MLO817")
def serving_moved(span: Span, pipeline: str, other: str, related: tuple[Related, ...] = ()) -> Finding:
    """Another run put its release in place while this one was at it, so this one did not.

    Fix: see which of the two should serve, and run again if it is this one.
    """
    return Finding(
        message=f"another run, {other}, took over serving `{pipeline}` meanwhile",
        span=span,
        related=related,
        helps=("run again to put this one in its place: everything comes from the cache",),
    )


@diagnostic("MLO818")
def interrupted(span: Span, stage: str) -> Finding:
    """The run was interrupted while the stage was at it. Everything that it had started was ended.

    Fix: run again; stages that were done come from the cache.
    """
    return Finding(
        message=f"`{stage}` was interrupted", span=span, helps=("run again to go on where this run stopped",)
    )


@diagnostic("MLO819")
def list_unusable(span: Span, stage: str, written: str, why: str) -> Finding:
    """A stage was to make the list that another one fans out over, and what it made is no such list.

    Example:
        parts: {kind: task, run: python parts.py --to ${outputs.list}, outputs: {list: list.json}}
        model: {kind: train, each: {part: parts.list}, …}     # and list.json holds {"parts": ["AA"]}

    Fix: write a JSON list of texts, numbers or booleans, each of them once and at most 1,000: ["AA", "UA"].
    """
    return Finding(
        message=f"`{stage}` can't fan out over `{written}`: {why}",
        span=span,
        helps=('write a JSON list of different texts, numbers or booleans: ["AA", "UA"]',),
    )


@diagnostic("MLO885")
def source_not_pinned(span: Span, stage: str, address: str) -> Finding:
    """The data of a stage is a file of the project, and a pod has no other files than those that were pinned.

    Example:
        source: data/flights-${params.month}.csv      # pinned with the month that is the default, run with another

    Fix: name data elsewhere by its address, such as `s3://…`; or make the value the default and apply the pipeline.
    """
    return Finding(
        message=f"`{address}`, the source of `{stage}`, is a file that did not count when this was applied",
        span=span,
        helps=("name data by an address such as `s3://…`, or apply with this value as the default",),
    )


@diagnostic("MLO901")
def store_failed(message: str, hint: str, doing: str, span: Span | None = None) -> Finding:
    """The store can't be used: it is out of reach, full, damaged, or refuses.

    Fix: the message says which store and what it answered.
    """
    return Finding(message=f"{doing}: {message}", span=span, helps=(hint,) if hint else ())


@diagnostic("MLO902")
def disk_failed(message: str, doing: str) -> Finding:
    """A file of this machine can't be read or written: the disk is full, or the rights are missing.

    Fix: make room, or correct the rights; nothing half-written is left behind.
    """
    return Finding(message=f"{doing}: {message}")
