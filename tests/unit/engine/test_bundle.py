"""Code goes into a store and comes back as it was, or not at all."""

import json
from pathlib import Path

import pytest

from mlopsctl.engine.bundle import fetch_code, put_code, read_marks
from mlopsctl.ir.code import CodeTree, read_code
from mlopsctl.store import BlobCorrupt, BlobMissing, SourceChanged, Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "store")


@pytest.fixture
def tree(tmp_path: Path) -> CodeTree:
    files = {"train.py": "train", "lib/a.py": "a", "lib/deep/b.sh": "b", "lib/same.py": "a"}
    for path, text in files.items():
        file = tmp_path / "code" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (tmp_path / "code" / "lib/deep/b.sh").chmod(0o755)
    return read_code({path: tmp_path / "code" / path for path in files})


def test_it_comes_back_as_it_was(store: Store, tree: CodeTree, tmp_path: Path) -> None:
    manifest = put_code(store, tree.files, tree.marks)
    assert manifest == tree.digest(())  # which is what contracts pin
    fetch_code(store, manifest, tmp_path / "back")
    back = read_code({path: tmp_path / "back" / path for path in tree.files})
    assert back.marks == tree.marks
    assert sum(file.is_file() for file in (tmp_path / "back").rglob("*")) == len(tree.files)


def test_a_part_is_a_bundle_of_its_own(store: Store, tree: CodeTree, tmp_path: Path) -> None:
    manifest = put_code(store, tree.files, tree.part(("lib/deep",)))
    assert manifest == tree.digest(("lib/deep",))
    fetch_code(store, manifest, tmp_path / "back")
    assert [file.name for file in (tmp_path / "back").rglob("*") if file.is_file()] == ["b.sh"]


def test_a_file_that_changed_meanwhile_is_not_kept_as_what_it_was(store: Store, tree: CodeTree) -> None:
    tree.files["train.py"].write_text("other")
    with pytest.raises(SourceChanged, match=r"train\.py"):
        put_code(store, tree.files, tree.marks)


@pytest.mark.parametrize("path", ["../out.py", "/etc/out.py", "a/../../out.py", ""])
def test_no_path_leads_out_of_the_code(store: Store, tmp_path: Path, path: str) -> None:
    blob = store.put_bytes(b"x")
    manifest = store.put_bytes(json.dumps({path: blob.digest}).encode())
    with pytest.raises(BlobCorrupt, match="leads out of the code"):
        fetch_code(store, manifest.digest, tmp_path / "back")
    assert not (tmp_path / "back").exists()


@pytest.mark.parametrize("content", [b"", b"[]", b"7", b"\xff"])
def test_what_is_no_manifest_is_none(store: Store, content: bytes) -> None:
    with pytest.raises(BlobCorrupt, match="is not the manifest of any code"):
        read_marks(store, store.put_bytes(content).digest)


def test_code_that_is_not_there(store: Store, tmp_path: Path) -> None:
    with pytest.raises(BlobMissing):
        fetch_code(store, f"sha256:{'0' * 64}", tmp_path / "back")
