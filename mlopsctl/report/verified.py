"""What came of a verification: for people, for scripts, for a forge's summary and for its table of tests."""

import json
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from mlopsctl.release.verification import Step, Verified
from mlopsctl.report.colour import Colour, painter
from mlopsctl.report.display import shown
from mlopsctl.report.markdown import code, prose
from mlopsctl.report.wording import short_run

_SIGNS = {True: ("✓", Colour.GOOD), False: ("✗", Colour.ERROR), None: ("–", Colour.FAINT)}


def render_text(found: Verified, *, colour: bool) -> str:
    """Two lines for each check: what was asked for, and what was seen."""
    paint = painter(colour=colour)
    lines = [f"verify {shown(found.pipeline)} · {shown(found.environment)} · run {short_run(found.run)}", found.url, ""]
    for step in found.steps:
        sign, how = _SIGNS[step.holds]
        lines.append(f"  {paint(sign, how)} {step.name:<8} {shown(step.expected or 'nothing asked for')}")
        lines.append(f"             {shown(step.observed)}")
    return "\n".join([*lines, "", _conclusion(found)]) + "\n"


def render_json(found: Verified) -> str:
    """As schemas/output/v1/verification.json says."""
    return json.dumps(found.to_json(), ensure_ascii=False, indent=2) + "\n"


def render_markdown(found: Verified) -> str:
    """A table for the summary of a pipeline or for a comment."""
    head = f"### Verification of {code(found.pipeline)} in {code(found.environment)}: {_conclusion(found)}"
    where = f"run {code(found.run)} · model {code(found.model)} · {code(found.url)}"
    rows = [
        f"| {_SIGNS[step.holds][0]} {step.name} | {_cell(step.expected)} | {_cell(step.observed)} |"
        for step in found.steps
    ]
    wrong = [f"- {code(fault.code)} {prose(fault.message, most=400)}" for fault in found.faults]
    table = ["| check | asked for | seen |", "|---|---|---|", *rows]
    return "\n".join([head, "", where, "", *table, *(["", *wrong] if wrong else [])]) + "\n"


def render_junit(found: Verified) -> str:
    """A test for each check."""
    failures = sum(step.holds is False for step in found.steps)
    name = f"{shown(found.pipeline)} in {shown(found.environment)}"
    root = Element("testsuites", name="mlopsctl verify", tests=str(len(found.steps)), failures=str(failures))
    suite = SubElement(root, "testsuite", name=name, tests=str(len(found.steps)), failures=str(failures))
    for step in found.steps:
        _case(suite, name, step)
    indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'


def _case(suite: Element, name: str, step: Step) -> None:
    title = f"{step.name}: {shown(step.expected)}" if step.expected else step.name
    case = SubElement(suite, "testcase", classname=name, name=title, time=f"{step.seconds:.3f}")
    if step.holds is False:
        SubElement(case, "failure", message=shown(step.observed))
    elif step.holds is None:
        SubElement(case, "skipped", message=shown(step.observed))
    else:
        SubElement(case, "system-out").text = shown(step.observed)


def _conclusion(found: Verified) -> str:
    wrong = sum(step.holds is False for step in found.steps)
    return f"refused, {wrong} of {len(found.steps)} checks fail" if wrong else "verified"


def _cell(text: str) -> str:
    return prose(text or "nothing", most=300).replace("|", "\\|")
