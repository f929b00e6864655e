"""The rules about single pipelines, where so many are to be held against them that several processes do it."""

from collections.abc import Sequence

from mlopsctl.cli.shares import in_shares, processes_for
from mlopsctl.compiler import ruled
from mlopsctl.diagnostics import Diagnostic
from mlopsctl.ir.model import Pipeline
from mlopsctl.source.questions import Answers, heard, note_all


def ruled_in_shares(pipelines: Sequence[Pipeline]) -> list[list[Diagnostic]]:
    """What `ruled` finds."""
    shares = in_shares(_share, pipelines, processes_for(len(pipelines)))
    for _, answers in shares:
        note_all(answers)
    return [found for share, _ in shares for found in share]


def _share(pipelines: Sequence[Pipeline]) -> tuple[list[list[Diagnostic]], Answers]:
    with heard() as answers:
        return ruled(pipelines), answers
