"""What a cluster's refusal of an object means, and at which line of the source it is to be mended."""

import re
from collections.abc import Iterator

from mlopsctl.cluster import object_faults as faults
from mlopsctl.cluster.errors import Absent, Cause, ClusterError, Conflicted, Refused
from mlopsctl.cluster.field_paths import path_of
from mlopsctl.cluster.transport import short
from mlopsctl.cluster.troubles import failing_webhook
from mlopsctl.diagnostics import Diagnostic, Span
from mlopsctl.manifest import Manifest

_INVALID, _TOO_LARGE = 422, 413
_DENIED = re.compile(
    r"(?:admission webhook \"(?P<webhook>[^\"]*)\" denied the request(?: without explanation)?:?"
    r"|ValidatingAdmissionPolicy '(?P<policy>[^']*)' with binding '[^']*' denied request:)\s*(?P<why>.*)",
    re.DOTALL,
)
_QUOTA = re.compile(r"exceeded quota: (?P<quota>[^,]*), (?P<why>.*)", re.DOTALL)
_TERMINATING = re.compile(r"in namespace (\S+) because it is being terminated")
_LARGE = re.compile(r"Too long: .*?(\d{5,}) bytes")
_GRANTED = re.compile(
    r"\{(?:APIGroups:\[(?P<groups>[^]]*)\], )?(?:Resources:\[(?P<resources>[^]]*)\], )?"
    r"[^}]*?Verbs:\[(?P<verbs>[^]]*)\]\}"
)
_UNKNOWN = re.compile(r'unknown field "([^"]*)"')
_UNTYPED = re.compile(r"^\s*(?P<field>[.\[][^\n]*?): (?P<why>[^\n]*)$", re.MULTILINE)
_WHOLE = ("", "[]", "<nil>")  # how servers write the field that is the object itself
_UNDECLARED = "field not declared in schema"
_FIXED = re.compile(
    r"immutable|may not change once set|cannot change roleRef|updates to .* are forbidden|may not (?:be )?change"
    r"|can(?:not|'t| not) be (?:changed|updated|modified)",
    re.IGNORECASE,
)
_FIELD = re.compile(r"(?<![\w.])\.?(?:spec|metadata|data)(?:[.\[][^\s,;:'\"()]*)+")


def is_immutable(error: ClusterError) -> bool:
    """Whether it is refused only as fields can't be changed in place; deleted and made again, it may be taken."""
    if not isinstance(error, Refused) or error.status != _INVALID or _DENIED.search(error.message):
        return False
    return bool(error.causes) and all(_FIXED.search(cause.message) for cause in error.causes)


def refusals_of(error: ClusterError, manifest: Manifest) -> tuple[Diagnostic, ...]:
    """Why the cluster doesn't take an object, where in the source each reason comes from, and what to do.

    Of what isn't about the object, such as a server that is away or a right that is missing, it is the error's own.
    """
    if isinstance(error, Conflicted):
        return tuple(_conflicts(error, manifest))
    if isinstance(error, Absent):
        return (_absence(error, manifest),)
    if isinstance(error, Refused):
        for read in _READINGS:
            if found := tuple(read(error, manifest)):
                return found
        return (faults.not_taken(manifest.origin, str(manifest.key), error.status, short(error.message)),)
    return error.diagnostics


def _conflicts(error: Conflicted, manifest: Manifest) -> Iterator[Diagnostic]:
    for conflict in error.conflicts:
        fields = tuple(field.removeprefix(".") for field in conflict.fields)
        yield faults.conflicted(_place(fields[0], manifest), str(manifest.key), conflict.manager, fields)


def _absence(error: Absent, manifest: Manifest) -> Diagnostic:
    """A definition that is missing, or the namespace."""
    if error.kind == "namespaces":
        return faults.no_namespace(manifest.origin, str(manifest.key), error.name)
    return faults.no_definition(manifest.origin, manifest.key.kind, manifest.api_version)


