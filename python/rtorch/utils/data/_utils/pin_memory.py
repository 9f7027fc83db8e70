"""Page-locked batches: pins every tensor inside a batch, so that copies to a GPU can overlap with work."""

from __future__ import annotations

import collections.abc

import rtorch as torch
from rtorch.utils.data._utils.collate import _is_namedtuple, _rebuilt


def pin_memory(data, device=None):
    if isinstance(data, torch.Tensor) or hasattr(data, "pin_memory"):
        return data.pin_memory()
    if isinstance(data, (str, bytes)):
        return data
    if _is_namedtuple(data):
        return type(data)(*(pin_memory(d) for d in data))
    if isinstance(data, tuple):
        return [pin_memory(d) for d in data]
    if isinstance(data, (collections.abc.Mapping, collections.abc.Sequence)):
        return _rebuilt(data, lambda _, d: pin_memory(d))
    return data
