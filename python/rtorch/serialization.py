"""`torch.save` and `torch.load`: PyTorch's .pt files, the zip format and the one before 1.6, read and written.

Loading is restricted by default (weights_only: _weights_only_unpickler.py builds tensors and plain values, nothing
else). Saving to a path writes beside it and replaces it in one step: who is killed meanwhile leaves the old file. In
files the classes and functions have PyTorch's names, so that either library opens what the other has written. Here is
what users call; the work is in _checkpoint_write.py and _checkpoint_read.py, the container in _archive.py.
"""

from __future__ import annotations

import os
import pickle
import re
import warnings
from collections.abc import Callable
from typing import Any, TypeAlias

from rtorch import _archive
from rtorch import _weights_only_unpickler as _restricted
from rtorch._checkpoint_read import _load_legacy, _load_zip
from rtorch._checkpoint_write import DEFAULT_PROTOCOL, _dump, _Replacing, _torch_name, _write_legacy, _write_zip
from rtorch._utils import _get_layout as _get_layout  # files name it here

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

MAP_LOCATION: TypeAlias = Callable[[Any, str], Any] | Any | str | dict[str, str] | None

# ---------------------------------------------------------------- names that the user trusts

_safe: dict[Any, None] = {}  # a set that keeps its order


def add_safe_globals(safe_globals: list) -> None:
    """Allow these functions and classes in files loaded with weights_only=True; a pair (thing, "full.name") gives the
    name that the files use."""
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


def get_unsafe_globals_in_checkpoint(f) -> list[str]:
    """The names in a zip checkpoint that weights_only=True would refuse."""
    with _Opened(f, "rb") as (file, name):
        archive = _archive.Reader(_archive.Buffer(file.read()), name)
        names = _restricted.globals_in(archive.read("data.pkl"))
    allowed = set(_restricted.allowed_globals())
    for thing in _safe:
        allowed |= set(_full_names(thing))
    return sorted(names - allowed)


def _extra_names() -> dict[str, Any]:
    return {full: thing for entry in _safe for full, thing in _full_names(entry).items()}


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


def save(
    obj: object,
    f,
    pickle_module: Any = pickle,
    pickle_protocol: int = DEFAULT_PROTOCOL,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
) -> None:
    """Write any object (state dicts, checkpoints, whole models) to a path or a file object. A path is replaced in one
    step when the new file is complete."""
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
            return _load_zip(
                _archive.Reader(source, name), map_location, weights_only, module, options, _extra_names(), mapped
            )
        if mmap:
            raise RuntimeError(f"torch.load: mmap can only be used with the zip format, and {name} is not in it")
        return _load_legacy(head + file.read(), name, map_location, weights_only, module, options, _extra_names())
