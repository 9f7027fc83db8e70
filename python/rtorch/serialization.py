"""`torch.save` and `torch.load`: PyTorch's .pt files, the zip format read and written, the one before 1.6 read and
written.

Loading is restricted by default (weights_only: _weights_only_unpickler.py builds tensors and plain values, nothing
else).
Saving to a path writes beside it and replaces it in one step: who is killed meanwhile leaves the old file. In files the
classes and functions have PyTorch's names, so that either library opens what the other has written.
"""

from __future__ import annotations

import io
import os
import pickle
import re
import struct
import sys
import warnings
from collections.abc import Callable
from typing import Any, TypeAlias

import rtorch as torch
from rtorch import _archive, _utils
from rtorch import _weights_only_unpickler as _restricted
from rtorch import storage as _storage
from rtorch.storage import LEGACY, TypedStorage

__all__ = [
    "DEFAULT_PROTOCOL",
    "add_safe_globals",
    "clear_safe_globals",
    "get_safe_globals",
    "get_unsafe_globals_in_checkpoint",
    "load",
    "safe_globals",
    "save",
]

DEFAULT_PROTOCOL = 2
MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001
MAP_LOCATION: TypeAlias = Callable[[Any, str], Any] | Any | str | dict[str, str] | None
_STORAGE_NAMES = {dtype: name for name, dtype in LEGACY.items()}

# ---------------------------------------------------------------- names that the user trusts

_safe: dict[Any, None] = {}  # a set that keeps its order


def add_safe_globals(safe_globals: list) -> None:
    """Allow these functions and classes in files loaded with weights_only=True; a pair (thing, "full.name") gives
    the name
    that the files use."""
    for thing in safe_globals:
        _full_names(thing)
        _safe[thing] = None


def get_safe_globals() -> list:
    return list(_safe)


def clear_safe_globals() -> None:
    _safe.clear()


class safe_globals:
    """A `with` block in which these functions and classes are allowed."""

    def __init__(self, safe_globals: list) -> None:
        self.safe_globals = safe_globals

    def __enter__(self) -> None:
        self.added = [thing for thing in self.safe_globals if thing not in _safe]
        add_safe_globals(self.safe_globals)

    def __exit__(self, *_) -> None:
        for thing in self.added:
            _safe.pop(thing, None)


def _full_names(thing) -> dict[str, Any]:
    if isinstance(thing, tuple):
        if len(thing) != 2:
            raise ValueError(
                f"Expected tuple of length 2 (global, str of callable full path), but got tuple of length: {len(thing)}"
            )
        if type(thing[1]) is not str:
            raise TypeError(f"Expected second item in tuple to be str of callable full path, but got: {type(thing[1])}")
        return {thing[1]: thing[0]}
    return {f"{_torch_name(thing.__module__)}.{thing.__qualname__}": thing}


def _torch_name(module: str) -> str:
    """The name that a file has for one of our modules."""
    if module == "rtorch._C":
        return "torch"
    return module[1:] if module == "rtorch" or module.startswith("rtorch.") else module


def _our_name(module: str) -> str:
    return "r" + module if module == "torch" or module.startswith("torch.") else module


def get_unsafe_globals_in_checkpoint(f) -> list[str]:
    """The names in a zip checkpoint that weights_only=True would refuse."""
    with _Opened(f, "rb") as (file, name):
        archive = _archive.Reader(_archive.Buffer(file.read()), name)
        names = _restricted.globals_in(archive.read("data.pkl"))
    allowed = set(_restricted.allowed_globals())
    for thing in _safe:
        allowed |= set(_full_names(thing))
    return sorted(names - allowed)


# ---------------------------------------------------------------- files


