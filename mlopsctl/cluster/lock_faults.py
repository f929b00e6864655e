"""How it is worded that somebody else applies, or that a lock isn't what one took it for."""

from mlopsctl.cluster.holder import Holder
from mlopsctl.diagnostics import Finding, diagnostic


@diagnostic("MLO856")
def held(name: str, namespace: str, holder: Holder) -> Finding:
    """Somebody else is applying the same project in the same environment.

    Only one may at a time. Who applies renews a Lease every few seconds; if they are killed, it ends by itself.

    Fix: wait, as `--lock-timeout 10m` does. `mlopsctl unlock ID` takes the lock away; who holds it stops at its next
    change, and what it had begun is left as it is.
    """
    said = ((holder.command, "command"), (holder.run, "run"), (holder.started, "since"))
    return Finding(
        message=f"`{holder.user}` on `{holder.host}` is applying, and holds the lock `{name}` in `{namespace}`",
        notes=tuple(f"{what}: {value}" for value, what in said if value),
        helps=("wait for it: --lock-timeout 10m", f"take the lock away from it: mlopsctl unlock {holder.id}"),
    )


@diagnostic("MLO857")
def lost(name: str, namespace: str) -> Finding:
    """The lock was lost in the middle of an apply: somebody took it away, or the cluster wasn't reached for too long.

    Nothing more is changed, as somebody else may be applying now.

    Fix: apply again, once nobody else does. It takes up where this one stopped.
    """
    return Finding(
        message=f"the lock `{name}` in `{namespace}` is lost",
        helps=("apply again: what was done is kept, and the rest is done then",),
    )


@diagnostic("MLO858")
def not_held(name: str, namespace: str) -> Finding:
    """There is no lock to take away: nobody is applying.

    Example:
        mlopsctl unlock 3f2a91bc     # when that apply has ended

    Fix: nothing is in the way of an apply.
    """
    return Finding(message=f"nobody holds the lock `{name}` in `{namespace}`", helps=("go on: nothing is locked",))


@diagnostic("MLO859")
def held_by_another(name: str, namespace: str, lock_id: str, holder: Holder) -> Finding:
    """The lock that was to be taken away is held by somebody else than was meant.

    Example:
        mlopsctl unlock 3f2a91bc     # which has ended, and somebody else is applying now

    Fix: see who it is; if they are to be stopped, name the id of theirs.
    """
    return Finding(
        message=f"the lock `{name}` in `{namespace}` isn't held by `{lock_id}`",
        notes=(
            f"it is held by `{holder.user}` on `{holder.host}`, since {holder.started or 'a time it does not say'}",
        ),
        helps=(f"if they are to be stopped: mlopsctl unlock {holder.id}",),
    )
