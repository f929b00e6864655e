"""Policies judged: each rule held against the stages or pipelines that it is for, in one environment."""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from mlopsctl.check.policy import expression, facts, faults, fields
from mlopsctl.check.policy.expression import NoAnswerError, Rule
from mlopsctl.diagnostics import Diagnostic, Severity, Span
from mlopsctl.frozen import frozen
from mlopsctl.ir.model import Pipeline, Stage
from mlopsctl.ir.origin import Origin
from mlopsctl.ir.policy import Policy, Verdict, read_policy
from mlopsctl.source.ephemeral import names_of
from mlopsctl.source.header import Source
from mlopsctl.source.interpolation import Reference
from mlopsctl.source.nodes import Json, value_span
from mlopsctl.source.places import part_of


@frozen
class Judgement:
    """What came of the policies that are for an environment, in the order of their files, and what is wrong."""

    verdicts: tuple[Verdict, ...]
    diagnostics: tuple[Diagnostic, ...]


@frozen(kw_only=True)
class Scene:
    """What policies are held against: an environment with its pipelines, their documents and its releases.

    `source` is None for this machine where no document describes it; `others` are the names of all environments.
    """

    environment: str
    source: Source | None
    pipelines: Mapping[str, Pipeline]
    documents: Mapping[str, Source]
    releases: tuple[Source, ...]
    others: tuple[str, ...]


@frozen
class _Case:
    """One thing that a rule is asked of: what it sees, and where that is written."""

    about: str
    sees: Mapping[str, Json]
    origin: Mapping[str, Origin]
    place: Span


def judge(policies: Iterable[Source], scene: Scene) -> Judgement:
    """What the policies whose shape is right say in an environment. Nothing is loaded if there are none."""
    read = [read_policy(source) for source in policies]
    if not read:
        return Judgement((), ())
    if not expression.is_installed():
        return Judgement((), (faults.not_judged(read),))
    verdicts: list[Verdict] = []
    found: list[Diagnostic] = []
    names = names_of(scene.source) if scene.source else ()
    for policy in read:
        rule, wrong = _rule(policy, scene)
        found += wrong
        if rule is not None and policy.environment in ("", scene.environment, *names):
            said = list(_breaches(policy, rule, scene))
            found += said
            verdicts.append(Verdict(policy.name, policy.severity, not said))
    return Judgement(tuple(verdicts), tuple(found))


def _rule(policy: Policy, scene: Scene) -> tuple[Rule | None, list[Diagnostic]]:
    """The rule of a policy if it can be asked, and what is wrong with the policy itself."""
    wrong = [*_unknown_fields(policy), *_unknown_references(policy)]
    rule = expression.read(policy.text)
    if not isinstance(rule, Rule):
        wrong += [faults.bad_rule(policy, each.what, part_of(policy.rule, each.start, each.end)) for each in rule]
    is_askable = isinstance(rule, Rule) and not wrong
    if policy.environment and policy.environment not in scene.others:
        wrong.append(faults.for_no_environment(policy, list(scene.others)))
    return (rule if isinstance(rule, Rule) and is_askable else None), wrong


def _unknown_fields(policy: Policy) -> Iterator[Diagnostic]:
    for mention in expression.mentions(policy.text):
        if slip := fields.slip(mention.path, policy.stage_kind):
            start, end = mention.places[slip.index]
            yield faults.unknown_field(policy, slip.name, slip.of, slip.known, part_of(policy.rule, start, end))


def _unknown_references(policy: Policy) -> Iterator[Diagnostic]:
    for reference in policy.message.references():
        if reference.parts[0] not in expression.VARIABLES:
            yield faults.unknown_reference(str(reference), expression.VARIABLES, reference.span)
        elif slip := fields.slip(reference.parts, policy.stage_kind):
            yield faults.unknown_field(policy, slip.name, slip.of, slip.known, reference.span)


def _breaches(policy: Policy, rule: Rule, scene: Scene) -> Iterator[Diagnostic]:
    said = faults.broken if policy.severity is Severity.ERROR else faults.advised
    for case in _cases(policy, scene):
        place = _place(policy, case)
        try:
            if not rule.holds(case.sees):
                yield said(policy, policy.message.resolved(partial(_shown, case.sees)), place)
        except NoAnswerError as error:
            yield faults.no_answer(policy, case.about, str(error), place)
            return  # as others have the same to say


def _cases(policy: Policy, scene: Scene) -> Iterator[_Case]:
    """Each stage that a policy is for; or each pipeline, if the rule doesn't speak of stages."""
    environment = facts.of_environment(scene.environment, scene.source)
    is_of_stages = policy.stage_kind or any(each.path[0] == "stage" for each in expression.mentions(policy.text))
    for name, pipeline in scene.pipelines.items():
        document = scene.documents[name]
        release = next((each for each in scene.releases if each.name == name), None)
        seen = facts.of_pipeline(pipeline, document, environment["image"])
        around = {"pipeline": seen, "environment": environment, "release": facts.of_release(release)}
        origin = {"pipeline": Origin(document.root, document.root.span)}
        if not is_of_stages:
            place = value_span(document.root, ("metadata", "name"))
            yield _Case(f"pipeline `{name}`", {**around, "stage": None}, origin, place)
            continue
        for stage in pipeline.stages.values():
            if policy.stage_kind in ("", stage.kind):
                yield _case(stage, around, origin)


def _case(stage: Stage, around: Mapping[str, Json], origin: Mapping[str, Origin]) -> _Case:
    seen = around["pipeline"]
    assert isinstance(seen, dict)
    assert isinstance(seen["stages"], dict)
    sees = {**around, "stage": seen["stages"][stage.name]}
    return _Case(f"stage `{stage.name}`", sees, {**origin, "stage": stage.origin}, stage.origin.name)


def _place(policy: Policy, case: _Case) -> Span:
    """Where the first of the fields that a rule names is written, else where what it is asked of is."""
    for mention in expression.mentions(policy.text):
        root, *path = mention.path
        if root == "stage" and path and "stage" in case.origin and case.origin["stage"].has(path[0]):
            return case.origin["stage"].value(*path)
        if root == "pipeline" and path and "stage" not in case.origin:
            for section in ("metadata", "spec"):
                if case.origin["pipeline"].has(section, path[0]) and path[0] != "stages":
                    return case.origin["pipeline"].value(section, *path)
    return case.place


def _shown(sees: Mapping[str, Json], reference: Reference) -> str:
    """What a reference in a message stands for."""
    value: Json = dict(sees)
    for part in reference.parts:
        value = value.get(part) if isinstance(value, dict) else None
    if value is None:
        return "nothing"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
