"""What isn't well after an apply, as values and in words."""

from mlopsctl.cluster.evidence import Evidence
from mlopsctl.diagnostics import Diagnostic, Finding, Span, diagnostic
from mlopsctl.frozen import frozen
from mlopsctl.manifest import Key
from mlopsctl.plan.health import Health

# What tells the next step, by a word of the reason; the first that fits counts.
_ADVICE = (
    ("exceeded quota", "have the quota raised, or ask for less; who uses it: kubectl --namespace {0} describe quota"),
    ("admission webhook", "change what the webhook objects to, or ask whoever runs it"),
    ("InvalidImageName", "correct the name of the image"),
    ("manifest unknown", "correct the name of the image, or push it"),
    ("Image", "see that the image is there, and that the cluster's nodes reach its registry and may pull it"),
    ("image", "see that the image is there, and that the cluster's nodes reach its registry and may pull it"),
    ("OOMKilled", "give it more memory, or let it use less"),
    ("CreateContainerConfigError", "make the ConfigMap or Secret that it names, or correct the name"),
    ("MountVolume", "make the ConfigMap, Secret or claim that it names, or correct the name"),
    ("crashes", "its last lines say why; mend it and apply again"),
    ("no node takes it", "ask for less, free or add a node, or correct what it asks of nodes"),
    ("NoSupportingRuntime", "see which runtimes there are: kubectl get servingruntimes,clusterservingruntimes"),
    ("Gateway", "correct the gateway's name, or have it made: kubectl get gateways --all-namespaces"),
)


@frozen(kw_only=True)
class Awaited:
    """An object that was applied and is waited for. `origin` is what in the source it is there for, if that is known.

    `key.namespace` is the one that it is in, never left empty for a kind that has namespaces.
    """

    key: Key
    api_version: str
    origin: Span | None


@frozen(kw_only=True)
class Unwell:
    """An object that is not ready, how it was last seen, and what tells why.

    `is_final` says that it failed; else time was up. `seconds` is how long it was waited for.
    """

    awaited: Awaited
    health: Health
    is_final: bool
    seconds: float
    evidence: Evidence


def diagnosed(unwell: Unwell) -> Diagnostic:
    """The same for who reads it."""
    return failed(unwell) if unwell.is_final else not_in_time(unwell)


def noted(unwell: Unwell) -> tuple[str, ...]:
    """What tells why, in blocks of lines."""
    found = unwell.evidence
    return (*_list("the last events:", found.events), *found.logs, *found.unseen)


@diagnostic("MLO870")
def not_in_time(unwell: Unwell) -> Finding:
    """What was applied is not ready in the time that it was given.

    Nothing is taken back: the cluster goes on with it, and a second `apply` waits again.

    Fix: the message says what it waits for. If it is only slow, as when a big model is loaded, wait longer.
    """
    return _finding(unwell, f"is not ready after {unwell.seconds:.0f} s")


@diagnostic("MLO871")
def failed(unwell: Unwell) -> Finding:
    """What was applied has failed in a way that doesn't heal by itself, so there is no use in waiting longer.

    Such are an image that isn't there, a container that crashes again and again, a ConfigMap that is missing, a quota
    that is used up.

    Fix: the message, the events and the last lines of the log say what is wrong. Mend it and apply again.
    """
    return _finding(unwell, "failed")


def _finding(unwell: Unwell, what: str) -> Finding:
    key = unwell.awaited.key
    why = f": {unwell.health.why}" if unwell.health.why else ""
    return Finding(
        message=f"{key.kind} `{key.name}` {what}{why}",
        span=unwell.awaited.origin,
        notes=noted(unwell),
        helps=(_advice(unwell),),
    )


def _list(heading: str, lines: tuple[str, ...]) -> tuple[str, ...]:
    return ("\n".join((heading, *(f"  {line}" for line in lines))),) if lines else ()


def _advice(unwell: Unwell) -> str:
    key, why = unwell.awaited.key, unwell.health.why
    inside = f"--namespace {key.namespace} " if key.namespace else ""
    kind = f"{key.kind}.{key.group}".lower() if key.group else key.kind.lower()
    otherwise = f"see more of it: kubectl {inside}describe {kind} {key.name}"
    return next((advice.format(key.namespace) for sign, advice in _ADVICE if sign in why), otherwise)
