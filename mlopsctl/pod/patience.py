"""The store as pods use it: no work is lost because it was away for a while."""

import select
from collections.abc import Callable

from mlopsctl.pod.settings import Settings
from mlopsctl.runtime.stop import Stop
from mlopsctl.store import Outage, Store, open_store

# Seconds for which a store is waited for. It is not worth the work of hours to give up sooner; but one that a pod has
# never reached may have another address.
_AWAY, _NEVER_SEEN = 600.0, 120.0


def patient_store(settings: Settings, stop: Stop, tell: Callable[[str], None]) -> Store:
    """The store of the pod, which is waited for while it is out of reach; `tell` is told so. Raises StoreError."""

    def pause(seconds: float) -> bool:
        select.select([stop], [], [], seconds)
        return not stop.is_set()

    return open_store(settings.store).waiting(Outage(known=_AWAY, unknown=_NEVER_SEEN, tell=tell, pause=pause))
