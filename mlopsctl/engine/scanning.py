"""Whether a model may be unpickled: what that would import, held against a scanner's lists and what models are made of.

Unpickling runs what the file names. `runtime.pickles` finds these names out; picklescan, which is kept up with what
attackers find, says which of them are dangerous. A list of what is bad has gaps, so what isn't on it is not taken to be
good: it is unknown unless it is one of the names that models consist of.
"""

import io
import pickle
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from enum import Enum
from fnmatch import fnmatchcase
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from mlopsctl.diagnostics import Diagnostic
from mlopsctl.engine import refusals
from mlopsctl.events import Check
from mlopsctl.frozen import frozen
from mlopsctl.ir.model import DeployStage
from mlopsctl.runtime.pickles import Name, Pickled, pickles_in
from mlopsctl.store import Artifact, Store

# Of Python's own library a model needs the types of values. Anything else of it is there to be called.
_VALUES = frozenset(
    {"_codecs", "array", "cmath", "collections", "copyreg", "datetime", "decimal", "enum", "fractions", "ipaddress"}
    | {"itertools", "math", "numbers", "pathlib", "random", "re", "string", "zoneinfo"}
)
_BUILTINS = frozenset(
    {"bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "int", "list", "object", "range", "set"}
    | {"slice", "str", "tuple"}
)
# Packages whose classes models are made of, modules of which that is true without those below, and whose functions are
# carried along.
_PACKAGES = (
    *("numpy.core.", "numpy._core.", "numpy.random.", "numpy.ma.", "numpy.dtypes.", "numpy.polynomial."),
    *("scipy.sparse.", "scipy.stats.", "scipy.interpolate.", "scipy.spatial.", "sklearn.", "joblib.numpy_pickle."),
    *("pandas.core.", "pandas._libs.", "pandas.arrays.", "xgboost.core.", "xgboost.sklearn.", "lightgbm.basic."),
    *("lightgbm.sklearn.", "catboost.core.", "torch.nn.", "torch._utils."),
)
_MODULES = frozenset({"numpy", "pandas", "torch"})
_NEVER = ("sklearn.externals.", "sklearn.datasets.")
_FUNCTIONS = ("sklearn.metrics.", "sklearn.feature_selection.")
_CLASS = re.compile(r"_?[A-Z]\w*")
# What makes values again, as these libraries call it; others that begin so import what they are told.
_MAKERS = re.compile(
    r"_(ma)?reconstruct|_frombuffer|scalar|dtype|ndarray|newObj|__\w+_ctor|__pyx_unpickle_\w+|_unpickle_\w+|_new_\w+"
    r"|rv_\w+_frozen|\w+_gen|make_column_selector"
    r"|_rebuild_\w+|(bool|int|uint|float|complex|str|bytes|object|datetime|timedelta)\d*_?|\w+_(matrix|array)|device"
)
# What in these packages imports or reads what it is told.
_LOADERS = re.compile(r"load|read_|eval|exec|import|ufunc_reconstruct|fetch|open")
_ROOTS = frozenset(package.partition(".")[0] for package in _PACKAGES)
# What only carries others along, to be called later. The file has to name these, too, and they are judged by that; on
# picklescan's lists it is for scanners that don't see them.
_CARRIERS = frozenset({("functools", "partial")})
_SHOWN = 5


class _Judgement(Enum):
    KNOWN, UNKNOWN, UNSAFE = range(3)


@frozen(kw_only=True)
class Scanned:
    """What a model would import when it is loaded: names by file, and how they are judged. `by` is the scanner."""

    by: str
    pickles: tuple[Pickled, ...] = ()
    unsafe: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unknown: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@frozen(kw_only=True)
class Verdict:
    """What a scan comes to by the rules of a stage: a check for the evidence, and what refuses or only warns."""

    checks: tuple[Check, ...]
    refused: tuple[Diagnostic, ...]
    warned: tuple[Diagnostic, ...]


def scan_stored(store: Store, stage: DeployStage, model: Artifact, folder: Path | None = None) -> Verdict:
    """Scan a model of a store by the rules of a stage. Raises StoreError, OSError; `folder` is where there is room."""
    with TemporaryDirectory(prefix="mlopsctl-scan-", dir=folder) as place:
        path = Path(place) / model.name
        store.fetch_artifact(model, path, link=True)
        return verdict(stage, scanned(path, stage.scan.allow))


def scanned(path: Path, allowed: Iterable[str] = ()) -> Scanned:
    """Scan a file or a folder; what `allowed` names or fits is neither unsafe nor unknown. Raises OSError."""
    found = tuple(pickles_in(path))
    patterns = tuple(allowed)
    judged = {name: _judged(name, patterns) for each in found for name in each.names}
    unsafe = {each.where: _unsafe(each, judged) for each in found}
    unknown = {each.where: _unknown(each, judged) for each in found}
    return Scanned(
        by=_scanner(),
        pickles=found,
        unsafe={where: names for where, names in unsafe.items() if names},
        unknown={where: names for where, names in unknown.items() if names},
    )


def verdict(stage: DeployStage, found: Scanned) -> Verdict:
    """What becomes of a model in which this was found. Where there is no pickle, there is nothing to judge."""
    if not found.pickles:
        return Verdict(checks=(), refused=(), warned=())
    rules, span = stage.scan, stage.origin.value("model")
    judged = [
        (rules.unsafe, found.unsafe, f"unsafe, says {found.by} or the scan"),
        (rules.unknown, found.unknown, "nothing that is known to make up models"),
    ]
    refused, warned = (
        tuple(
            word(span, stage.name, where, _listed(names), what)
            for said, places, what in judged
            for where, names in places.items()
            if said == rule
        )
        for rule, word in (("refuse", refusals.pickle_refused), ("warn", refusals.pickle_suspicious))
    )
    return Verdict(checks=(_check(found, holds=not refused),), refused=refused, warned=warned)


def _check(found: Scanned, *, holds: bool) -> Check:
    odd = {name for places in (found.unsafe, found.unknown) for names in places.values() for name in names}
    count = len({name for each in found.pickles for name in each.names})
    imports = f"{count} name{'' if count == 1 else 's'}"
    return Check(
        expectation="unpickling imports nothing unsafe",
        observed=f"{imports}{f', odd: {_listed(sorted(odd))}' if odd else ''} ({found.by})",
        verdict="holds" if holds else "fails",
        holds=holds,
    )


def _unsafe(pickled: Pickled, judged: Mapping[Name, "_Judgement"]) -> tuple[str, ...]:
    names = {".".join(name) for name in pickled.names if judged[name] is _Judgement.UNSAFE}
    hidden = {f"what can't be read ({pickled.unread})"} if pickled.unread and pickled.names else set()
    return (*sorted(names), *hidden)


def _unknown(pickled: Pickled, judged: Mapping[Name, "_Judgement"]) -> tuple[str, ...]:
    if pickled.unread and not pickled.names:
        return (f"what can't be read ({pickled.unread})",)
    return tuple(sorted(".".join(name) for name in pickled.names if judged[name] is _Judgement.UNKNOWN))


def _judged(name: Name, allowed: Iterable[str]) -> "_Judgement":
    if name in _CARRIERS or _is_allowed(name, allowed):
        return _Judgement.KNOWN
    if _is_on_a_list(name):
        return _Judgement.UNSAFE
    if _is_known(name):
        return _Judgement.KNOWN
    return _Judgement.UNSAFE if _is_made_to_be_called(name) else _Judgement.UNKNOWN


def _is_allowed(name: Name, allowed: Iterable[str]) -> bool:
    return any(fnmatchcase(".".join(name), pattern) for pattern in allowed)


def _is_known(name: Name) -> bool:
    module, said = name
    root = module.partition(".")[0]
    if root == "builtins":
        return module == root and said in _BUILTINS
    if root in _VALUES:
        return "." not in said
    within = f"{module}."
    if within.startswith(_FUNCTIONS) and said.isidentifier():
        return True
    if module not in _MODULES and (within.startswith(_NEVER) or not within.startswith(_PACKAGES)):
        return False
    first = said.partition(".")[0]  # of a class in a class; what a module has from another one begins with that
    return bool(_CLASS.fullmatch(first) or _MAKERS.fullmatch(said))


def _is_on_a_list(name: Name) -> bool:
    """Whether the scanner calls it dangerous, or what it leads to.

    A name with dots is looked up step by step: `os.system` may be reached through any module that has imported os.
    """
    parts = name[1].split(".")
    within = ((".".join(parts[:i]), ".".join(parts[i:])) for i in range(1, len(parts)))
    return _is_dangerous(name) or any(map(_is_dangerous, within))


def _is_made_to_be_called(name: Name) -> bool:
    """Whether it is of Python's own library, or one of what imports and reads in the packages of models."""
    module, said = name
    root = module.partition(".")[0]
    if root == "__main__":
        return False
    return root in sys.stdlib_module_names or (root in _ROOTS and _LOADERS.search(said) is not None)


def _is_dangerous(name: Name) -> bool:
    """What picklescan says of a name, which it is told in a pickle that imports that and nothing else."""
    from picklescan.scanner import SafetyLevel, scan_pickle_bytes  # here, as only models that are pickles are scanned

    texts = (part.encode("utf-8", "surrogatepass") for part in name)
    asked = b"".join(pickle.BINUNICODE + len(text).to_bytes(4, "little") + text for text in texts)
    found = scan_pickle_bytes(io.BytesIO(pickle.PROTO + b"\x04" + asked + pickle.STACK_GLOBAL + pickle.STOP), "")
    return any(each.safety is SafetyLevel.Dangerous for each in found.globals) or found.scan_err


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown


def _scanner() -> str:
    return f"picklescan {version('picklescan')}"
