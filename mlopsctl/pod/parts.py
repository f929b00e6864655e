"""Fan-outs in pods: which part a pod is, what the stages of a run made, and the lists that Argo fans out over."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.engine.fan_out import items
from mlopsctl.engine.notes import Note, read_note
from mlopsctl.ir.fan_out import LISTS, part, part_name
from mlopsctl.ir.model import Pipeline, Stage
from mlopsctl.ir.parts import Item
from mlopsctl.pod import faults
from mlopsctl.pod.settings import Settings
from mlopsctl.store import Artifact, Store


@dataclass(slots=True)
class Notes:
    """The notes of the stages of a run that ended well, each of which is read once. `reader` names who asks."""

    store: Store
    run: str
    reader: str
    read: dict[str, Note] = field(default_factory=dict)

    def made(self, name: str) -> Mapping[str, Artifact]:
        """What a stage or a part of one made. Raises DiagnosedError if it didn't end well in this run."""
        if name not in self.read:
            note = read_note(self.store, self.run, name)
            if note is None or not note.opens_the_way:
                raise DiagnosedError(faults.nothing_from(self.reader, name, self.run))
            self.read[name] = note
        return self.read[name].outputs

    def expect_end_of(self, pipeline: Pipeline, stage: Stage) -> None:
        """Read the note of a stage, or those of all its parts. Raises DiagnosedError as `made` does."""
        if not stage.each:
            self.made(stage.name)
            return
        for item in items(pipeline, self.store, stage, self.made):
            self.made(part_name(stage.name, item.name))

    def expect(self, pipeline: Pipeline, stage: Stage) -> None:
        """Read what a stage waits for. Raises DiagnosedError if any of it didn't end well in this run.

        A part doesn't look at all parts of another stage: with as many of those it would be too much to read.
        """
        for source in (pipeline.stages[name] for name in pipeline.needs(stage)):
            if stage.item is None or not source.each:
                self.expect_end_of(pipeline, source)


def this_part(pipeline: Pipeline, stage: Stage, settings: Settings, store: Store) -> Stage:
    """The part of a stage that this pod is; the stage itself if it doesn't fan out. Raises DiagnosedError."""
    if not stage.each:
        return stage
    notes = Notes(store, settings.run, stage.name)
    for item in items(pipeline, store, stage, notes.made):
        if item.name == settings.item:
            return part(stage, item)
    why = f"is no item of what `{stage.name}` fans out over: {settings.item}" if settings.item else "is not set"
    raise DiagnosedError(faults.setting_wrong("MLOPS_EACH", why))


def write_lists(settings: Settings, lists: Mapping[str, tuple[Item, ...]]) -> None:
    """Leave the names of items where Argo takes them from. Names only: what is in a list might be a template to it."""
    folder = settings.work / LISTS
    folder.mkdir(parents=True, exist_ok=True)
    for output, found in lists.items():
        (folder / output).write_text(json.dumps([item.name for item in found]), encoding="utf-8")
