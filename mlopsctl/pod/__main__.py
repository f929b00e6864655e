"""`python -m mlopsctl.pod stage NAME`: what the containers start that mlopsctl renders."""

import os
import sys
import traceback
from typing import TYPE_CHECKING

from mlopsctl.diagnostics import DiagnosedError
from mlopsctl.runtime.stop import Stop

if TYPE_CHECKING:
    from mlopsctl.pod.settings import Settings

USAGE = 64
_NAMED = ("stage", "rank", "begin", "trial", "conclude", "serve", "fallback", "fetch", "ask", "monitor")
_USAGE = """usage: python -m mlopsctl.pod stage NAME | rank NAME | begin NAME | trial NAME | conclude NAME
       | serve NAME | fallback NAME | fetch NAME | ask NAME | monitor NAME | end
"""


def main(arguments: list[str]) -> int:
    """Do what the arguments say; the exit code."""
    match arguments:
        case [what, name] if what in _NAMED:
            return _told(what, name)
        case ["end"]:
            return _told("end", "")
        case _:
            sys.stderr.write(_USAGE)
            return USAGE


def _told(what: str, name: str) -> int:
    from mlopsctl.engine import faults as engine_faults
    from mlopsctl.pod import faults, stage
    from mlopsctl.pod.printing import complain
    from mlopsctl.pod.settings import read_settings
    from mlopsctl.store import StoreError

    with Stop() as stop, stop.set_by_signals():
        try:
            return _done(what, name, read_settings(os.environ), stop)
        except DiagnosedError as error:
            complain(error.diagnostics)
        except StoreError as error:
            complain([engine_faults.store_failed(str(error), error.hint, "the store")])
        except OSError as error:
            message = f"{error.filename or 'a file'}: {error.strerror or error}"
            complain([engine_faults.disk_failed(message, "the pod")])
        except Exception:  # noqa: BLE001 - whatever it is, a traceback is no message
            complain([faults.bug(traceback.format_exc())])
            return stage.BUG
    return stage.FAILED


def _done(what: str, name: str, settings: "Settings", stop: Stop) -> int:
    """What was asked for, with no more loaded than that needs."""
    if what == "serve":
        from mlopsctl.pod import serve

        return serve.run(name, settings, stop)
    if what == "fallback":
        from mlopsctl.pod import serve

        return serve.run_fallback(name, settings, stop)
    if what == "ask":
        from mlopsctl.pod import asking

        return asking.run(name, settings)
    if what == "fetch":
        from mlopsctl.pod import models

        return models.run(name, settings, stop)
    if what == "monitor":
        from mlopsctl.pod import monitor

        return monitor.run(name, settings, stop)
    if what == "end":
        from mlopsctl.pod import end

        return end.run(settings, stop)
    return _worked(what, name, settings, stop)


def _worked(what: str, name: str, settings: "Settings", stop: Stop) -> int:
    """A stage, one of its nodes or a trial. What it kept is in the store by now, so its disk needs it no more."""
    from mlopsctl.pod.session import clear_folder

    if what == "stage":
        from mlopsctl.pod import stage

        code = stage.run(name, settings, stop)
    elif what == "rank":
        from mlopsctl.pod import rank

        code = rank.run(name, settings, stop)
    else:
        from mlopsctl.pod import search

        parts = {"begin": search.begin, "trial": search.trial, "conclude": search.conclude}
        code = parts[what](name, settings, stop)
    clear_folder(settings)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
