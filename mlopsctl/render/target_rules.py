"""What clusters refuse though a schema allows it: names, sizes, and fields that don't go together.

Each rule is one that an API server, a webhook or a controller checks, and that can be known without one.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from mlopsctl.frozen import frozen
from mlopsctl.render.fault import Fault, Path, Rule, counted, shown

Json = Mapping[str, Any]

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_LONGEST_LABEL, _LONGEST_NAME = 63, 253
_WORDY = "letters, digits, `-`, `_` and `.`, with a letter or digit at both ends"
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
_QUALIFIED = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_SUBDOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_MOST_ANNOTATIONS = 256 * 1024  # bytes, keys and values together
_MOST_DATA = 1024 * 1024  # bytes
_CONFIG_KEY = re.compile(r"(?!\.\.?$|\.\.)[-._a-zA-Z0-9]+")
_ARGO_NAME = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]*")
_LONGEST_ARGO_NAME = 128
_TEMPLATE_TYPES = (
    *("container", "script", "dag", "steps", "resource", "suspend", "containerSet", "data", "http", "plugin"),
)


@frozen
class _Naming:
    """What a name of a kind may be: a form, what it is called, and how long."""

    form: re.Pattern[str]
    meaning: str
    longest: int


_USUAL = "lowercase letters, digits, `-` and `.`, with a letter or digit at both ends"
_FROM_A_LETTER = "lowercase letters, digits and `-`, from a letter on, not ending in `-`"
_ANY_NAME = _Naming(_SUBDOMAIN, _USUAL, _LONGEST_NAME)
_NAMINGS = {
    "Service": _Naming(re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?"), _FROM_A_LETTER, _LONGEST_LABEL),
    "InferenceService": _Naming(re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?"), _FROM_A_LETTER, _LONGEST_NAME),
    "Workflow": _Naming(_SUBDOMAIN, _USUAL, _LONGEST_LABEL),
    "WorkflowTemplate": _Naming(_SUBDOMAIN, _USUAL, _LONGEST_LABEL),
    "ClusterWorkflowTemplate": _Naming(_SUBDOMAIN, _USUAL, _LONGEST_LABEL),
    "CronWorkflow": _Naming(_SUBDOMAIN, _USUAL, 52),  # a run adds a hyphen and ten digits
    "Role": _Naming(re.compile(r"(?!\.\.?$)[^/%]+"), "a text without `/` and `%`", _LONGEST_NAME),
    "RoleBinding": _Naming(re.compile(r"(?!\.\.?$)[^/%]+"), "a text without `/` and `%`", _LONGEST_NAME),
}


def rule_faults(document: Json) -> list[Fault]:
    """What breaks a rule, with paths from the top of the object."""
    metadata = document.get("metadata")
    faults = list(_metadata(str(document.get("kind")), metadata)) if isinstance(metadata, dict) else []
    for rule in _RULES.get(str(document.get("kind")), ()):
        faults += rule(document)
    return faults


def _fault(path: Path, message: str, rule: Rule = Rule.FORM) -> Fault:
    return Fault(path, rule, lambda _: message)


def _metadata(kind: str, metadata: Json) -> Iterator[Fault]:
    name = metadata.get("name")
    if isinstance(name, str):
        yield from _name(kind, name)
    elif "name" not in metadata and not metadata.get("generateName"):
        yield _fault(("metadata", "name"), "metadata has no `name`", Rule.MISSING)
    labels, annotations = metadata.get("labels"), metadata.get("annotations")
    if isinstance(labels, dict):
        yield from _labels(labels)
    if isinstance(annotations, dict):
        yield from _annotations(annotations)


def _name(kind: str, name: str) -> Iterator[Fault]:
    naming = _NAMINGS.get(kind, _ANY_NAME)
    if len(name) > naming.longest:
        said = f"names of kind {kind} have at most {counted(naming.longest, 'character')}, this has {len(name)}"
        yield _fault(("metadata", "name"), said, Rule.SIZE)
    if not naming.form.fullmatch(name):
        yield _fault(("metadata", "name"), f"`{shown(name)}` is no name for kind {kind}: expected {naming.meaning}")


def _labels(labels: Json) -> Iterator[Fault]:
    for key, value in labels.items():
        yield from _key(("metadata", "labels", key), key, "label")
        if isinstance(value, str) and (len(value) > _LONGEST_LABEL or not _LABEL_VALUE.fullmatch(value)):
            expected = (
                f"at most {_LONGEST_LABEL} letters, digits, `-`, `_` and `.`, with a letter or digit at both ends"
            )
            yield _fault(("metadata", "labels", key), f"`{shown(value)}` can't be a label's value: expected {expected}")


def _annotations(annotations: Json) -> Iterator[Fault]:
    size = 0
    for key, value in annotations.items():
        yield from _key(("metadata", "annotations", key), key, "annotation")
        size += len(key.encode()) + (len(value.encode()) if isinstance(value, str) else 0)
    if size > _MOST_ANNOTATIONS:
        said = f"annotations have at most {_MOST_ANNOTATIONS} bytes together, these have {size}"
        yield _fault(("metadata", "annotations"), said, Rule.SIZE)


def _key(path: tuple[str, ...], key: str, what: str) -> Iterator[Fault]:
    if not _is_key(key):
        yield _fault(path, f"`{shown(key)}` can't be the key of a {what}".replace("a annotation", "an annotation"))


@lru_cache  # most objects have the same few keys
def _is_key(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    is_name = len(name) <= _LONGEST_LABEL and _QUALIFIED.fullmatch(name)
    is_prefix = not slash or (len(prefix) <= _LONGEST_NAME and _SUBDOMAIN.fullmatch(prefix))
    return bool(is_name and is_prefix)


def _config_map(document: Json) -> Iterator[Fault]:
    size, taken = 0, set()
    for field in ("data", "binaryData"):
        values = document.get(field)
        for key, value in values.items() if isinstance(values, dict) else ():
            size += len(value.encode()) if isinstance(value, str) else 0
            if len(key) > _LONGEST_NAME or not _CONFIG_KEY.fullmatch(key):
                yield _fault((field, key), f"`{shown(key)}` can't be a key: expected letters, digits, `-`, `_` and `.`")
            if key in taken:
                yield _fault((field, key), f"`{shown(key)}` is in `data` and in `binaryData`", Rule.REPEATED)
            taken.add(key)
    if size > _MOST_DATA:
        yield _fault(("data",), f"a ConfigMap holds at most {_MOST_DATA} bytes, this has {size}", Rule.SIZE)


def _role(document: Json) -> Iterator[Fault]:
    for path, rule in _objects(document, "rules"):
        for field in ("apiGroups", "resources"):
            if "nonResourceURLs" not in rule and not rule.get(field):
                yield _fault((*path, field), f"a rule of a Role needs `{field}`", Rule.MISSING)


def _route(document: Json) -> Iterator[Fault]:
    for above, rule in _objects(document, "spec", "rules"):
        for path, backend in _objects(rule, "backendRefs", above=above):
            if backend.get("kind", "Service") == "Service" and "port" not in backend:
                yield _fault((*path, "port"), "a backend that is a Service needs a `port`", Rule.MISSING)
        for path, match in _objects(rule, "matches", above=above):
            wanted = match.get("path")
            value = wanted.get("value") if isinstance(wanted, dict) else None
            is_regular = isinstance(wanted, dict) and wanted.get("type") == "RegularExpression"
            if isinstance(value, str) and not is_regular and not value.startswith("/"):
                yield _fault((*path, "path", "value"), f"`{shown(value)}` is no path: it begins with `/`")


def _objects(document: Any, *steps: str, above: Path = ()) -> Iterator[tuple[Path, Json]]:
    """The objects of the list at a path, each with its own; none where something else stands."""
    found = document
    for step in steps:
        found = found.get(step) if isinstance(found, dict) else None
    for index, item in enumerate(found if isinstance(found, list) else ()):
        if isinstance(item, dict):
            yield (*above, *steps, index), item


def _templates_of(*steps: str) -> Callable[[Json], Iterator[Fault]]:
    """The rule for the templates below the path of a WorkflowSpec."""

    def check(document: Json) -> Iterator[Fault]:
        for path, template in _objects(document, *steps, "templates"):
            yield from _template(path, template)

    return check


def _template(path: Path, template: Json) -> Iterator[Fault]:
    yield from _argo_name(path, template)
    types = [name for name in _TEMPLATE_TYPES if name in template]
    if len(types) > 1:
        told = " and ".join(f"`{name}`" for name in types)
        yield _fault((*path, types[1]), f"a template is of one type, this has {told}")
    elif types and types[0] in ("dag", "steps"):
        for name in ("timeout", "activeDeadlineSeconds"):
            if template.get(name):
                yield _fault((*path, name), f"`{name}` is for templates with a pod, not for `{types[0]}`")
    pod = template.get(types[0]) if types and types[0] in ("container", "script") else None
    if isinstance(pod, dict) and not pod.get("image"):
        yield _fault((*path, types[0], "image"), f"a `{types[0]}` needs an `image`", Rule.MISSING)
    for place, task in _objects(template, "dag", "tasks", above=path):
        yield from _task(place, task)


def _task(path: Path, task: Json) -> Iterator[Fault]:
    yield from _argo_name(path, task)
    for other in ("dependencies", "continueOn"):
        if "depends" in task and other in task:
            yield _fault((*path, other), f"`{other}` doesn't go with `depends`")
    name = task.get("name")
    if ("depends" in task or "dependencies" in task) and isinstance(name, str) and name[:1].isdigit():
        yield _fault((*path, "name"), f"`{shown(name)}` begins with a digit, as no task may that depends on others")


def _argo_name(path: Path, named: Json) -> Iterator[Fault]:
    name = named.get("name")
    if isinstance(name, str) and (len(name) > _LONGEST_ARGO_NAME or not _ARGO_NAME.fullmatch(name)):
        expected = f"at most {_LONGEST_ARGO_NAME} letters, digits and `-`, not from `-` on"
        yield _fault((*path, "name"), f"`{shown(name)}` can't be a name in a workflow: expected {expected}")


_RULES: Mapping[str, tuple[Callable[[Json], Iterator[Fault]], ...]] = {
    "ConfigMap": (_config_map,),
    "Role": (_role,),
    "HTTPRoute": (_route,),
    "Workflow": (_templates_of("spec"),),
    "WorkflowTemplate": (_templates_of("spec"),),
    "ClusterWorkflowTemplate": (_templates_of("spec"),),
    "CronWorkflow": (_templates_of("spec", "workflowSpec"),),
}
