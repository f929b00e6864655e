"""What would be imported if a file were unpickled, found out without importing any of it.

Each pickle is read by Python's own unpickler, in Python, with a stand-in for everything that it asks for. So names are
those that a real one would import, however they are put together, and nothing of them runs. Models are kept in more
than plain pickles, so these are looked into, too: joblib's, with raw arrays between the opcodes and compressed, NumPy's
arrays of objects, and archives such as PyTorch's and `.npz`.
"""

import ast
import bz2
import gzip
import io
import lzma
import pickle
import re
import zipfile
import zlib
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Callable, Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Self

from mlopsctl.frozen import frozen

Name = tuple[str, str]
Stream = io.BufferedReader

_Unpickler: Any = pickle._Unpickler  # noqa: SLF001 - joblib's is one, too: written in Python, it can stop at arrays

_PICKLED = b"\x80"  # how pickles of protocol 2 and later begin, then comes its number
_NUMPY, _ZIP, _ZLIB, _LZ4 = b"\x93NUMPY", b"PK\x03\x04", b"x", b"\x04\x22\x4d\x18"
_PACKED: Mapping[bytes, Callable[[Any], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZ": bz2.open,
    b"\xfd7zXZ": lzma.open,
    b"\x5d\x00": lzma.open,
}
_CHUNK = 1 << 20
_DEEPEST = 3  # archives in archives
_WRAPPER = ("joblib.numpy_pickle", "NumpyArrayWrapper")
_LEAST_PROTOCOL_OF_3 = 3  # pickles before it say names of Python 2
_PLAUSIBLE = re.compile(r"[\w.<>]+")
_FLAGS, _HAS_OBJECTS = 7, 1  # in the state of a dtype


@frozen
class Pickled:
    """A pickle in a file or in a part of an archive: the modules and names that it would import.

    `unread` says why it couldn't be read to its end, and is empty if it could.
    """

    where: str
    names: frozenset[Name]
    unread: str


def pickles_in(path: Path) -> Iterator[Pickled]:
    """Each pickle in a file, or in the files of a folder, whatever they are called. Raises OSError."""
    files = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())
    for file in files:
        where = file.name if file == path else file.relative_to(path).as_posix()
        yield from _looked_into(where, file.open("rb", buffering=0), 0)


def _looked_into(where: str, raw: Any, depth: int) -> Iterator[Pickled]:
    """The pickles in a stream, which is closed then."""
    with io.BufferedReader(raw, _CHUNK) as stream:
        try:
            yield from _unpacked(where, stream, depth)
        except (EOFError, OSError, RuntimeError, ValueError, zipfile.BadZipFile, lzma.LZMAError, zlib.error) as error:
            yield Pickled(where, frozenset(), f"it can't be unpacked: {error}")


def _unpacked(where: str, stream: Stream, depth: int) -> Iterator[Pickled]:
    head = stream.peek(6)[:6]
    if depth > _DEEPEST or head.startswith(_LZ4):
        yield Pickled(where, frozenset(), "it is packed in a way that isn't looked into")
    elif head.startswith(_ZIP):
        yield from _in_archive(where, stream, depth)
    elif opened := next((found for magic, found in _PACKED.items() if head.startswith(magic)), None):
        yield from _looked_into(where, opened(stream), depth + 1)
    elif _is_zlib(head):
        yield from _looked_into(where, _Inflated(stream), depth + 1)
    elif head.startswith(_NUMPY):
        yield from _in_array(where, stream)
    else:
        yield from _traced(where, stream)


def _in_archive(where: str, stream: Stream, depth: int) -> Iterator[Pickled]:
    with zipfile.ZipFile(stream) as archive:
        for part in archive.infolist():
            if not part.is_dir():
                yield from _looked_into(f"{where}/{part.filename}", archive.open(part), depth + 1)


def _in_array(where: str, stream: Stream) -> Iterator[Pickled]:
    """NumPy's own format, version 1 to 3: a header says of what the array is, and only objects are pickled."""
    version = stream.read(8)[6]
    size = int.from_bytes(stream.read(2 if version == 1 else 4), "little")
    header = ast.literal_eval(stream.read(size).decode("latin-1"))
    if "O" in repr(header["descr"]):
        yield from _traced(where, stream)


def _traced(where: str, stream: Stream) -> Iterator[Pickled]:
    """The pickles that follow each other in a stream. What begins as one by chance names nothing that could be."""
    is_marked = _is_marked(stream)
    names, unread = _names(stream)
    if unread and not names:
        return
    if not is_marked and not all(_PLAUSIBLE.fullmatch(part) for name in names for part in name):
        return
    found = names
    while not unread and _is_marked(stream):
        names, problem = _names(stream)
        unread = problem if names else ""  # data behind a pickle may begin so, too
        found |= names
        if problem:
            break
    yield Pickled(where, frozenset(found), unread)


