"""The collectives: all processes of a group call the same ones in the same order. Tensors are CPU tensors; what is not
contiguous goes through a copy. With async_op=True a Work is returned, and the operation runs on another thread."""

from __future__ import annotations

import datetime

import rtorch as torch
from rtorch.distributed._call import _EXCHANGE, ReduceOp, _check, _check_list, _dense, _into, _op_name, _root, _run
from rtorch.distributed._group import outside, the

__all__ = [
    "all_gather",
    "all_gather_into_tensor",
    "all_reduce",
    "all_reduce_coalesced",
    "all_to_all",
    "all_to_all_single",
    "barrier",
    "broadcast",
    "gather",
    "monitored_barrier",
    "reduce",
    "reduce_scatter",
    "reduce_scatter_tensor",
    "scatter",
]


def all_reduce(tensor, op=ReduceOp.SUM, group=None, async_op: bool = False):
    """Combine the tensor over all processes, in place."""
    if outside(group):
        return None
    g, t, name = the(group), _check(tensor, "tensor"), _op_name(op)
    tag = g._tag()

    def go() -> None:
        dense = _dense(t)
        g._engine.all_reduce(dense, name, tag)
        _into(t, dense)

    g._engine.reducible(t[:0] if t.dim() else t, name)  # what cannot be reduced is refused here, not on the thread
    return _run(g, "all_reduce", async_op, [tensor], go)


def all_reduce_coalesced(tensors, op=ReduceOp.SUM, group=None, async_op: bool = False):
    """Combine several tensors."""
    works = [all_reduce(t, op, group, async_op) for t in tensors]
    return works[-1] if works else None


def broadcast(tensor, src: int | None = None, group=None, async_op: bool = False, group_src: int | None = None):
    """The tensor of process `src` to all."""
    if outside(group):
        return None
    g, t = the(group), _check(tensor, "tensor")
    root, tag = _root(g, src, group_src, "src"), g._tag()

    def go() -> None:
        if g.size() > 1 and t.numel():
            dense = _dense(t)
            g._engine.broadcast(dense, root, tag)
            _into(t, dense)

    return _run(g, "broadcast", async_op, [tensor], go)


def reduce(
    tensor, dst: int | None = None, op=ReduceOp.SUM, group=None, async_op: bool = False, group_dst: int | None = None
):
    """Combine the tensor over all processes, into that of process `dst`."""
    if outside(group):
        return None
    g, t, name = the(group), _check(tensor, "tensor"), _op_name(op)
    root, tag = _root(g, dst, group_dst, "dst"), g._tag()

    def go() -> None:
        dense = _dense(t)
        g._engine.reduce_to(dense, name, root, tag)
        _into(t, dense)

    return _run(g, "reduce", async_op, [tensor], go)


def all_gather_into_tensor(output_tensor, input_tensor, group=None, async_op: bool = False):
    """The tensors of all processes, one behind the other, in one tensor."""
    if outside(group):
        return None
    g, out, t = the(group), _check(output_tensor, "output_tensor"), _check(input_tensor, "input_tensor")
    if out.numel() != t.numel() * g.size():
        raise ValueError("output tensor size must be equal to world_size times input tensor size")
    if out.dtype != t.dtype:
        raise TypeError("output tensor must have the same type as input tensor")
    tag = g._tag()

    def go() -> None:
        dense = _dense(out)
        if t.numel():
            g._engine.allgather(_dense(t), dense, tag)
        _into(out, dense)

    return _run(g, "all_gather_into_tensor", async_op, output_tensor, go)


def all_gather(tensor_list, tensor, group=None, async_op: bool = False):
    """The tensors of all processes, in a list of tensors."""
    if outside(group):
        return None
    g, outs, t = the(group), _check_list(tensor_list, "tensor_list"), _check(tensor, "tensor")
    if len(outs) != g.size():
        raise ValueError(f"tensor_list has {len(outs)} tensors for {g.size()} processes")
    tag = g._tag()
    if any(o.numel() != t.numel() or o.dtype != t.dtype for o in outs):

        def go() -> None:  # of different lengths: each sends to each
            g._engine.exchange([_dense(t)] * g.size(), outs, _EXCHANGE + tag)
    else:

        def go() -> None:
            flat = torch.empty((g.size(), t.numel()), dtype=t.dtype)
            if t.numel():
                g._engine.allgather(_dense(t), flat, tag)
            for o, row in zip(outs, flat):
                o.copy_(row.view(o.shape))

    return _run(g, "all_gather", async_op, tensor_list, go)


def gather(
    tensor, gather_list=None, dst: int | None = None, group=None, async_op: bool = False, group_dst: int | None = None
):
    """The tensors of all processes, in a list of process `dst`."""
    if outside(group):
        return None
    g, t = the(group), _check(tensor, "tensor")
    root = _root(g, 0 if dst is None and group_dst is None else dst, group_dst, "dst")
    here = g.rank() == root
    if here and not gather_list:
        raise ValueError("Argument ``gather_list`` must be specified on destination rank.")
    if not here and gather_list:
        raise ValueError("Argument ``gather_list`` must NOT be specified on non-destination ranks.")
    outs = _check_list(gather_list, "gather_list") if here else []
    tag = g._tag()

    def go() -> None:
        flat = torch.empty((g.size(), t.numel()), dtype=t.dtype) if here else None
        if t.numel():
            g._engine.gather(_dense(t), flat, root, tag)
        if flat is not None:
            for o, row in zip(outs, flat):
                o.copy_(row.view(o.shape))

    return _run(g, "gather", async_op, gather_list, go)