class _Opened:
    """`with _Opened(f, mode) as (file, name)`: a path is opened and closed, a file object is taken as it is."""

    def __init__(self, f, mode: str) -> None:
        self.path = os.fspath(f) if isinstance(f, (str, os.PathLike)) else None
        self.mode = mode
        self.file = f

    def __enter__(self):
        if self.path is None:
            name = getattr(self.file, "name", None)
            return self.file, repr(name) if isinstance(name, str) else f"the {type(self.file).__name__} object"
        try:
            self.file = open(self.path, self.mode)
        except FileNotFoundError as e:
            e.add_note(_no_such_file(self.path))
            raise
        return self.file, repr(self.path)

    def __exit__(self, *_) -> None:
        if self.path is not None:
            self.file.close()


def _no_such_file(path: str) -> str:
    import difflib

    folder, name = os.path.split(path)
    if folder and not os.path.isdir(folder):
        return f"torch.load: there is no folder {folder!r}; the current directory is {os.getcwd()!r}"
    try:
        others = os.listdir(folder or ".")
    except OSError:
        others = []
    near = difflib.get_close_matches(name, others, 3)
    more = "; did you mean " + " or ".join(repr(os.path.join(folder, n)) for n in near) + "?" if near else ""
    return f"torch.load: no file {name!r} in {folder or 'the current directory ' + repr(os.getcwd())}{more}"


class _Replacing:
    """A file that takes the place of `path` when it is complete, and not before. Where the system can, it has no
    name until
    then, and a kill leaves nothing beside the old file."""

    def __init__(self, path: str) -> None:
        self.path = os.path.realpath(path)
        self.folder, base = os.path.split(self.path)
        self.aside = os.path.join(self.folder, f".{base[:200]}.{os.getpid()}-{os.urandom(4).hex()}.tmp")
        self.direct = False

    def __enter__(self):
        if not os.path.isdir(self.folder):
            raise RuntimeError(f"Parent directory {os.path.dirname(self.path)} does not exist.")
        try:
            mode = os.stat(self.path).st_mode
        except FileNotFoundError:
            mode = None
        self.direct = mode is not None and (mode & 0o170000) != 0o100000  # a device or a pipe
        if not self.direct:
            try:
                self.nameless, fd = self._open(0o666 if mode is None else mode & 0o777)
                if mode is not None:
                    os.fchmod(fd, mode & 0o7777)
                self.file = os.fdopen(fd, "wb")
                return self.file
            except PermissionError:
                self.direct = True  # a folder that takes no new files, perhaps a file that may be written
        self.file = open(self.path, "wb")
        return self.file

    def _open(self, mode: int) -> tuple[bool, int]:
        flag = getattr(os, "O_TMPFILE", None)
        if flag is not None:
            try:
                return True, os.open(self.folder, flag | os.O_RDWR | os.O_CLOEXEC, mode)
            except PermissionError:
                raise
            except OSError:
                pass  # a file system without such files
        return False, os.open(self.aside, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), mode)

    def __exit__(self, kind, *_) -> None:
        if self.direct:
            self.file.close()
            return
        try:
            if kind is None:
                self.file.flush()
                if self.nameless:
                    here = os.open(self.folder, os.O_RDONLY)
                    try:  # a folder's descriptor makes Python follow the link
                        os.link(
                            f"/proc/self/fd/{self.file.fileno()}", self.aside, src_dir_fd=here, follow_symlinks=True
                        )
                    finally:
                        os.close(here)
                self.file.close()
                os.replace(self.aside, self.path)
            else:
                self.file.close()
        finally:
            self.file.close()
            if os.path.lexists(self.aside):
                os.unlink(self.aside)


# ---------------------------------------------------------------- saving


def _file_name(module: str, name: str) -> tuple[str, str]:
    """Under which name a file knows one of our classes or functions."""
    if module == "rtorch.storage" and name in LEGACY:
        return "torch", name
    if name == "_rebuild_from_type_v2":
        return "torch._tensor", name
    return _torch_name(module), name


