"""Tensors from one process to another."""

from __future__ import annotations

import rtorch as torch
from rtorch.distributed._call import _check, _dense, _into, _root, _said
from rtorch.distributed._engine import Lane, Work
from rtorch.distributed._group import ProcessGroup, get_global_rank, outside, the

__all__ = [
    "P2POp",
    "batch_isend_irecv",
    "irecv",
    "isend",
    "recv",
    "send",
]


def _point(t, peer: int, g: ProcessGroup, tag: int, sends: bool):
    dense = _dense(t)

    def go() -> None:
        if not t.numel():
            return
        if sends:
            g._engine.send(dense, peer, tag)
        else:
            g._engine.recv(dense, peer, tag)
            _into(t, dense)

    return go


def _peer(g: ProcessGroup, there: int | None, group_there: int | None, name: str) -> int:
    if name == "src" and there is None and group_there is None:
        raise NotImplementedError("recv from any process is not available: give src=")
    peer = _root(g, there, group_there, name)
    if peer == g.rank():
        raise ValueError(f"Invalid {name} rank: {name} rank should not be the same as the rank of the current process.")
    return peer


def send(tensor, dst: int | None = None, group=None, tag: int = 0, group_dst: int | None = None) -> None:
    """Send a tensor to a process, which calls recv."""
    if outside(group):
        return
    g, t = the(group), _check(tensor, "tensor")
    _later(g, "isend", t, _peer(g, dst, group_dst, "dst"), tag, tensor).wait()


def recv(tensor, src: int | None = None, group=None, tag: int = 0, group_src: int | None = None) -> int:
    """Receive a tensor from a process; its rank."""
    if outside(group):
        return -1
    g, t = the(group), _check(tensor, "tensor")
    peer = _peer(g, src, group_src, "src")
    _later(g, "irecv", t, peer, tag, tensor).wait()
    return get_global_rank(g, peer)


def _later(g: ProcessGroup, what: str, t, peer: int, tag: int, tensor) -> Work:
    """On a thread of its own for each direction, peer and tag: what waits for one process holds up nothing else, and
    what goes the same way keeps its order."""
    lane = g._lanes.setdefault((what, peer, tag), Lane())
    point = _point(t, peer, g, tag, what == "isend")

    def go() -> None:
        with torch.no_grad():
            try:
                point()
            except RuntimeError as e:
                _said(e, g, what)
                raise

    return lane.put(Work(go, [tensor]))


def isend(tensor, dst: int | None = None, group=None, tag: int = 0, group_dst: int | None = None):
    """send, on another thread."""
    if outside(group):
        return None
    g, t = the(group), _check(tensor, "tensor")
    return _later(g, "isend", t, _peer(g, dst, group_dst, "dst"), tag, tensor)


def irecv(tensor, src: int | None = None, group=None, tag: int = 0, group_src: int | None = None):
    """recv, on another thread."""
    if outside(group):
        return None
    g, t = the(group), _check(tensor, "tensor")
    return _later(g, "irecv", t, _peer(g, src, group_src, "src"), tag, tensor)


class P2POp:
    """One isend or irecv of batch_isend_irecv."""

    def __init__(self, op, tensor, peer: int | None = None, group=None, tag: int = 0, group_peer: int | None = None):
        if op not in (isend, irecv):
            raise RuntimeError(
                "Invalid ``op``. Expected ``op`` to be of type ``torch.distributed.isend`` or ``irecv``."
            )
        self.op, self.tensor, self.group, self.tag = op, tensor, group, tag
        self.group_peer = _peer(the(group), peer, group_peer, "dst")
        self.peer = get_global_rank(the(group), self.group_peer)


def batch_isend_irecv(p2p_op_list) -> list:
    """Start several sends and receives at once."""
    if not isinstance(p2p_op_list, list) or not all(isinstance(p, P2POp) for p in p2p_op_list):
        raise ValueError("Invalid ``p2p_op_list``. Each op is expected to to be of type ``torch.distributed.P2POp``.")
    return [p.op(p.tensor, p.peer, p.group, p.tag) for p in p2p_op_list]
