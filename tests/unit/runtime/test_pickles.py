"""What loading a model would import, of real files: scikit-learn 1.9 and joblib 1.6 wrote `tests/data/models`."""

import io
import os
import pickle
import subprocess
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest

from mlopsctl.runtime.pickles import pickles_in

MODELS = Path(__file__).parents[2] / "data" / "models"


class Calls:
    """An object whose unpickling calls something."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.called = function, arguments

    def __reduce__(self) -> Any:
        return self.called


def names_in(path: Path) -> set[str]:
    return {".".join(name) for found in pickles_in(path) for name in found.names}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_what_a_pickle_imports_is_found_in_each_protocol_and_nothing_runs(tmp_path: Path, protocol: int) -> None:
    trace = tmp_path / "ran"
    model = tmp_path / "model.bin"
    model.write_bytes(pickle.dumps({"weights": [1.5, Calls(os.system, f"touch {trace}")]}, protocol))
    (found,) = pickles_in(model)
    assert (found.where, found.unread) == ("model.bin", "")
    assert {".".join(name) for name in found.names} - {"copyreg._reconstructor"} == {"posix.system"}
    assert not trace.exists()


@pytest.mark.parametrize(
    ("file", "some"),
    [
        ("logistic.pkl", "sklearn.linear_model._logistic.LogisticRegression"),
        ("forest.joblib", "sklearn.tree._tree.Tree"),
        ("forest.joblib.xz", "sklearn.tree._tree.Tree"),
        ("boosted.joblib.z", "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"),
        ("objects.npy", "numpy.ndarray"),
    ],
)
def test_models_are_read_to_their_end(file: str, some: str) -> None:
    (found,) = pickles_in(MODELS / file)
    assert found.unread == ""
    assert some in {".".join(name) for name in found.names}


@pytest.mark.parametrize("file", ["poisoned.joblib", "poisoned.joblib.z"])
def test_what_comes_after_an_array_is_seen(file: str) -> None:
    assert "posix.system" in names_in(MODELS / file)


def test_each_file_of_a_folder_and_of_an_archive_is_looked_into(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    (folder / "parts").mkdir(parents=True)
    (folder / "MLmodel").write_text("flavors: {}\n")
    (folder / "parts" / "data").write_bytes(pickle.dumps(Calls(subprocess.Popen, ["true"])))
    with zipfile.ZipFile(folder / "weights.pt", "w") as archive:  # as PyTorch keeps them
        archive.writestr("archive/data.pkl", pickle.dumps(OrderedDict(a=Calls(eval, "1"))))
        archive.writestr("archive/data/0", bytes(64))
    found = {each.where: {".".join(name) for name in each.names} for each in pickles_in(folder)}
    assert found == {
        "parts/data": {"subprocess.Popen"},
        "weights.pt/archive/data.pkl": {"collections.OrderedDict", "builtins.eval"},
    }


def test_tensors_beside_a_pickle_are_no_fault(tmp_path: Path) -> None:
    class Beside(pickle.Pickler):
        def persistent_id(self, value: Any) -> Any:
            return ("storage", "0") if value == b"weights" else None

    buffer = io.BytesIO()
    Beside(buffer).dump({"weights": b"weights"})
    (tmp_path / "model.pkl").write_bytes(buffer.getvalue())
    (found,) = pickles_in(tmp_path / "model.pkl")
    assert found.unread == ""


def test_names_that_are_put_together_on_the_way_are_found(tmp_path: Path) -> None:
    # Both names are taken from the memo, where a look at the opcodes before them sees something else.
    program = b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94N0h\x00h\x01\x93\x8c\x04true\x85R."
    (tmp_path / "model").write_bytes(program)
    assert names_in(tmp_path / "model") == {"os.system"}


def test_several_pickles_behind_each_other_are_all_read(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(pickle.dumps(1) + pickle.dumps(Calls(os.system, "true")))
    assert names_in(tmp_path / "model") == {"posix.system"}


def test_a_pickle_that_breaks_off_says_so_and_keeps_what_it_had_named(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(pickle.dumps(Calls(os.system, "true"))[:-1])
    (found,) = pickles_in(tmp_path / "model")
    assert found.names == {("posix", "system")}
    assert found.unread


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"trees": []}',
        b"tree\nversion=v4\nnum_class=1\n",
        b"carrier,delay\nAA,3\n",
        b"\x80\x02\x00\x00\x00\x00\x00\x00" + b'{"a":{}}',  # safetensors, with a header of 640 bytes
        b"I12\n.",
        bytes(range(256)) * 20,
    ],
    ids=["empty", "json", "lightgbm", "csv", "safetensors", "a number", "bytes"],
)
def test_what_is_no_pickle_names_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model").write_bytes(content)
    assert names_in(tmp_path / "model") == set()


def test_arrays_without_objects_are_no_pickles() -> None:
    assert list(pickles_in(MODELS / "arrays.npz")) == []


def test_what_cannot_be_unpacked_is_said_and_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "model.joblib").write_bytes(b"\x1f\x8b\x08\x00 cut off")
    (tmp_path / "model.lz4").write_bytes(b"\x04\x22\x4d\x18" + bytes(20))
    assert [bool(found.unread) for found in pickles_in(tmp_path)] == [True, True]