class _Names:
    """Part of a pickler: storages become persistent ids, tensors name the functions that rebuild them."""

    def begin(self, legacy: bool) -> None:
        self.legacy = legacy
        self.storages: dict[int, tuple[str, Any, int]] = {}  # address -> key, storage (kept alive), bytes of an element
        self.dtypes: dict[int, Any] = {}
        self.named: set[tuple[str, str]] = set()

    def persistent_id(self, obj):
        if isinstance(obj, TypedStorage):
            untyped, dtype = obj._untyped_storage, obj.dtype
        elif isinstance(obj, torch.UntypedStorage):
            untyped, dtype = obj, None
        else:
            return None
        n = untyped.nbytes()
        address = untyped.data_ptr() if n else -1 - len(self.storages)
        if self.dtypes.setdefault(address, dtype) != dtype:
            raise RuntimeError(
                "Cannot save multiple tensors or storages that view the same data as different types: "
                f"{self.dtypes[address]} and {dtype}. Save a clone of one of them."
            )
        each = 1 if dtype is None else dtype.itemsize
        key, _, _ = self.storages.setdefault(address, (str(len(self.storages)), untyped, each))
        kind = (
            torch.UntypedStorage if dtype is None else getattr(_storage, _STORAGE_NAMES[str(dtype).rpartition(".")[2]])
        )
        device = getattr(untyped, "device", None)
        pid = ("storage", kind, key, "cpu" if device is None else str(device), n // each)
        return (*pid, None) if self.legacy else pid

    def reducer_override(self, obj):
        if isinstance(obj, torch.Tensor):
            own = type(obj).__dict__
            if type(obj) in (torch.Tensor, torch.nn.Parameter) or not ("__reduce_ex__" in own or "__reduce__" in own):
                return _utils._tensor_reduction(obj, _utils._typed)
        elif isinstance(obj, torch.dtype):
            name = str(obj).rpartition(".")[2]
            self.named.add((type(obj).__module__, name))
            return name
        elif isinstance(obj, torch.device):
            return torch.device, (obj.type,) if obj.index is None else (obj.type, obj.index)
        elif isinstance(obj, torch.Size):
            return torch.Size, (tuple(obj),)
        elif hasattr(obj, "__qualname__"):
            self.named.add((obj.__module__, obj.__qualname__))
        parent = getattr(super(), "reducer_override", None)
        return NotImplemented if parent is None else parent(obj)


class _Pickler(_Names, pickle.Pickler):
    """For protocols 2 and 3, where the names of modules can be replaced afterwards."""


class _SlowPickler(_Names, pickle._Pickler):  # type: ignore[misc, name-defined]
    """For protocols from 4 on, where a name stands in frames, as text that other opcodes refer to."""

    def save_global(self, obj, name=None):
        name = name or getattr(obj, "__qualname__", None) or obj.__name__
        module = pickle.whichmodule(obj, name)  # type: ignore[attr-defined]
        if module.partition(".")[0] != "rtorch":
            return super().save_global(obj, name)
        module, name = _file_name(module, name)
        self.save(module)
        self.save(name)
        self.write(pickle.STACK_GLOBAL)
        return self.memoize(obj)

    # the table holds the base class's own function
    dispatch = {**pickle._Pickler.dispatch, type(_file_name): save_global}  # type: ignore[attr-defined]


def _renamed(data: bytes, named: set[tuple[str, str]]) -> bytes:
    """The pickle with PyTorch's names for ours. A pickler writes each name once; where text in the pickle looks like
    one too,
    the opcodes decide."""

    def new(found):
        module, name = _file_name(found[1].decode(), found[2].decode())
        return f"c{module}\n{name}\n".encode()

    pattern = re.compile(rb"c(rtorch(?:\.[A-Za-z0-9_.]+)?)\n([A-Za-z0-9_.]+)\n")
    matches = [(m[1].decode(), m[2].decode()) for m in pattern.finditer(data)]
    if sorted(matches) == sorted(pair for pair in named if pair[0].partition(".")[0] == "rtorch"):
        return pattern.sub(new, data) if matches else data
    parts, done = [], 0
    for at, op, _, end in _restricted.operations(data):
        if op == 0x63 and (found := pattern.fullmatch(data, at, end)):
            parts += [data[done:at], new(found)]
            done = end
    return b"".join([*parts, data[done:]])


def _dump(obj, protocol: int, pickle_module, legacy: bool) -> tuple[bytes, dict[int, tuple[str, Any, int]]]:
    """The pickle of obj, and the storages that it names."""
    out = io.BytesIO()
    if pickle_module not in (None, pickle):
        pickler: Any = type("_Pickler", (_Names, pickle_module.Pickler), {})(out, protocol=protocol)
    elif protocol >= 4:
        pickler = _SlowPickler(out, protocol)
    else:
        pickler = _Pickler(out, protocol)
    pickler.begin(legacy)
    pickler.dump(obj)
    data = out.getvalue()
    return data if isinstance(pickler, _SlowPickler) else _renamed(data, pickler.named), pickler.storages


def save(
    obj: object,
    f,
    pickle_module: Any = pickle,
    pickle_protocol: int = DEFAULT_PROTOCOL,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
) -> None:
    """Write any object (state dicts, checkpoints, whole models) to a path or a file object. A path is replaced in
    one step
    when the new file is complete."""
    if not isinstance(f, (str, os.PathLike)) and not hasattr(f, "write"):
        raise AttributeError(
            f"expected 'f' to be string, path, or a file-like object with a 'write' attribute, got {type(f).__name__}"
        )
    data, storages = _dump(obj, pickle_protocol, pickle_module, legacy=not _use_new_zipfile_serialization)
    write = _write_zip if _use_new_zipfile_serialization else _write_legacy
    if isinstance(f, (str, os.PathLike)):
        path = os.fspath(f)
        root = re.sub(r"[/\\]", "_", os.path.splitext(os.path.basename(path))[0]) or "archive"
        with _Replacing(path) as file:
            write(file, root, data, storages)
    else:
        write(f, "archive", data, storages)


def _storage_bytes(storage):
    device = getattr(storage, "device", None)
    if device is not None and device.type != "cpu":
        storage = storage.cpu()
    return torch._C._storage_to_bytes(storage)


def _write_zip(file, root: str, data: bytes, storages) -> None:
    archive = _archive.Writer(file, root)
    archive.write("data.pkl", data)
    archive.write(".format_version", b"1")
    archive.write(".storage_alignment", str(_archive.ALIGNMENT).encode())
    archive.write("byteorder", sys.byteorder.encode())
    for key, storage, _ in storages.values():
        archive.write(f"data/{key}", _storage_bytes(storage))
    archive.write("version", b"3\n")
    archive.close()
    if hasattr(file, "flush"):
        file.flush()


def _write_legacy(file, root: str, data: bytes, storages) -> None:
    little = sys.byteorder == "little"
    about = {
        "protocol_version": PROTOCOL_VERSION,
        "little_endian": little,
        "type_sizes": {"short": 2, "int": 4, "long": 4},
    }
    for head in (MAGIC_NUMBER, PROTOCOL_VERSION, about):
        file.write(pickle.dumps(head, DEFAULT_PROTOCOL))
    file.write(data)
    entries = sorted(storages.values(), key=lambda entry: entry[0])
    file.write(pickle.dumps([key for key, _, _ in entries], DEFAULT_PROTOCOL))
    for _, storage, each in entries:
        raw = _storage_bytes(storage)
        file.write(struct.pack("<q", len(raw) // each))
        file.write(raw)
    if hasattr(file, "flush"):
        file.flush()


# ---------------------------------------------------------------- loading


class _Storages:
    """The storages of a file by their keys: makes each at its first use, on the device that map_location says."""

    def __init__(self, name: str, map_location, swap: bool) -> None:
        self.name = name
        self.map_location = map_location
        self.swap = swap
        self.made: dict[str, Any] = {}

    def fill(self, key: str, n: int):
        """An UntypedStorage of the first n bytes of a record."""
        raise NotImplementedError

    def persistent_load(self, pid):
        if not isinstance(pid, tuple) or len(pid) not in (5, 6) or pid[0] not in ("storage", b"storage"):
            raise pickle.UnpicklingError(
                "only storages can be persistent objects: ('storage', type, key, location, numel) expected"
            )
        _, kind, key, location, numel = (x.decode("ascii") if isinstance(x, bytes) else x for x in pid[:5])
        if isinstance(kind, type):  # from an unrestricted unpickler
            kind = _restricted.StorageType(kind.__name__)
        if not isinstance(kind, _restricted.StorageType):
            raise pickle.UnpicklingError(f"a storage type expected in a persistent id, got {type(kind).__name__}")
        if not isinstance(key, str) or not isinstance(location, str):
            raise pickle.UnpicklingError("key and location of a storage must be text")
        if type(numel) is not int or not 0 <= numel < 1 << 60:
            raise pickle.UnpicklingError(
                "the number of elements of a storage must be an integer that is not negative and does not overflow "
                "64 bits"
            )
        dtype = kind.dtype
        nbytes = numel * (dtype.itemsize if dtype is not None else 1)
        untyped = self.made.get(key)
        if untyped is None:
            untyped = self.place(
                self.fill(key, nbytes) if location != "meta" else torch.UntypedStorage(nbytes, device="meta"),
                location,
                dtype,
            )
            self.made[key] = untyped
        elif untyped.nbytes() < nbytes:
            raise pickle.UnpicklingError(
                f"storage {key!r} has {untyped.nbytes()} bytes, elsewhere in the file {nbytes}"
            )
        if kind.name == "UntypedStorage":
            return untyped
        typed = TypedStorage(wrap_storage=untyped, dtype=dtype)
        if len(pid) == 6 and pid[5] is not None:
            typed._skip = self.view_offset(pid[5], numel)  # type: ignore[attr-defined]
        return typed

    @staticmethod
    def view_offset(view, numel: int) -> int:
        ok = isinstance(view, tuple) and len(view) == 3 and all(type(x) is int for x in view[1:])
        if not ok or not 0 <= view[1] <= numel or not 0 <= view[2] <= numel - view[1]:
            raise pickle.UnpicklingError("the offset and size of a storage's view must lie in its bounds")
        return view[1]

    def place(self, untyped, location: str, dtype):
        if self.swap and dtype is not None and dtype.itemsize > 1:
            untyped = _swapped(untyped, dtype)
        where = self.map_location
        if callable(where) and not isinstance(where, (str, torch.device)):
            result = where(untyped, location)
            if result is not None:
                return result._untyped_storage if isinstance(result, TypedStorage) else result
        elif isinstance(where, dict):
            location = where.get(location, location)
        elif where is not None:
            location = str(where)
        return _restored(untyped, str(location), self.name)


class _ZipStorages(_Storages):
    def __init__(self, archive: _archive.Reader, map_location, swap: bool, mapped: str | None) -> None:
        super().__init__(archive.name, map_location, swap)
        self.archive = archive
        self.mapped = mapped

    def fill(self, key: str, n: int):
        record = self.archive.record(f"data/{key}")
        if record.size < n:
            raise pickle.UnpicklingError(
                f"storage {key!r} should have {n} bytes, but its record in the file has {record.size}: the file is "
                f"damaged"
            )
        if self.mapped is not None and n and not record.deflated and hasattr(torch._C, "_storage_from_file"):
            return torch._C._storage_from_file(self.mapped, record.offset, n)
        if record.deflated and n > _MOST_INFLATED:
            raise pickle.UnpicklingError(
                f"storage {key!r} is compressed and would unpack to {n} bytes; .pt files are not compressed"
            )
        untyped = torch.UntypedStorage(n)
        view = torch._C._storage_to_bytes(untyped)
        if n and not view.readonly:
            self.archive.readinto(f"data/{key}", view)
        elif n:
            held = bytearray(n)
            self.archive.readinto(f"data/{key}", memoryview(held))
            untyped = torch._C._storage_from_bytes(held)
        return untyped


_MOST_INFLATED = 1 << 32


class _LegacyStorages(_Storages):
    """The storages that follow the pickles of a legacy file: made while the object is rebuilt, filled afterwards.
    All of them
    together may not be larger than the file."""

    def __init__(self, name: str, map_location, swap: bool, data: memoryview) -> None:
        super().__init__(name, map_location, False)
        self.swapped = swap
        self.data = data
        self.left = len(data)
        self.kinds: dict[str, tuple[Any, int]] = {}

    def persistent_load(self, pid):
        result = super().persistent_load(pid)
        key = pid[2].decode("ascii") if isinstance(pid[2], bytes) else pid[2]
        dtype = result.dtype if isinstance(result, TypedStorage) else None
        self.kinds.setdefault(key, (dtype, pid[4]))
        return result

    def fill(self, key: str, n: int):
        self.left -= n
        if self.left < 0:
            raise pickle.UnpicklingError(
                f"storage {key[:50]!r} should have {n} bytes, more than the file has: it is truncated or damaged"
            )
        return torch.UntypedStorage(n)

    def read(self, keys: list, at: int) -> None:
        done = set()
        for key in keys:
            if not isinstance(key, str) or key not in self.made or key in done:
                raise pickle.UnpicklingError(
                    f"the list of storage keys is damaged: {str(key)[:50]!r} is unknown, or there twice"
                )
            done.add(key)
            dtype, numel = self.kinds[key]
            each = 1 if dtype is None else dtype.itemsize
            if at + 8 > len(self.data):
                raise pickle.UnpicklingError(f"the file is truncated: storage {key!r} is missing")
            count = struct.unpack_from(">q" if self.swapped else "<q", self.data, at)[0]
            start, at = at + 8, at + 8 + numel * each
            if count != numel or at > len(self.data):
                raise pickle.UnpicklingError(
                    f"storage {key!r} should have {numel} elements; its record says {count}, and "
                    f"{len(self.data) - start} bytes are "
                    "left: the file is truncated or damaged"
                )
            content = torch._C._storage_from_bytes(self.data[start:at])
            if self.swapped and each > 1:
                content = _swapped(content, dtype)
            untyped = self.made[key]
            if numel and str(getattr(untyped, "device", "cpu")) != "meta":
                whole = (0, (numel * each,), (1,))
                target = torch._C._tensor_from_storage(untyped, torch.uint8, *whole)
                target.copy_(torch._C._tensor_from_storage(content, torch.uint8, *whole))
        missing = [key for key in self.made if key not in done]
        if missing:
            raise pickle.UnpicklingError(f"the file is truncated or damaged: storage {missing[0]!r} is missing")


def _swapped(untyped, dtype):
    """The storage with the bytes of each number reversed."""
    raw = bytearray(torch._C._storage_to_bytes(untyped))
    part = dtype.itemsize // (2 if "complex" in str(dtype) else 1)
    raw = raw[: len(raw) // part * part]
    out = bytearray(len(raw))
    for i in range(part):
        out[i::part] = raw[part - 1 - i :: part]
    return torch._C._storage_from_bytes(out)


def _restored(untyped, location: str, name: str):
    kind, _, index = location.partition(":")
    if (kind == "cpu" and not index) or location == str(getattr(untyped, "device", "cpu")):
        return untyped
    if kind == "cuda":
        cuda = getattr(torch, "cuda", None)
        if cuda is None or not cuda.is_available():
            raise RuntimeError(
                "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. If you "
                "are running on a "
                f"CPU-only machine, please use torch.load with map_location=torch.device('cpu') to map your "
                f"storages to the CPU. ({name} "
                f"holds storages of {location[:50]!r}.)"
            )
        count = cuda.device_count()
        if index and (not index.isdigit() or int(index) >= count):
            raise RuntimeError(
                f"Attempting to deserialize object on CUDA device {index[:30]} but torch.cuda.device_count() is "
                f"{count}. Please use "
                "torch.load with map_location to map your storages to an existing device."
            )
        return untyped.to(device=torch.device(location))
    if kind == "meta":
        return torch.UntypedStorage(untyped.nbytes(), device="meta")
    raise RuntimeError(
        f"don't know how to restore data location of torch.storage.UntypedStorage (tagged with {location[:100]}), "
        f"in {name}: rtorch has no "
        "such device; use torch.load with map_location='cpu'"
    )


def _unrestricted(pickle_module, stream, storages: _Storages, options: dict):
    """An unpickler that runs what the file says, with PyTorch's names standing for ours."""
    base: Any = pickle_module.Unpickler

    class Unpickler(base):
        def find_class(self, module, name):
            if (module == "torch" and name in LEGACY) or (
                module == "torch.storage" and name in ("UntypedStorage", "TypedStorage")
            ):
                return _restricted.StorageType(name) if name != "TypedStorage" else TypedStorage
            if (module, name) == ("torch._tensor", "_rebuild_from_type_v2"):
                return _utils._rebuild_from_type_v2
            ours = _our_name(module)
            try:
                return super().find_class(ours, name)
            except (ModuleNotFoundError, AttributeError) as e:
                if ours != module:
                    e.add_note(f"torch.load: {storages.name} names {module}.{name}, which rtorch does not have")
                raise

        def persistent_load(self, pid):
            return storages.persistent_load(pid)

    return Unpickler(stream, **options)


def load(
    f,
    map_location: MAP_LOCATION = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Read what save has written, from a path or a file object. weights_only=True, the default, takes tensors and plain
    Python values and nothing that could run code; map_location moves storages to another device."""
    chosen = weights_only is not None
    if weights_only is None:
        weights_only = pickle_module is None
    truth = ("1", "y", "yes", "true")
    force, release = (os.getenv(f"TORCH_FORCE_{n}WEIGHTS_ONLY_LOAD", "0").lower() in truth for n in ("", "NO_"))
    if force and release:
        raise RuntimeError(
            "Only one of `TORCH_FORCE_WEIGHTS_ONLY_LOAD` or `TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD` should be set, but "
            "both were set."
        )
    if force:
        weights_only = True
    elif release and not chosen:
        warnings.warn("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD is set: torch.load runs what the file says", stacklevel=2)
        weights_only = False
    if weights_only and pickle_module is not None:
        raise RuntimeError("Can not safely load weights when explicit pickle_module is specified")
    if mmap and not isinstance(f, (str, os.PathLike)):
        raise ValueError(
            f"f must be a string or os.PathLike object in order to use mmap argument, got a {type(f).__name__}"
        )
    if not isinstance(f, (str, os.PathLike)) and not hasattr(f, "read"):
        raise AttributeError(
            f"expected 'f' to be string, path, or a file-like object with a 'read' attribute, got {type(f).__name__}"
        )
    module = pickle if pickle_module is None else pickle_module
    options = dict(pickle_load_args)
    with _Opened(f, "rb") as (file, name):
        head = file.read(4)
        if head == b"PK\3\4":
            if isinstance(f, (str, os.PathLike)):
                source: Any = _archive.File(file)
            else:
                source = _archive.Buffer(head + file.read())
            mapped = os.fspath(f) if mmap and isinstance(f, (str, os.PathLike)) else None
            return _load_zip(_archive.Reader(source, name), map_location, weights_only, module, options, mapped)
        if mmap:
            raise RuntimeError(f"torch.load: mmap can only be used with the zip format, and {name} is not in it")
        return _load_legacy(head + file.read(), name, map_location, weights_only, module, options)


def _extra_names() -> dict[str, Any]:
    return {full: thing for entry in _safe for full, thing in _full_names(entry).items()}


def _load_zip(archive: _archive.Reader, map_location, weights_only: bool, module, options: dict, mapped: str | None):
    if "constants.pkl" in archive and "data.pkl" in archive:
        raise RuntimeError(
            f"torch.load: {archive.name} is a TorchScript archive (torch.jit.save); rtorch does not run "
            f"TorchScript. Save the model's "
            "state_dict with torch.save instead."
        )
    swap = False
    if "byteorder" in archive:
        order = archive.read("byteorder", most=100)
        if order not in (b"little", b"big"):
            raise archive.bad("its byteorder record is neither 'little' nor 'big'")
        swap = order.decode() != sys.byteorder
    data = archive.read("data.pkl", times=100)
    storages = _ZipStorages(archive, map_location, swap, mapped)
    where = f"{archive.root}/data.pkl in {archive.name}"
    if not weights_only:
        return _unrestricted(module, io.BytesIO(data), storages, options).load()
    unpickler = _restricted.Unpickler(
        data, where, storages.persistent_load, _extra_names(), options.get("encoding", "utf-8")
    )
    return unpickler.load()


def _foreign(data: bytes, name: str) -> str | None:
    """What a file that is no checkpoint looks like, in words."""
    if not data:
        return "it is empty"
    if data[257:262] == b"ustar":
        return "it is a tar archive (PyTorch 0.1 wrote such files; save it again with a PyTorch that reads it)"
    for head, what in (
        (b"\x1f\x8b", "it is compressed with gzip; unpack it first"),
        (b"\x89PNG", "it is a PNG picture"),
        (b"version https://git-lfs", "it is a Git LFS pointer; fetch the file itself with git lfs pull"),
        (b"<", "it looks like a web page: the download failed"),
        (b"PK", "its zip archive is truncated or damaged"),
    ):
        if data.startswith(head):
            return what
    return None if data[0] == 0x80 else f"it begins with {data[:16]!r}"


def _load_legacy(data: bytes, name: str, map_location, weights_only: bool, module, options: dict):
    what = _foreign(data, name)
    if what:
        raise pickle.UnpicklingError(
            f"torch.load: {name} ({len(data)} bytes) is not a PyTorch checkpoint, neither a zip archive nor the "
            f"legacy pickle format: {what}"
        )
    encoding = options.get("encoding", "utf-8")

    def no_storages(_):
        raise pickle.UnpicklingError("no storage is expected here")

    at = 0

    def plain(expected: str):
        nonlocal at
        reader = _restricted.Unpickler(data, f"{name} ({expected})", no_storages, {}, encoding)
        value = reader.load(at)
        at = reader.end
        return value

    if plain("magic number of the legacy format") != MAGIC_NUMBER:
        raise pickle.UnpicklingError(
            f"torch.load: {name} is a pickle, but not a PyTorch checkpoint: the magic number of the legacy format "
            f"is missing"
        )
    version = plain("protocol version")
    if version != PROTOCOL_VERSION:
        raise RuntimeError(
            f"torch.load: {name} has the invalid protocol version {str(version)[:50]}, {PROTOCOL_VERSION} expected"
        )
    about = plain("system information")
    little = about.get("little_endian", True) if isinstance(about, dict) else True
    swap = bool(little) != (sys.byteorder == "little")
    storages = _LegacyStorages(name, map_location, swap, memoryview(data))
    if weights_only:
        reader = _restricted.Unpickler(data, name, storages.persistent_load, _extra_names(), encoding)
        result = reader.load(at)
        at = reader.end
    else:
        stream = io.BytesIO(data)
        stream.seek(at)
        result = _unrestricted(module, stream, storages, options).load()
        at = stream.tell()
    keys = plain("list of storage keys")
    try:
        if not isinstance(keys, list):
            raise pickle.UnpicklingError(f"a list of storage keys expected, got {type(keys).__name__}")
        storages.read(keys, at)
    except pickle.UnpicklingError as e:
        raise pickle.UnpicklingError(f"torch.load: {name}: {e}") from None
    return result
