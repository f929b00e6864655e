"""Whether the objects that are rendered are what their kinds allow, without a cluster.

The schemas lie in `schemas/targets/`, a folder for each release, and in folders of the user's that `mlopsctl schema
pull` filled. An object must be right in every release that has its kind: a pipeline works with all that we support.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, reduce
from pathlib import Path
from typing import Any

from mlopsctl.diagnostics import DiagnosedError, Finding, Span, diagnostic, similar
from mlopsctl.frozen import frozen
from mlopsctl.render.common_schema import common_schema
from mlopsctl.render.fault import Check, Fault, Faults, Rule, inside, missing_field, place_of, wrong_type
from mlopsctl.render.fault import Path as Steps
from mlopsctl.render.stripping import expanded
from mlopsctl.render.structural import checker
from mlopsctl.render.target_rules import rule_faults

TARGETS = Path(__file__).parent.parent / "schemas" / "targets"

_METADATA = ("meta/v1", "ObjectMeta")
# What may name a file of ours; anything else names no kind either.
_VERSION = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?v[0-9][a-z0-9]*")
_KIND = re.compile(r"[A-Z][A-Za-z0-9]*")


@frozen(kw_only=True)
class Problem:
    """One thing that is wrong with an object, as a phrase without a full stop.

    `path` leads to the value, or to where it should be if a field is missing. `releases` are those in which it is
    wrong, such as "Argo Workflows 3.7.14"; none if it is wrong wherever the kind is known.
    """

    path: Steps
    message: str
    releases: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """The path as people write it: `spec.templates[0].name`."""
        return place_of(self.path)


@frozen
class _Release:
    """A kind in one release."""

    name: str
    schema: Mapping[str, Any]
    check: Check


class _Known:
    """A kind in all releases that have it."""

    def __init__(self, releases: Sequence[_Release]) -> None:
        self._releases = releases
        self._accepts = releases[0].check
        if len(releases) > 1:
            self._accepts = checker(reduce(common_schema, (each.schema for each in releases)))

    def faults(self, value: Any) -> Sequence[tuple[str, Faults]]:
        """What is wrong with a value in each release, none of them if it is right in all."""
        if not self._accepts(value):
            return ()
        return [(each.name, each.check(value)) for each in self._releases]


class Targets:
    """The kinds that can be checked; each is read and made ready when the first object of it is seen.

    A kind that one of `folders` has is checked against that alone: it is what the user's cluster has.
    """

    def __init__(self, folders: Iterable[Path] = ()) -> None:
        self._folders = tuple(folders)
        self._kinds: dict[tuple[str, str], _Known | None] = {}

    def problems(self, document: Mapping[str, Any]) -> tuple[Problem, ...]:
        """What is wrong with an object, in the order of its fields.

        Raises DiagnosedError if a schema of the user's can't be read.
        """
        version, kind = document.get("apiVersion"), document.get("kind")
        if not isinstance(version, str) or not isinstance(kind, str):
            missing = "kind" if isinstance(version, str) else "apiVersion"
            return (Problem(path=(missing,), message=f"the object has no `{missing}`"),)
        known = self._known(version, kind)
        if known is None:
            return (self._unknown(version, kind),)
        common = [*self._common(document), *rule_faults(document)]
        found = [Problem(path=fault.path, message=_worded(fault)) for fault in common]
        inner = {name: value for name, value in document.items() if name not in _EVERYWHERE}
        if faults := known.faults(inner):
            told = {(fault.path, fault.rule) for fault in common}
            found += [problem for key, problem in _merged(faults) if key not in told]
        return tuple(found)

    def _known(self, version: str, kind: str) -> _Known | None:
        key = (version, kind)
        if key not in self._kinds:
            self._kinds[key] = self._read(*key)
        return self._kinds[key]

    def _read(self, version: str, kind: str) -> _Known | None:
        if not _VERSION.fullmatch(version) or not _KIND.fullmatch(kind):
            return None
        for folders in (self._folders, _releases()):
            there = [path for folder in folders if (path := folder / version / f"{kind}.json").is_file()]
            if there:
                return _Known([_loaded(path) for path in there])
        return None

    def _unknown(self, version: str, kind: str) -> Problem:
        said = f"there is no schema of {kind} in {version}"
        if not _VERSION.fullmatch(version):
            return Problem(path=("apiVersion",), message=said)
        group = version.rpartition("/")[0]
        known = {path for folder in (*self._folders, *_releases()) for path in (folder / group).glob("v*/*.json")}
        others = {path.parent.name for path in known if path.stem == kind}
        if others:
            there = " and ".join(sorted(f"{group}/{other}".removeprefix("/") for other in others))
            return Problem(path=("apiVersion",), message=f"{said}; there is {there}")
        near = similar(kind, {path.stem for path in known}, cutoff=0.8)
        advice = f"; `mlopsctl schema pull {kind}.{group}` gets it from a cluster" if group else ""
        return Problem(path=("kind",), message=f"{said}{f'; there is `{near}`' if near else advice}")

    def _common(self, document: Mapping[str, Any]) -> Faults:
        """The faults of what all kinds have alike."""
        if "status" in document:
            return [Fault(("status",), Rule.UNKNOWN, lambda _: "`status` is what the cluster writes: leave it out")]
        metadata = document.get("metadata")
        if "metadata" not in document:
            return [missing_field("metadata")]
        if not isinstance(metadata, dict):
            return inside("metadata", wrong_type("an object", metadata))
        known = self._known(*_METADATA)
        assert known is not None, "what all kinds have alike comes with mlopsctl"
        return [fault for _, found in known.faults(metadata) for fault in inside("metadata", found)]


_EVERYWHERE = frozenset({"apiVersion", "kind", "metadata", "status"})


def _worded(fault: Fault) -> str:
    around = fault.path[:-1] if fault.rule in (Rule.UNKNOWN, Rule.MISSING) else fault.path
    return fault.word(place_of(around))


def _merged(faults: Sequence[tuple[str, Faults]]) -> Iterator[tuple[tuple[Steps, Rule], Problem]]:
    """What several releases say of one object: each thing once, with the releases unless it is all of them."""
    first: dict[tuple[Steps, Rule], Fault] = {}
    releases: dict[tuple[Steps, Rule], list[str]] = {}
    for release, there in faults:
        for fault in there:
            key = (fault.path, fault.rule)
            first.setdefault(key, fault)
            if release not in releases.setdefault(key, []):
                releases[key].append(release)
    for key, fault in first.items():
        some = () if len(releases[key]) == len(faults) else tuple(releases[key])
        yield key, Problem(path=fault.path, message=_worded(fault), releases=some)


@cache
def _releases() -> tuple[Path, ...]:
    """The folders of the releases that come with mlopsctl."""
    return tuple(sorted(folder for folder in TARGETS.iterdir() if folder.is_dir()))


def _loaded(path: Path) -> _Release:
    try:
        schema = expanded(json.loads(path.read_text(encoding="utf-8")))
        return _Release(schema.release, schema.schema, checker(schema.schema))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DiagnosedError(schema_unusable(None, str(path), str(error) or type(error).__name__)) from error
    except OSError as error:
        raise DiagnosedError(schema_unusable(None, str(path), error.strerror or str(error))) from error


@diagnostic("MLO800")
def schema_unusable(span: Span | None, file: str, why: str) -> Finding:
    """A schema that `mlopsctl schema pull` wrote can't be read: it was changed by hand, or is only half there.

    Fix: get it again with `mlopsctl schema pull`, or out of git.
    """
    return Finding(
        message=f"`{file}` is no schema: {why}", span=span, helps=("get it again with `mlopsctl schema pull`",)
    )