def _denial(error: Refused, manifest: Manifest) -> Iterator[Diagnostic]:
    if match := _DENIED.search(error.message):
        who = f"the webhook `{match['webhook']}`" if match["webhook"] else f"the policy `{match['policy']}`"
        # Rules name fields in words of their own; what the source says of one of them is the better place.
        named = [*(cause.field for cause in error.causes), *_FIELD.findall(match["why"])]
        spans = (_place(field, manifest) for field in named if field)
        span = next((span for span in spans if span != manifest.origin), manifest.origin)
        yield faults.denied(span, str(manifest.key), who, short(match["why"]) or "it doesn't say why")


def _webhook(error: Refused, manifest: Manifest) -> Iterator[Diagnostic]:
    if found := failing_webhook(error.message):
        name, why = found
        yield faults.webhook_fails(manifest.origin, str(manifest.key), name, short(why))


def _quota(error: Refused, manifest: Manifest) -> Iterator[Diagnostic]:
    if match := _QUOTA.search(error.message):
        yield faults.over_quota(manifest.origin, str(manifest.key), match["quota"], short(match["why"]))


def _termination(error: Refused, manifest: Manifest) -> Iterator[Diagnostic]:
    if match := _TERMINATING.search(error.message):
        yield faults.namespace_terminating(manifest.origin, str(manifest.key), match[1])


def _size(error: Refused, manifest: Manifest) -> Iterator[Diagnostic]:
    if error.status == _TOO_LARGE or "request is too large" in error.message or _LARGE.search(error.message):
        field, why = next(((cause.field, cause.message) for cause in error.causes), ("", error.message))
        yield faults.too_large(_place(field, manifest), str(manifest.key), short(why.removeprefix("Too long: ")))


def _escalation(error: Refused, manifest: Manifest) -> Iterator[Diagnostic]:
    if "attempting to grant RBAC permissions not currently held" in error.message:
        rights = tuple(dict.fromkeys(_right(match) for match in _GRANTED.finditer(error.message)))
        yield faults.rights_not_held(manifest.origin, str(manifest.key), rights)


def _unknown(error: Refused, manifest: Manifest) -> Iterator[Diagnostic]:
    """Fields that the definition lacks; a server says so in one way if it reads them, in another if it merges."""
    undeclared = [cause.field for cause in _untyped(error) if cause.message == _UNDECLARED]
    for field in undeclared or _UNKNOWN.findall(error.message):
        yield faults.unknown_field(_place(field, manifest), str(manifest.key), field.removeprefix("."))


def _invalidity(error: Refused, manifest: Manifest) -> Iterator[Diagnostic]:
    """Values that are wrong: of a type that can't be merged, or against the definition's schema and rules."""
    fault = faults.immutable if is_immutable(error) else faults.invalid
    for cause in error.causes if error.status == _INVALID else _untyped(error):
        where = "" if cause.field in _WHOLE else cause.field.removeprefix(".")
        yield fault(_place(where, manifest), str(manifest.key), where, _own_words(cause))


_READINGS = (_denial, _webhook, _termination, _quota, _escalation, _size, _unknown, _invalidity)


def _place(field: str, manifest: Manifest) -> Span:
    return manifest.place(path_of(field, manifest.document))


def _untyped(error: Refused) -> list[Cause]:
    """What keeps an object from being merged, which servers say in their message alone."""
    _, sign, reasons = error.message.partition("failed to create typed patch object")
    text = reasons.partition("): ")[2].removeprefix("errors:") if sign else ""
    return [Cause("", match["field"], match["why"]) for match in _UNTYPED.finditer(text)]


def _own_words(cause: Cause) -> str:
    """What a cause says beside the field, which it may name a second time, and values in the notation of Go."""
    said = cause.message.replace(f"{cause.field} in body ", "").partition(", got &")[0]
    return short(said.removeprefix('Invalid value: "object": ').removeprefix("Invalid value: null: "))


def _right(match: re.Match[str]) -> str:
    """`create workflows.argoproj.io`, as kubectl names resources."""
    verbs, resources, groups = (
        [name for name in re.split(r'[", ]+', match[part] or "") if name] for part in ("verbs", "resources", "groups")
    )
    group = f".{groups[0]}" if groups else ""
    return f"{', '.join(verbs)} {', '.join(f'{name}{group}' for name in resources)}".rstrip()
