"""Releases that a plan lets serve: who agreed to them, and the note that an apply makes of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mlopsctl.cli.stores import store_of
from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.frozen import frozen

if TYPE_CHECKING:
    from mlopsctl.compilation import Compilation
    from mlopsctl.ir.release import Release
    from mlopsctl.plan.model import Check, Plan
    from mlopsctl.release.approvals import Agreement

APPROVALS_HELP = "A JSON file that says who agreed to the request, beside the trailers of its commits."
_SERVING = ("InferenceService", "HTTPRoute")


@frozen(kw_only=True)
class Approval:
    """A release that a plan lets serve, and who agreed to it; `required` many have to."""

    release: "Release"
    agreement: "Agreement"
    required: int


def approvals(compilation: "Compilation", plan: "Plan", file: str) -> "tuple[Approval, ...]":
    """Of each release that a plan changes what serves of; nobody is looked for where nobody has to agree.

    Raises DiagnosedError.
    """
    from mlopsctl.compilation import cluster_environment, pinned_releases
    from mlopsctl.plan.model import Action
    from mlopsctl.release.approvals import NOBODY, agreement_on, read_reviews

    environment = cluster_environment(compilation)
    required = environment.origin.integer("approvals", "required", default=0)
    reviews = read_reviews(Path(file)) if file else ()
    changed = {
        change.pipeline for change in plan.changes if change.key.kind in _SERVING and change.action is not Action.DELETE
    } - {each.pipeline for each in plan.turned_back}
    return tuple(
        Approval(
            release=release,
            agreement=agreement_on(compilation.sources.root / release.origin.name.file, reviews)
            if required
            else NOBODY,
            required=required,
        )
        for name, release in pinned_releases(compilation.sources, environment).items()
        if name in changed
    )


def checks_of(compilation: "Compilation", found: "tuple[Approval, ...]") -> "Iterator[Check]":
    """The approvals as a plan lists them."""
    from mlopsctl.ir.model import DeployStage
    from mlopsctl.plan.model import Check
    from mlopsctl.release.approvals import missing

    for each in (each for each in found if each.required):
        agreed = _agreed(each)
        short = missing(each.agreement, each.required)
        name = each.release.pipeline
        stage = next((stage.name for stage in compilation.pipelines[name].of_kind(DeployStage)), "")
        yield Check(pipeline=name, stage=stage, what=f"{agreed}, {short} missing" if short else agreed)


def insist(compilation: "Compilation", found: "tuple[Approval, ...]") -> None:
    """Raise DiagnosedError if one of the releases lacks approvals."""
    from mlopsctl.compilation import cluster_environment
    from mlopsctl.release.approvals import missing, not_approved

    origin = cluster_environment(compilation).origin
    wrong = [
        not_approved(
            each.release.pipeline,
            each.agreement,
            each.required,
            (origin.value("approvals"), each.release.origin.value("run")),
        )
        for each in found
        if missing(each.agreement, each.required)
    ]
    if wrong:
        raise DiagnosedError(*wrong)


def note(compilation: "Compilation", found: "tuple[Approval, ...]", who: str) -> None:
    """Put into the audit log what is about to serve, and who agreed to it. Raises StoreError."""
    from mlopsctl.engine.audit import Deed, Did, append

    for each in found:
        deed = Deed(
            did=Did.APPLIED,
            pipeline=each.release.pipeline,
            run=each.release.run,
            model=each.release.digest,
            commit=each.agreement.commit,
            why=_agreed(each) if each.required else "",
        )
        assert compilation.environment is not None, "it has been planned for"
        append(store_of(compilation, ""), compilation.environment.name, deed, who=who)


def _agreed(approval: Approval) -> str:
    return f"approved by {', '.join(approval.agreement.approved) or 'nobody'}"
