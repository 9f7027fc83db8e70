"""Reading checkpoints: storages by their keys, the zip format, and the one before 1.6."""

from __future__ import annotations

import io
import pickle
import struct
import sys
from typing import Any

import rtorch as torch
from rtorch import _archive, _utils
from rtorch import _weights_only_unpickler as _restricted
from rtorch._checkpoint_write import MAGIC_NUMBER, PROTOCOL_VERSION
from rtorch.storage import LEGACY, TypedStorage


def _our_name(module: str) -> str:
    return "r" + module if module == "torch" or module.startswith("torch.") else module


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
    """The storages that follow the pickles of a legacy file: made while the object is rebuilt, filled afterwards. All
    of them together may not be larger than the file."""

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


def _load_zip(
    archive: _archive.Reader,
    map_location,
    weights_only: bool,
    module,
    options: dict,
    extra: dict[str, Any],
    mapped: str | None,
):
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
    unpickler = _restricted.Unpickler(data, where, storages.persistent_load, extra, options.get("encoding", "utf-8"))
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


def _load_legacy(data: bytes, name: str, map_location, weights_only: bool, module, options: dict, extra: dict):
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
        reader = _restricted.Unpickler(data, name, storages.persistent_load, extra, encoding)
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
