"""Types for annotations."""

import builtins
import os
from collections.abc import Sequence
from typing import Any, TypeAlias

from rtorch import Size, Tensor, device, dtype

__all__ = ["Device", "FileLike", "Number"]

_int: TypeAlias = builtins.int
_float: TypeAlias = builtins.float
_bool: TypeAlias = builtins.bool
_complex: TypeAlias = builtins.complex
_dtype: TypeAlias = dtype
_device: TypeAlias = device
_size: TypeAlias = Size | list[_int] | tuple[_int, ...]
_Number = (_bool, _int, _float)
Number: TypeAlias = _int | _float | _bool
Device: TypeAlias = _device | str | _int | None
FileLike: TypeAlias = Any | str | os.PathLike[str]
_TensorOrTensors: TypeAlias = Tensor | Sequence[Tensor]


def __getattr__(name):
    if name == "Storage":
        from rtorch.storage import UntypedStorage

        return UntypedStorage
    raise AttributeError(f"module 'torch.types' has no attribute '{name}'")
