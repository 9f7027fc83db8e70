"""The safetensors format: `load_file`, `save_file`, and on bytes `load`, `save`. A file is mapped, and the tensors
lie in it: nothing is copied until it is written to. The head is checked before anything is made of it. (The package
`safetensors` works too; this module needs it not.)
"""

from __future__ import annotations

import json
import math
import os
import struct
from typing import Any

import rtorch as torch

__all__ = ["load", "load_file", "save", "save_file"]

_NAMES = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "I16": "int16",
    "F16": "float16",
    "BF16": "bfloat16",
    "I32": "int32",
    "F32": "float32",
    "I64": "int64",
    "F64": "float64",
    "C64": "complex64",
    "U16": "uint16",
    "U32": "uint32",
    "U64": "uint64",
}
_CODES = {name: code for code, name in _NAMES.items()}
_MOST = 100_000_000  # bytes of a head, as in the format's description


class SafetensorError(ValueError):
    """The file is not what it should be."""


def _no_twice(pairs):
    out: dict[str, Any] = {}
    for k, v in pairs:
        if k in out:
            raise ValueError(f"the name {k!r} stands in the header twice")
        out[k] = v
    return out


def _entries(name: str, data) -> tuple[dict[str, tuple[Any, list[int], int, int]], int]:
    """name -> dtype, shape, begin and end, all checked; and where the data begins."""

    def bad(what: str):
        return SafetensorError(f"{name}: {what}")

    size = len(data)
    if size < 8:
        raise bad(f"truncated: {size} bytes are too short for a safetensors file")
    n = struct.unpack("<Q", bytes(data[:8]))[0]
    if n > _MOST or n > size - 8:
        raise bad(f"the header's length, {n} bytes, is larger than the file ({size} bytes) or than {_MOST} bytes")
    try:
        head = json.loads(bytes(data[8 : 8 + n]).decode("utf-8"), object_pairs_hook=_no_twice)
    except (ValueError, RecursionError) as e:
        raise bad(f"the header is no valid JSON ({e})") from None
    if not isinstance(head, dict):
        raise bad("the header is no JSON object")
    about = head.pop("__metadata__", {})
    if not isinstance(about, dict) or not all(isinstance(v, str) for v in about.values()):
        raise bad("the header's __metadata__ is no object of strings")
    out, rest = {}, size - 8 - n
    for key, entry in head.items():
        if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
            raise bad(f"the header's entry {key!r} does not have dtype, shape and data_offsets")
        code, shape, where = entry["dtype"], entry["shape"], entry["data_offsets"]
        dtype = getattr(torch, _NAMES.get(code, ""), None) if isinstance(code, str) else None
        if not isinstance(dtype, torch.dtype):  # some are names only
            dtype = None
        if dtype is None:
            raise bad(f"tensor {key!r}: the dtype {code!r} is unknown")
        if not isinstance(shape, list) or not all(type(d) is int and 0 <= d < 1 << 63 for d in shape):
            raise bad(f"tensor {key!r}: the shape is no list of sizes: {str(shape)[:80]}")
        if not isinstance(where, list) or len(where) != 2 or not all(type(d) is int for d in where):
            raise bad(f"tensor {key!r}: data_offsets are no two numbers: {str(where)[:80]}")
        begin, end = where
        if not 0 <= begin <= end <= rest:
            raise bad(f"tensor {key!r}: data_offsets {begin} to {end} lie outside of the {rest} bytes of data")
        if len(shape) > 1000:
            raise bad(f"tensor {key!r}: a shape of {len(shape)} dimensions")
        need = math.prod(shape) * dtype.itemsize
        if need != end - begin:
            raise bad(f"tensor {key!r}: shape {shape} of {code} needs {need} bytes, data_offsets give {end - begin}")
        out[key] = (dtype, shape, begin, end)
    at = 0
    for key, (_, _, begin, end) in sorted(out.items(), key=lambda e: (e[1][2], e[1][3])):
        if begin != at:
            raise bad(f"tensor {key!r} begins at {begin}, where {at} is expected: tensors overlap, or there is a hole")
        at = end
    if at != rest:
        raise bad(
            f"the tensors end at {at}, the data at {rest} bytes: something is missing in the header, or too much here"
        )
    return out, 8 + n


