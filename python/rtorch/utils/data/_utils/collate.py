"""Samples to batches: default_collate, default_convert, and the table by type that users extend.

NumPy is never imported here: its types enter the table when a program that uses NumPy collates for the first time.
"""

from __future__ import annotations

import collections.abc
import copy
import re
import sys
from collections.abc import Callable
from typing import Any

import rtorch as torch

np_str_obj_array_pattern = re.compile(r"[SaUO]")
default_collate_err_msg_format = (
    "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"
)


def _rebuilt(data, build):
    """A mapping or sequence like `data` with what `build` makes of each part: `build` gets (key, part) pairs. Types
    that cannot be rebuilt become dicts and lists."""
    mapping = isinstance(data, collections.abc.Mapping)
    parts = [(k, build(k, data[k])) for k in data] if mapping else [(i, build(i, d)) for i, d in enumerate(data)]
    try:
        if isinstance(data, (collections.abc.MutableMapping, collections.abc.MutableSequence)):
            clone = copy.copy(data)
            for k, part in parts:
                clone[k] = part
            return clone
        return type(data)(dict(parts) if mapping else [part for _, part in parts])
    except TypeError:
        return dict(parts) if mapping else [part for _, part in parts]


def _is_namedtuple(x) -> bool:
    return isinstance(x, tuple) and hasattr(x, "_fields")


def default_convert(data):
    """NumPy arrays and scalars inside `data` to tensors, all else as it is."""
    if isinstance(data, torch.Tensor):
        return data
    kind = type(data)
    if kind.__module__ == "numpy" and kind.__name__ not in ("str_", "string_"):
        if kind.__name__ == "ndarray" and np_str_obj_array_pattern.search(data.dtype.str):
            return data
        return torch.as_tensor(data)
    if _is_namedtuple(data):
        return kind(*map(default_convert, data))
    if isinstance(data, tuple):
        return [default_convert(d) for d in data]
    if isinstance(data, collections.abc.Mapping) or (
        isinstance(data, collections.abc.Sequence) and not isinstance(data, (str, bytes))
    ):
        return _rebuilt(data, lambda _, d: default_convert(d))
    return data


def collate(batch, *, collate_fn_map: dict[Any, Callable] | None = None):
    """Collate by the table: the type of the first sample, then the first key that it is an instance of; else by
    structure."""
    elem = batch[0]
    if collate_fn_map is not None:
        fn = collate_fn_map.get(type(elem))
        if fn is None:
            fn = next((f for kind, f in collate_fn_map.items() if isinstance(elem, kind)), None)
        if fn is not None:
            return fn(batch, collate_fn_map=collate_fn_map)
    if isinstance(elem, collections.abc.Mapping):
        return _rebuilt(elem, lambda key, _: collate([d[key] for d in batch], collate_fn_map=collate_fn_map))
    if _is_namedtuple(elem):
        return type(elem)(*(collate(column, collate_fn_map=collate_fn_map) for column in zip(*batch)))
    if isinstance(elem, collections.abc.Sequence):
        size = len(elem)
        if any(len(d) != size for d in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        columns = list(zip(*batch))
        if isinstance(elem, tuple):
            return [collate(column, collate_fn_map=collate_fn_map) for column in columns]
        return _rebuilt(elem, lambda i, _: collate(columns[i], collate_fn_map=collate_fn_map))
    raise TypeError(default_collate_err_msg_format.format(type(elem)))


def collate_tensor_fn(batch, *, collate_fn_map=None):
    return torch.stack(batch, 0)


def collate_numpy_array_fn(batch, *, collate_fn_map=None):
    if np_str_obj_array_pattern.search(batch[0].dtype.str):
        raise TypeError(default_collate_err_msg_format.format(batch[0].dtype))
    return collate([torch.as_tensor(b) for b in batch], collate_fn_map=collate_fn_map)


def collate_numpy_scalar_fn(batch, *, collate_fn_map=None):
    return torch.as_tensor(batch)


def collate_float_fn(batch, *, collate_fn_map=None):
    return torch.tensor(batch, dtype=torch.float64)


def collate_int_fn(batch, *, collate_fn_map=None):
    return torch.tensor(batch)


def collate_str_fn(batch, *, collate_fn_map=None):
    return batch


default_collate_fn_map: dict[Any, Callable] = {
    torch.Tensor: collate_tensor_fn,
    float: collate_float_fn,
    int: collate_int_fn,
    str: collate_str_fn,
    bytes: collate_str_fn,
}


def _know_numpy():
    """Enter NumPy's types into the table, behind Tensor: np.float64 is a float too, and must be met as NumPy's."""
    np = sys.modules.get("numpy")
    ndarray = getattr(np, "ndarray", None)
    if ndarray is None or ndarray in default_collate_fn_map:
        return
    known = list(default_collate_fn_map.items())
    default_collate_fn_map.clear()
    at = next((i + 1 for i, (kind, _) in enumerate(known) if kind is torch.Tensor), 0)
    known[at:at] = [(ndarray, collate_numpy_array_fn), ((np.bool_, np.number, np.object_), collate_numpy_scalar_fn)]
    default_collate_fn_map.update(known)


def default_collate(batch):
    """The DataLoader's usual way from a list of samples to a batch: tensors, arrays and numbers are stacked into
    tensors with one dimension more, strings stay a list, dicts and sequences are collated part by part."""
    _know_numpy()
    return collate(batch, collate_fn_map=default_collate_fn_map)