def _is_marked(stream: Stream) -> bool:
    """Whether a pickle of protocol 2 or later begins here."""
    head = stream.peek(2)[:2]
    return head[:1] == _PICKLED and len(head) > 1 and head[1] <= pickle.HIGHEST_PROTOCOL


def _names(stream: BinaryIO) -> tuple[set[Name], str]:
    """What the next pickle of a stream imports, and why it can't be read further."""
    reader = _Reader(stream)
    try:
        reader.load()
    except Exception as error:  # noqa: BLE001 - what is wrong in a pickle, or no pickle at all, raises anything
        return reader.names, f"{type(error).__name__}: {error}"
    return reader.names, ""


class _StandIn:
    """Takes the place of whatever a pickle imports or makes of that, and does nothing."""

    name: Name = ("", "")

    def __new__(cls, *arguments: Any, **_: Any) -> Self:
        made = object.__new__(cls)
        made.__dict__["arguments"] = arguments
        return made

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def __setitem__(self, *_: Any) -> None: ...

    def __call__(self, *arguments: Any, **_: Any) -> "_StandIn":
        return _StandIn(*arguments)

    def __setstate__(self, state: Any) -> None:
        self.__dict__["state"] = state

    def append(self, _: Any) -> None: ...

    extend = add = update = append


class _Reader(_Unpickler):  # type: ignore[misc]  # of which mypy knows nothing
    """Python's unpickler, with stand-ins for all that it would import."""

    dispatch: ClassVar[dict[int, Any]] = dict(_Unpickler.dispatch)

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(stream)
        self.stream = stream
        self.names: set[Name] = set()

    def find_class(self, module: str, name: str) -> type[_StandIn]:
        """A stand-in of its own for each name."""
        if self.proto < _LEAST_PROTOCOL_OF_3:
            module, name = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))
        self.names.add((module, name))
        return type("StandIn", (_StandIn,), {"name": (module, name)})

    def persistent_load(self, pid: Any) -> _StandIn:
        """PyTorch keeps tensors beside the pickle."""
        return _StandIn(pid)

    def get_extension(self, code: int) -> None:
        """Numbers that stand for names, which are agreed upon in the reading process: they can be anything."""
        self.names.add(("extension", str(code)))
        self.append(_StandIn)

    def load_build(self) -> None:
        """As ever, and steps over the bytes of an array that joblib wrote after it."""
        super().load_build()
        made = self.stack[-1]
        if isinstance(made, _StandIn) and made.name == _WRAPPER:
            self._step_over(made.__dict__["state"])

    dispatch[pickle.BUILD[0]] = load_build

    def _step_over(self, wrapper: Mapping[str, Any]) -> None:
        kind = wrapper["dtype"]
        text, state = kind.arguments[0], kind.__dict__.get("state")
        if "O" in text or (state and len(state) > _FLAGS and state[_FLAGS] & _HAS_OBJECTS):
            names, unread = _names(self.stream)
            self.names |= names
            if unread:
                raise ValueError(unread)
            return
        if wrapper.get("numpy_array_alignment_bytes") is not None:
            self.stream.read(self.stream.read(1)[0])
        left = prod(wrapper["shape"]) * _item_size(text)
        while left > 0:
            read = len(self.stream.read(min(left, _CHUNK)))
            if not read:
                raise EOFError("an array is cut off")
            left -= read


def _item_size(dtype: str) -> int:
    """The bytes of one element, from a type such as `f8` or `U12`."""
    kind, size = dtype.lstrip("<>|=")[0], dtype.lstrip("<>|=")[1:].partition("[")[0]
    return int(size or 1) * (4 if kind == "U" else 1) if kind not in "Mm" else 8


def _is_zlib(head: bytes) -> bool:
    # Its first two bytes are a multiple of 31; the letter alone also begins words.
    return head.startswith(_ZLIB) and len(head) > 1 and int.from_bytes(head[:2], "big") % 31 == 0


class _Inflated(io.RawIOBase):
    """A stream that zlib packed, for reading."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream, self._inflater = stream, zlib.decompressobj()

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """As many bytes as there are and fit."""
        found = b""
        while not found and not self._inflater.eof:
            packed = self._inflater.unconsumed_tail or self._stream.read(_CHUNK)
            if not packed:
                break
            found = self._inflater.decompress(packed, len(buffer))
        buffer[: len(found)] = found
        return len(found)
