"""Writing checkpoints: the pickler, the two formats, and the file that takes another's place in one step."""

from __future__ import annotations

import io
import os
import pickle
import re
import struct
import sys
from typing import Any

import rtorch as torch
from rtorch import _archive, _utils
from rtorch import _weights_only_unpickler as _restricted
from rtorch import storage as _storage
from rtorch.storage import LEGACY, TypedStorage

DEFAULT_PROTOCOL = 2
MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001
_STORAGE_NAMES = {dtype: name for name, dtype in LEGACY.items()}


class _Replacing:
    """A file that takes the place of `path` when it is complete, and not before. Where the system can, it has no name
    until then, and a kill leaves nothing beside the old file."""

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


# ---------------------------------------------------------------- the pickle


_OURS = ("rtorch", "torch")  # the latter where `torch` is this library (`_alias.py`)


def _torch_name(module: str) -> str:
    """The name that a file has for one of our modules."""
    if module in ("rtorch._C", "torch._C"):
        return "torch"
    return module[1:] if module == "rtorch" or module.startswith("rtorch.") else module


def _file_name(module: str, name: str) -> tuple[str, str]:
    """Under which name a file knows one of our classes or functions."""
    if module in ("rtorch.storage", "torch.storage") and name in LEGACY:
        return "torch", name
    if name == "_rebuild_from_type_v2":
        return "torch._tensor", name
    if name == "_get_layout":
        return "torch.serialization", name
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
        elif isinstance(obj, torch.layout):
            return _utils._get_layout, (str(obj),)
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
        if module.partition(".")[0] not in _OURS:
            return super().save_global(obj, name)
        module, name = _file_name(module, name)
        self.save(module)
        self.save(name)
        self.write(pickle.STACK_GLOBAL)
        return self.memoize(obj)

    # the table holds the base class's own function
    dispatch = {**pickle._Pickler.dispatch, type(_file_name): save_global}  # type: ignore[attr-defined, dict-item]


def _renamed(data: bytes, named: set[tuple[str, str]]) -> bytes:
    """The pickle with PyTorch's names for ours. A pickler writes each name once; where text in the pickle looks like
    one too, the opcodes decide."""

    def new(found):
        module, name = _file_name(found[1].decode(), found[2].decode())
        return f"c{module}\n{name}\n".encode()

    pattern = re.compile(rb"c(r?torch(?:\.[A-Za-z0-9_.]+)?)\n([A-Za-z0-9_.]+)\n")
    matches = [(m[1].decode(), m[2].decode()) for m in pattern.finditer(data)]
    if sorted(matches) == sorted(pair for pair in named if pair[0].partition(".")[0] in _OURS):
        return pattern.sub(new, data) if matches else data
    parts, done = [], 0
    for at, op, _, end in _restricted.operations(data):
        if op == 0x63 and (found := pattern.fullmatch(data, at, end)):
            parts += [data[done:at], new(found)]
            done = end
    return b"".join([*parts, data[done:]])


class _TorchIsHere:
    """A `with` block in which `torch` and `torch.storage` name our modules: picklers look up the classes that say they
    are in those there."""

    ours = {"torch": torch, "torch.storage": _storage}

    def __enter__(self) -> None:
        self.before = {name: sys.modules.get(name) for name in self.ours}
        sys.modules.update(self.ours)

    def __exit__(self, *_) -> None:
        for name, module in self.before.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module


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
    with _TorchIsHere():
        pickler.dump(obj)
    data = out.getvalue()
    return data if isinstance(pickler, _SlowPickler) else _renamed(data, pickler.named), pickler.storages


# ---------------------------------------------------------------- the formats


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
