"""Collectives of Python objects. They are pickled: only among processes that trust each other."""

from __future__ import annotations

import pickle
from typing import Any

import rtorch as torch
from rtorch.distributed._call import _root
from rtorch.distributed._collectives import all_gather_into_tensor, broadcast, gather
from rtorch.distributed._group import outside, the

__all__ = [
    "all_gather_object",
    "broadcast_object_list",
    "gather_object",
    "scatter_object_list",
]


def _to_tensor(obj) -> Any:
    return torch.frombuffer(bytearray(pickle.dumps(obj)), dtype=torch.uint8)


def _to_object(t) -> Any:
    return pickle.loads(bytes(t.tolist()))


def _padded(obj, g) -> tuple[Any, list[int], int]:
    data = _to_tensor(obj)
    sizes = torch.empty(g.size(), dtype=torch.int64)
    all_gather_into_tensor(sizes, torch.tensor([data.numel()]), g)
    lengths = sizes.tolist()
    longest = max(lengths)
    padded = torch.zeros(longest, dtype=torch.uint8)
    padded[: data.numel()] = data
    return padded, lengths, longest


def all_gather_object(object_list, obj, group=None) -> None:
    """The objects of all processes, in a list. (They are pickled: only among processes that trust each other.)"""
    if outside(group):
        return
    g = the(group)
    padded, lengths, longest = _padded(obj, g)
    out = torch.empty((g.size(), longest), dtype=torch.uint8)
    all_gather_into_tensor(out, padded, g)
    for i, n in enumerate(lengths):
        object_list[i] = _to_object(out[i, :n])


def gather_object(
    obj, object_gather_list=None, dst: int | None = None, group=None, group_dst: int | None = None
) -> None:
    """The objects of all processes, in a list of process `dst`."""
    if outside(group):
        return
    g = the(group)
    root = _root(g, 0 if dst is None and group_dst is None else dst, group_dst, "dst")
    here = g.rank() == root
    if here and object_gather_list is None:
        raise ValueError("Argument ``object_gather_list`` must be specified on destination rank.")
    padded, lengths, longest = _padded(obj, g)
    rows = [torch.empty(longest, dtype=torch.uint8) for _ in lengths] if here else None
    gather(padded, rows, group_dst=root, group=g)
    if rows is not None:
        for i, n in enumerate(lengths):
            object_gather_list[i] = _to_object(rows[i][:n])


def broadcast_object_list(object_list, src: int | None = None, group=None, device=None, group_src: int | None = None):
    """The objects in the list of process `src` to all."""
    if outside(group):
        return
    g = the(group)
    root = _root(g, 0 if src is None and group_src is None else src, group_src, "src")
    here = g.rank() == root
    data = [_to_tensor(o) for o in object_list] if here else []
    sizes = torch.tensor([d.numel() for d in data]) if here else torch.empty(len(object_list), dtype=torch.int64)
    broadcast(sizes, group_src=root, group=g)
    flat = torch.cat(data) if here else torch.empty(int(sizes.sum()), dtype=torch.uint8)
    broadcast(flat, group_src=root, group=g)
    if not here:
        for i, part in enumerate(flat.split(sizes.tolist())):
            object_list[i] = _to_object(part)


def scatter_object_list(
    scatter_object_output_list, scatter_object_input_list=None, src: int | None = None, group=None, group_src=None
) -> None:
    """To each process its object of a list of process `src`."""
    if outside(group):
        return
    g = the(group)
    if not isinstance(scatter_object_output_list, list) or not scatter_object_output_list:
        raise ValueError("Expected argument scatter_object_output_list to be a list of size at least 1.")
    root = _root(g, 0 if src is None and group_src is None else src, group_src, "src")
    box: list[Any] = [scatter_object_input_list] if g.rank() == root else [None]
    broadcast_object_list(box, group_src=root, group=g)
    scatter_object_output_list[0] = box[0][g.rank()]
