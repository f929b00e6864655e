"""Rules about a project as a whole: its environments, its names, and that its files are its own."""

import re
from collections.abc import Iterator

from mlopsctl.check.advice import closest
from mlopsctl.check.files import leaves_repository
from mlopsctl.diagnostics import Finding, Related, Severity, Span, rule
from mlopsctl.ir.model import DataStage, DeployStage, MonitorStage, Pipeline
from mlopsctl.source.header import Source
from mlopsctl.source.nodes import ScalarNode, at, key_span, value_span
from mlopsctl.source.project import Sources

Pipelines = tuple[Pipeline, ...]
_LOCAL = "local"
_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
_HOST = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)+")


@rule("MLO300")
def outside_repository(sources: Sources, pipelines: Pipelines) -> Iterator[Finding]:
    """A path leads out of the repository.

    What is not in the repository is not pinned by its commit, and is not there on other machines.

    Example:
        flights: {kind: data, source: ../../../shared/flights.csv}

    Fix: move the file into the repository, or name it by a URI such as s3://….
    """
    for pipeline in pipelines:
        for written, span in _paths(pipeline):
            if leaves_repository(pipeline.file.parent / written, sources.root):
                yield Finding(
                    message=f"`{written}` leads out of the repository",
                    span=span,
                    helps=("move it into the repository, or name data by a URI such as s3://…",),
                )


@rule("MLO701")
def promotes_from_nothing(sources: Sources, _: Pipelines) -> Iterator[Finding]:
    """An environment gets its releases from one that isn't there.

    Example:
        metadata: {name: prod}
        spec: {promotesFrom: stagng}

    Fix: use the name of an environment of this project.
    """
    known = [_LOCAL, *(environment.name for environment in sources.environments)]
    for environment in sources.environments:
        name, span = _text(environment, "promotesFrom")
        if name and name not in known:
            yield Finding(
                message=f"`{environment.name}` promotes from `{name}`, which is no environment",
                span=span,
                **closest(name, (other for other in known if other != environment.name), "environment"),
            )


@rule("MLO702")
def promotion_circle(sources: Sources, _: Pipelines) -> Iterator[Finding]:
    """Environments get their releases from each other in a circle, so that none ever gets one.

    Example:
        metadata: {name: prod}
        spec: {promotesFrom: prod}

    Fix: let the first environment of the chain promote from nowhere.
    """
    by_name = {environment.name: environment for environment in sources.environments}
    seen: set[str] = set()
    for start in by_name:
        path: list[str] = []
        name = start
        while name in by_name and name not in seen:
            seen.add(name)
            path.append(name)
            name = _text(by_name[name], "promotesFrom")[0]
        if name in path:
            circle = [*path[path.index(name) :], name]
            yield Finding(
                message=f"environments promote from each other in a circle: {' → '.join(circle[::-1])}",
                span=_text(by_name[name], "promotesFrom")[1],
            )


@rule("MLO703")
def local_in_a_cluster(sources: Sources, _: Pipelines) -> Iterator[Finding]:
    """The environment `local` names a cluster, though it is always this machine.

    Example:
        metadata: {name: local}
        spec: {cluster: {context: minikube, namespace: flights}, store: s3://ml}

    Fix: give the environment another name, or remove `cluster`.
    """
    for environment in sources.environments:
        if environment.name == _LOCAL and at(environment.root, ("spec", "cluster")) is not None:
            yield Finding(
                message="the environment `local` is this machine and can't be in a cluster",
                span=key_span(environment.root, ("spec", "cluster")),
                helps=("give the environment another name, or remove `cluster`",),
            )


@rule("MLO704", Severity.WARNING)
def image_without_digest(sources: Sources, pipelines: Pipelines) -> Iterator[Finding]:
    """A protected environment runs an image by its tag, which can be another image tomorrow.

    Example:
        protected: true
        image: registry.example.com/runtime:latest

    Fix: name the image by digest: `registry.example.com/runtime@sha256:…`.
    """
    for environment in _protected(sources):
        images = [(environment.name, *_text(environment, "image"))]
        images += [
            (environment.name, stage.image or "", stage.origin.value("image"))
            for pipeline in pipelines
            if pipeline.environment == environment.name
            for stage in pipeline.stages.values()
        ]
        for name, image, span in images:
            if image and not _DIGEST.search(image):
                yield Finding(
                    message=f"`{name}` is protected, but runs an image by its tag",
                    span=span,
                    helps=("name the image by digest: `image@sha256:…`",),
                )