def scatter(
    tensor, scatter_list=None, src: int | None = None, group=None, async_op: bool = False, group_src: int | None = None
):
    """To each process its tensor of a list of process `src`."""
    if outside(group):
        return None
    g, t = the(group), _check(tensor, "tensor")
    root = _root(g, 0 if src is None and group_src is None else src, group_src, "src")
    here = g.rank() == root
    if here and not scatter_list:
        raise ValueError("Argument ``scatter_list`` must be specified on source rank.")
    if not here and scatter_list:
        raise ValueError("Argument ``scatter_list`` must NOT be specified on non-source ranks.")
    parts = _check_list(scatter_list, "scatter_list") if here else []
    tag = _EXCHANGE + g._tag()

    def go() -> None:
        if here:
            t.copy_(parts[root])
            for peer in range(g.size()):
                if peer != root and parts[peer].numel():
                    g._engine.send(_dense(parts[peer]), peer, tag)
        elif t.numel():
            dense = _dense(t)
            g._engine.recv(dense, root, tag)
            _into(t, dense)

    return _run(g, "scatter", async_op, [tensor], go)


def reduce_scatter_tensor(output, input, op=ReduceOp.SUM, group=None, async_op: bool = False):
    """Combine a tensor over all processes; to each its part of the rows."""
    if outside(group):
        return None
    g, out, t, name = the(group), _check(output, "output"), _check(input, "input"), _op_name(op)
    if t.numel() != out.numel() * g.size():
        raise ValueError("input tensor must be the same size as output size times world size")
    tag = g._tag()

    def go() -> None:
        whole = t.clone(memory_format=torch.contiguous_format)
        g._engine.all_reduce(whole, name, tag)
        out.copy_(whole.view(g.size(), -1)[g.rank()].view(out.shape))

    return _run(g, "reduce_scatter_tensor", async_op, output, go)


def reduce_scatter(output, input_list, op=ReduceOp.SUM, group=None, async_op: bool = False):
    """Combine a list of tensors over all processes; to each its tensor."""
    if outside(group):
        return None
    g, out, parts, name = the(group), _check(output, "output"), _check_list(input_list, "input_list"), _op_name(op)
    if len(parts) != g.size():
        raise ValueError(f"input_list has {len(parts)} tensors for {g.size()} processes")
    tag = g._tag()

    def go() -> None:
        whole = torch.cat([p.reshape(-1) for p in parts])
        g._engine.all_reduce(whole, name, tag)
        begin = sum(p.numel() for p in parts[: g.rank()])
        out.copy_(whole[begin : begin + out.numel()].view(out.shape))

    return _run(g, "reduce_scatter", async_op, output, go)


def all_to_all(output_tensor_list, input_tensor_list, group=None, async_op: bool = False):
    """input_tensor_list[i] goes to process i, output_tensor_list[i] comes from it."""
    if outside(group):
        return None
    g = the(group)
    outs, ins = _check_list(output_tensor_list, "output"), _check_list(input_tensor_list, "input")
    if len(outs) != g.size() or len(ins) != g.size():
        raise ValueError(f"all_to_all takes {g.size()} tensors in and out, got {len(ins)} and {len(outs)}")
    tag = _EXCHANGE + g._tag()

    def go() -> None:
        dense = [_dense(o) for o in outs]
        g._engine.exchange([_dense(t) for t in ins], dense, tag)
        for o, d in zip(outs, dense):
            _into(o, d)

    return _run(g, "all_to_all", async_op, output_tensor_list, go)


def all_to_all_single(
    output, input, output_split_sizes=None, input_split_sizes=None, group=None, async_op: bool = False
):
    """Rows of one tensor to all processes, rows of all into one tensor."""
    if outside(group):
        return None
    g, out, t = the(group), _check(output, "output"), _check(input, "input")

    def split(x, sizes, name):
        if not sizes:
            if x.shape[0] % g.size():
                raise RuntimeError(
                    f"{name} of all_to_all_single: {x.shape[0]} rows do not divide by {g.size()} processes"
                )
            sizes = [x.shape[0] // g.size()] * g.size()
        return list(x.split(list(sizes)))

    return all_to_all(
        split(out, output_split_sizes, "output"), split(t, input_split_sizes, "input"), group=group, async_op=async_op
    )


def barrier(group=None, async_op: bool = False, device_ids=None):
    """Wait until all processes are here."""
    if outside(group):
        return None
    g = the(group)
    tag = g._tag()
    return _run(g, "barrier", async_op, None, lambda: g._engine.barrier(tag) if g.size() > 1 else None)


def monitored_barrier(group=None, timeout: datetime.timedelta | None = None, wait_all_ranks: bool = False):
    """A barrier that tells which processes did not come in time."""
    if outside(group):
        return
    g = the(group)
    tag = _EXCHANGE + g._tag()
    one = torch.ones(1, dtype=torch.uint8)
    before = g._engine.timeout
    if timeout is not None:
        g._engine.set_timeout(timeout)
    try:
        if g.rank():
            g._engine.send(one, 0, tag)
            g._engine.recv(one, 0, tag)
            return
        missing = []
        for peer in range(1, g.size()):
            try:
                g._engine.recv(one, peer, tag)
            except RuntimeError:
                missing.append(peer)
                if not wait_all_ranks:
                    break
        if missing:
            raise RuntimeError(
                f"[Rank 0]: Ranks {', '.join(map(str, missing))} failed to pass monitoredBarrier in "
                f"{int((timeout or before).total_seconds() * 1000)} ms"
            )
        for peer in range(1, g.size()):
            g._engine.send(one, peer, tag)
    finally:
        if timeout is not None:
            g._engine.set_timeout(before)