def _tensors(name: str, data, device) -> dict[str, Any]:
    entries, start = _entries(name, data)
    out = {}
    for key, (dtype, shape, begin, end) in entries.items():
        try:
            stride = torch.empty(shape, dtype=dtype, device="meta").stride()
        except (RuntimeError, OverflowError) as e:
            raise SafetensorError(f"{name}: tensor {key!r}: the shape {str(shape)[:80]} is too large ({e})") from None
        if (start + begin) % dtype.itemsize:  # not where such numbers may lie
            storage = torch._C._storage_from_bytes(memoryview(data)[start + begin : start + end])
        else:
            storage = torch._C._storage_over(data, start + begin, end - begin)
        t = torch._C._tensor_from_storage(storage, dtype, 0, shape, stride)
        out[key] = t if device in ("cpu", None) else t.to(device)
    return out


def load_file(filename, device="cpu") -> dict[str, Any]:
    """The tensors of a file, by name. They lie in the mapped file; writing to one changes this process's copy only."""
    import mmap
    import stat

    path = os.fspath(filename)
    with open(path, "rb") as f:
        about = os.fstat(f.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise SafetensorError(f"{path}: no regular file")
        if about.st_size < 8:
            raise SafetensorError(f"{path}: truncated: {about.st_size} bytes are too short for a safetensors file")
        data = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_COPY)
    return _tensors(path, data, device)


def load(data: bytes) -> dict[str, Any]:
    """The tensors in bytes, by name."""
    return _tensors("the bytes given", bytearray(data), "cpu")


def _parts(tensors: dict[str, Any], metadata: dict[str, str] | None):
    head: dict[str, Any] = {}
    if metadata:
        if not all(isinstance(k, str) and isinstance(v, str) for k, v in metadata.items()):
            raise ValueError("safetensors metadata is a dict of strings")
        head["__metadata__"] = metadata
    seen: dict[int, str] = {}
    parts, at = [], 0
    # large elements first: then every tensor is aligned
    for key, t in sorted(tensors.items(), key=lambda e: (-e[1].element_size(), e[0])):
        if not isinstance(t, torch.Tensor):
            raise ValueError(f"Key `{key}` is invalid, expected torch.Tensor but received {type(t)}")
        if not t.is_contiguous():
            raise ValueError(
                f"You are trying to save a non contiguous tensor: `{key}` which is not allowed. Call "
                f".contiguous() first."
            )
        storage = t.untyped_storage()
        if storage.nbytes() and seen.setdefault(storage.data_ptr(), key) != key:
            raise RuntimeError(
                f"{seen[storage.data_ptr()]!r} and {key!r} share memory, which a safetensors file cannot "
                f"tell: save one of "
                "them, or a clone"
            )
        n = t.numel() * t.element_size()
        code = _CODES[str(t.dtype).rpartition(".")[2]]
        head[key] = {"dtype": code, "shape": list(t.shape), "data_offsets": [at, at + n]}
        first = t.storage_offset() * t.element_size()
        parts.append(torch._C._storage_to_bytes(t.detach().untyped_storage())[first : first + n])
        at += n
    text = json.dumps(head, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text, parts


def save_file(tensors: dict[str, Any], filename, metadata: dict[str, str] | None = None) -> None:
    """Write tensors by name. The file is replaced in one step, when the new one is complete."""
    from rtorch._checkpoint_write import _Replacing

    head, parts = _parts(tensors, metadata)
    with _Replacing(os.fspath(filename)) as f:
        f.write(head)
        for p in parts:
            f.write(p)


def save(tensors: dict[str, Any], metadata: dict[str, str] | None = None) -> bytes:
    """The bytes of such a file."""
    head, parts = _parts(tensors, metadata)
    return b"".join([head, *parts])
