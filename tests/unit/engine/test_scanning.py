"""What is unsafe to unpickle, what is unknown, and what models are made of."""

import functools
import os
import pickle
import textwrap
from pathlib import Path
from typing import Any

import pytest

from mlopsctl.engine.scanning import scanned

MODELS = Path(__file__).parents[2] / "data" / "models"


def importing(path: Path, module: str, name: str) -> Path:
    """A pickle that imports that, and nothing else."""
    program = b"".join(pickle.SHORT_BINUNICODE + bytes([len(text)]) + text.encode() for text in (module, name))
    path.write_bytes(pickle.PROTO + b"\x04" + program + pickle.STACK_GLOBAL + pickle.STOP)
    return path


def judged(path: Path, *allowed: str) -> str:
    found = scanned(path, allowed)
    return "unsafe" if found.unsafe else "unknown" if found.unknown else "known"


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("subprocess", "Popen"),
        ("builtins", "eval"),
        ("builtins", "__import__"),  # which picklescan 1.0.5 has on no list
        ("importlib", "import_module"),
        ("joblib.func_inspect", "os.system"),  # by way of a module that has imported os
        ("numpy.core", "_ufunc_reconstruct"),  # takes any name from any module
        ("pandas", "read_pickle"),
        ("cloudpickle.cloudpickle", "_make_function"),
    ],
)
def test_what_could_run_anything_is_unsafe(tmp_path: Path, module: str, name: str) -> None:
    assert judged(importing(tmp_path / "model.pkl", module, name)) == "unsafe"


@pytest.mark.parametrize(
    ("module", "name"),
    [("features", "Cleaner"), ("__main__", "Model"), ("numpy", "log1p"), ("sklearn.externals.x", "Y")],
)
def test_what_is_on_no_list_is_unknown(tmp_path: Path, module: str, name: str) -> None:
    assert judged(importing(tmp_path / "model.pkl", module, name)) == "unknown"


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("collections", "OrderedDict"),
        ("builtins", "set"),
        ("functools", "partial"),  # as scikit-learn's selections of columns have it
        ("numpy", "float64"),
        ("pandas", "DataFrame"),
        ("scipy.sparse._csr", "csr_matrix"),
        ("sklearn.metrics._classification", "f1_score"),
        ("torch", "FloatStorage"),
        ("torch._utils", "_rebuild_tensor_v2"),
        ("lightgbm.sklearn", "LGBMClassifier"),
    ],
)
def test_what_models_are_made_of_is_known(tmp_path: Path, module: str, name: str) -> None:
    assert judged(importing(tmp_path / "model.pkl", module, name)) == "known"


@pytest.mark.parametrize(
    "file", ["logistic.pkl", "forest.joblib", "forest.joblib.xz", "boosted.joblib.z", "objects.npy"]
)
def test_models_of_scikit_learn_are_made_of_nothing_else(file: str) -> None:
    assert judged(MODELS / file) == "known"


@pytest.mark.parametrize("file", ["poisoned.joblib", "poisoned.joblib.z"])
def test_a_poisoned_model_is_unsafe(file: str) -> None:
    found = scanned(MODELS / file)
    assert found.unsafe == {file: ("posix.system",)}
    assert found.by.startswith("picklescan ")


@pytest.mark.parametrize(
    ("function", "expected"), [(os.system, "unsafe"), (textwrap.dedent, "unsafe"), (bytes, "known")]
)
def test_what_carries_a_function_is_judged_by_that(tmp_path: Path, function: Any, expected: str) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(functools.partial(function, "touch")))
    assert judged(path) == expected


def test_allowed_names_are_neither_unsafe_nor_unknown(tmp_path: Path) -> None:
    cleaner = importing(tmp_path / "model.pkl", "features", "Cleaner")
    assert judged(cleaner, "features.Cleaner") == judged(cleaner, "features.*") == "known"
    assert judged(cleaner, "features.Clean") == "unknown"
    assert judged(importing(tmp_path / "f.pkl", "cloudpickle.cloudpickle", "_make_cell"), "cloudpickle.*") == "known"


def test_what_hides_behind_a_break_is_unsafe(tmp_path: Path) -> None:
    whole = pickle.dumps([MyClass(), "a tail"])
    (tmp_path / "model.pkl").write_bytes(whole[:-3])
    assert judged(tmp_path / "model.pkl", f"{__name__}.*") == "unsafe"


class MyClass:
    """A class that no list has."""

    def __getstate__(self) -> Any:
        return {"a": 1}