@rule("MLO705", Severity.WARNING)
def protected_without_approvals(sources: Sources, _: Pipelines) -> Iterator[Finding]:
    """A protected environment takes releases that nobody has agreed to.

    Example:
        protected: true
        releases: pinned          # and no approvals

    Fix: add `approvals: {required: 1}`.
    """
    for environment in _protected(sources):
        required = at(environment.root, ("spec", "approvals", "required"))
        if required is None or (isinstance(required, ScalarNode) and required.value == 0):
            yield Finding(
                message=f"`{environment.name}` is protected, but its releases need nobody's approval",
                span=key_span(environment.root, ("spec", "protected")),
                helps=("add `approvals: {required: 1}`",),
            )


@rule("MLO706")
def bad_host(sources: Sources, _: Pipelines) -> Iterator[Finding]:
    """The host of a gateway is not the name of a host.

    Example:
        gateway: {name: public, host: models..example.com}

    Fix: write a full host name such as `models.example.com`.
    """
    for environment in sources.environments:
        host = at(environment.root, ("spec", "gateway", "host"))
        if isinstance(host, ScalarNode) and isinstance(host.value, str) and not _HOST.fullmatch(host.value):
            yield Finding(
                message=f"`{host.value}` is not the full name of a host",
                span=host.span,
                helps=("write it with its domain, such as `models.example.com`",),
            )


@rule("MLO707")
def same_name_in_cluster(_: Sources, pipelines: Pipelines) -> Iterator[Finding]:
    """Two stages of different pipelines would have the same name in a cluster.

    What is made for a stage is called `<pipeline>-<stage>`.

    Example:
        the stage `daily-model` of the pipeline `churn`, and the stage `model` of the pipeline `churn-daily`

    Fix: rename one of the four.
    """
    first: dict[str, tuple[Pipeline, Span]] = {}
    for pipeline in pipelines:
        for stage in pipeline.stages.values():
            name = f"{pipeline.name}-{stage.name}"
            if name in first and first[name][0].name != pipeline.name:
                other, where = first[name]
                yield Finding(
                    message=f"stages of `{other.name}` and `{pipeline.name}` are both called `{name}` in a cluster",
                    span=stage.origin.name,
                    related=(Related(where, "the other one"),),
                )
            first.setdefault(name, (pipeline, stage.origin.name))


@rule("MLO708")
def same_namespace(sources: Sources, _: Pipelines) -> Iterator[Finding]:
    """Two environments are in the same namespace of the same cluster, and would overwrite each other.

    Example:
        cluster: {context: shared, namespace: flights}        # in staging and in prod

    Fix: give each environment a namespace of its own.
    """
    first: dict[tuple[str, str], Source] = {}
    for environment in sources.environments:
        context, namespace = _text(environment, "cluster", "context")[0], _text(environment, "cluster", "namespace")
        key = (context, namespace[0])
        if context and key in first:
            other = first[key]
            yield Finding(
                message=f"`{environment.name}` is in the same namespace as `{other.name}`",
                span=namespace[1],
                related=(Related(_text(other, "cluster", "namespace")[1], "the other one"),),
                helps=("give each environment a namespace of its own",),
            )
        first.setdefault(key, environment)


def _paths(pipeline: Pipeline) -> Iterator[tuple[str, Span]]:
    """The paths that a pipeline names, as written."""
    code = pipeline.code.origin
    for key in ("path", "requirements") if code is not None else ():
        if code is not None and (written := code.text(key)):
            yield written, code.value(key)
    for stage in pipeline.stages.values():
        match stage:
            case DataStage(source=text) if text is not None and "://" not in str(text):
                yield str(text), text.span
            case DeployStage(load_test=test) if test is not None:
                yield test.request, test.origin.value("request")
            case MonitorStage(performance=found) if found is not None and found.truth is not None:
                if "://" not in str(found.truth):
                    yield str(found.truth), found.truth.span
            case _:
                pass


def _protected(sources: Sources) -> Iterator[Source]:
    for environment in sources.environments:
        protected = at(environment.root, ("spec", "protected"))
        if isinstance(protected, ScalarNode) and protected.value is True:
            yield environment


def _text(environment: Source, *path: str) -> tuple[str, Span]:
    """A text of an environment's spec, empty where there is none, and its place."""
    node = at(environment.root, ("spec", *path))
    value = node.value if isinstance(node, ScalarNode) and isinstance(node.value, str) else ""
    return value, value_span(environment.root, ("spec", *path))
