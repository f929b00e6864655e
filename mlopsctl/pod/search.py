"""A search in a cluster: a pod that begins it, one for each trial, and one that concludes. They meet in the store.

What a trial tries follows from the trials before it, so each pod finds out by itself, from their notes.
"""

import json
import os
from datetime import UTC, datetime

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.engine.fan_out import inputs_of
from mlopsctl.engine.notes import leave_beginning, leave_trial, read_beginning, read_trial
from mlopsctl.engine.result import StageResult
from mlopsctl.engine.search import Search, search_of
from mlopsctl.engine.stages import guarded
from mlopsctl.engine.telling import trial_end_line, trial_line
from mlopsctl.engine.work import begin as say_why
from mlopsctl.engine.work import cached, refuse_if_left_out
from mlopsctl.events import Outcome
from mlopsctl.ir.fan_out import LISTS
from mlopsctl.ir.model import TrainStage
from mlopsctl.ir.values import in_short
from mlopsctl.pod import faults
from mlopsctl.pod.parts import Notes
from mlopsctl.pod.printing import say, tell_end
from mlopsctl.pod.session import mounted_contract
from mlopsctl.pod.settings import Settings
from mlopsctl.pod.stage import DONE, exit_code, opened, settled, with_fault
from mlopsctl.runtime.figures import figure
from mlopsctl.runtime.stop import Stop
from mlopsctl.store import TrialRecord


def begin(name: str, settings: Settings, stop: Stop) -> int:
    """Find out which trials are left, and tell Argo; end the stage if there are none. The exit code.

    Raises DiagnosedError, StoreError and OSError where it can't begin, or where its end can't be noted.
    """
    search = _opened(name, settings, stop)
    ended = guarded(search.session, search.stage, lambda: _begun(search))
    if isinstance(ended, StageResult):
        _tell_argo(settings, search, search.tune.trials)
        return settled(search.session, ended)
    _tell_argo(settings, search, ended)
    say(f"{ended} of {search.tune.trials} trials are known")
    return DONE


def trial(name: str, settings: Settings, stop: Stop) -> int:
    """Run one trial, and leave a note of how it went; the exit code, by which Argo begins it again or not.

    Raises DiagnosedError, StoreError and OSError where it can't begin, or where its end can't be noted.
    """
    search, number = _opened(name, settings, stop), _number()
    parallel = search.tune.parallel
    told = _told(search, (number - 1) // parallel * parallel)
    params = search.wave(told)[number - 1 - len(told)]
    say(trial_line(number, search.tune.trials, in_short(params)))
    found = guarded(search.session, search.stage, lambda: search.attempted(number, params))
    if isinstance(found, StageResult):
        result = with_fault(found)
        leave_trial(search.session.store, settings.run, name, search.failed(number, params, result.summary))
        tell_end(result)
        return exit_code(result)
    leave_trial(search.session.store, settings.run, name, found)
    said = found.why if found.value is None else f"{search.tune.metric} {figure(found.value)}"
    outcome = Outcome.FAILED if found.value is None else Outcome.DONE
    say(trial_end_line(number, search.tune.trials, outcome, said))
    return DONE


def conclude(name: str, settings: Settings, stop: Stop) -> int:
    """Make the best trial's result the stage's; the exit code.

    Raises DiagnosedError, StoreError and OSError where it can't begin, or where its end can't be noted.
    """
    search = _opened(name, settings, stop)
    return settled(search.session, guarded(search.session, search.stage, lambda: _concluded(search)))


def _opened(name: str, settings: Settings, stop: Stop) -> Search:
    session, stage = opened(name, mounted_contract(settings), settings, stop)
    if not isinstance(stage, TrainStage) or stage.tune is None:
        searching = [other.name for other in session.pipeline.of_kind(TrainStage) if other.tune]
        raise DiagnosedError(faults.no_such_stage(name, tuple(searching), "search"))
    notes = Notes(session.store, session.run, stage.name)
    notes.expect(session.pipeline, stage)
    return search_of(session, stage, inputs_of(session, stage, notes.made))


def _begun(search: Search) -> StageResult | int:
    """The result of the stage if it is known, else how many trials at its beginning are."""
    session, stage = search.session, search.stage
    found = cached(session, stage, search.want.key)
    if found is not None:
        return found
    refuse_if_left_out(session, stage)
    reason = say_why(session, stage, search.want.parts)
    began, told = datetime.now(UTC), list[TrialRecord]()
    leave_beginning(session.store, session.run, stage.name, began)
    while asked := search.wave(told):
        records = [search.found(params) for params in asked]
        known = [(params, record) for params, record in zip(asked, records, strict=True) if record is not None]
        if len(known) < len(asked):
            break
        for params, record in known:
            told.append(search.measured(len(told) + 1, params, record))
            leave_trial(session.store, session.run, stage.name, told[-1])
    return search.concluded(told, began, reason) if len(told) == search.tune.trials else len(told)


def _concluded(search: Search) -> StageResult:
    session, stage = search.session, search.stage
    reason = session.results.why(stage.name, search.want.parts, session.code_of(stage))
    began = read_beginning(session.store, session.run, stage.name) or session.started
    return search.concluded(_told(search, search.tune.trials), began, reason)


def _told(search: Search, count: int) -> list[TrialRecord]:
    """The first trials of the search, in whole waves; one whose pod ended without a word has failed."""
    session, told = search.session, list[TrialRecord]()
    while len(told) < count:
        numbers = range(len(told) + 1, min(len(told) + search.tune.parallel, count) + 1)
        notes = [read_trial(session.store, session.run, search.stage.name, number) for number in numbers]
        asked = search.wave(told) if None in notes else []
        why = "its pod ended before it could say how it went"
        told += [
            note or search.failed(number, asked[index], why)
            for index, (number, note) in enumerate(zip(numbers, notes, strict=True))
        ]
    return told


def _tell_argo(settings: Settings, search: Search, known: int) -> None:
    """How many trials are left, and which waves of them; each wave is a text, as Argo hands on texts."""
    numbers, parallel = range(1, search.tune.trials + 1), search.tune.parallel
    waves = [json.dumps(list(numbers[first : first + parallel])) for first in range(known, len(numbers), parallel)]
    folder = settings.work / LISTS
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "waves").write_text(json.dumps(waves), encoding="utf-8")
    (folder / "left").write_text(str(len(numbers) - known), encoding="utf-8")


def _number() -> int:
    written = os.environ.get("MLOPS_TRIAL", "")
    if not (written.isascii() and written.isdecimal()):
        raise DiagnosedError(faults.setting_wrong("MLOPS_TRIAL", f"is no number: {written}"))
    return int(written)
