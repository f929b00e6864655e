"""One of the nodes of a training that is distributed: the command as one rank, and a word of how it ended.

Who began the nodes keeps the result. What they run was put into the store, and they are told its digest.
"""

import json
import os
import select
import socket
import time

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.engine.attempts import Attempts
from mlopsctl.engine.notes import leave_rank
from mlopsctl.engine.ranks import Job, Rank, RankEnd, ending_of
from mlopsctl.engine.result import StageResult
from mlopsctl.engine.stages import guarded
from mlopsctl.engine.telling import end_line
from mlopsctl.events import Outcome, StageStarted
from mlopsctl.pod import faults
from mlopsctl.pod.printing import complain, say, tell
from mlopsctl.pod.session import mounted_contract
from mlopsctl.pod.settings import Settings, wanted_setting
from mlopsctl.pod.stage import DONE, FAILED, opened, with_fault
from mlopsctl.runtime.step import StepResult
from mlopsctl.runtime.stop import Stop

NODES, JOB, COUNT, FIRST = "MLOPS_NODES", "MLOPS_JOB", "MLOPS_WORLD_SIZE", "MLOPS_FIRST"
_NUMBER = "JOB_COMPLETION_INDEX"  # which Kubernetes sets in the pods of an indexed Job
_NAMED_WITHIN = 600.0  # seconds: nodes that wait for machines of their own are begun one after the other
_PAUSE = 0.5


def run(name: str, settings: Settings, stop: Stop) -> int:
    """Run the command of a stage as one rank; the exit code.

    Raises DiagnosedError, StoreError and OSError where it can't begin, or where its end can't be noted.
    """
    session, stage = opened(name, mounted_contract(settings), settings, stop)
    nodes, rank = wanted_setting(os.environ, NODES), _told_rank()
    job = Job.from_json(json.loads(session.store.get_bytes(wanted_setting(os.environ, JOB))))
    attempts = Attempts(
        session=session,
        stage=stage,
        label=job.label,
        params=job.params,
        inputs=job.inputs,
        checkpoint=job.checkpoint,
        rank=rank,
    )
    tell(StageStarted(stage=stage.name, kind=stage.kind, attempt=1, reason=f"rank {rank.number} of {rank.count}"))

    def perform() -> RankEnd:
        await_first(rank, stop, seconds=_NAMED_WITHIN)
        return attempts.run_rank()

    found = guarded(session, stage, perform)
    end = found if isinstance(found, RankEnd) else _without_end(rank, attempts, found)
    leave_rank(session.store, session.run, nodes, end)
    complain(end.faults)
    said = end.result.ending
    how = f"exit code {said.exit_code}" if said.signal is None else f"signal {said.signal}"
    say(end_line(stage.name, Outcome.DONE if end.is_well else Outcome.FAILED, f"rank {rank.number}: {how}"))
    return DONE if end.is_well else FAILED


def _told_rank() -> Rank:
    address, _, port = wanted_setting(os.environ, FIRST).rpartition(":")
    number, count = (int(wanted_setting(os.environ, name)) for name in (_NUMBER, COUNT))
    return Rank(number=number, count=count, address=address, port=int(port))


def await_first(rank: Rank, stop: Stop, *, seconds: float) -> None:
    """Wait until rank 0 has an address: programs take a name that nobody knows yet for one that is wrong.

    Raises DiagnosedError if it has none for so long.
    """
    end = time.monotonic() + seconds
    while not stop.is_set():
        try:
            socket.getaddrinfo(rank.address, rank.port)
        except OSError as error:
            if time.monotonic() > end:
                raise DiagnosedError(faults.first_not_found(rank.address, str(error))) from error
            select.select([stop], [], [], _PAUSE)
        else:
            return


def _without_end(rank: Rank, attempts: Attempts, result: StageResult) -> RankEnd:
    """The end of a rank whose command could not begin, or whose outputs could not be kept."""
    result = with_fault(result)
    asked = result.outcome is Outcome.INTERRUPTED
    return RankEnd(
        rank=rank.number,
        result=StepResult(ending=ending_of(FAILED, reason="stopped" if asked else "exited")),
        at=time.time(),
        log=attempts.log,
        faults=() if asked else result.diagnostics,
    )
