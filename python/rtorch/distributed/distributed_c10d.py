"""The collectives: all processes of a group call the same ones in the same order. Tensors are CPU tensors; what is not
contiguous goes through a copy. With async_op=True a Work is returned, and the operation runs on another thread."""

from __future__ import annotations

import datetime
import pickle
from typing import Any

import rtorch as torch
from rtorch.distributed._engine import Lane, Work
from rtorch.distributed._gloo import FileStore, HashStore, PrefixStore, Store, TCPStore
from rtorch.distributed._group import (
    Backend,
    GroupMember,
    ProcessGroup,
    destroy_process_group,
    get_backend,
    get_default_backend_for_device,
    get_global_rank,
    get_group_rank,
    get_node_local_rank,
    get_process_group_ranks,
    get_rank,
    get_world_size,
    group,
    init_process_group,
    is_available,
    is_backend_available,
    is_gloo_available,
    is_initialized,
    is_mpi_available,
    is_nccl_available,
    is_torchelastic_launched,
    is_ucc_available,
    is_xccl_available,
    new_group,
    new_subgroups_by_enumeration,
    outside,
    the,
)
from rtorch.distributed.constants import default_pg_timeout

__all__ = [
    "Backend",
    "FileStore",
    "GroupMember",
    "HashStore",
    "P2POp",
    "PrefixStore",
    "ProcessGroup",
    "ReduceOp",
    "Store",
    "TCPStore",
    "Work",
    "all_gather",
    "all_gather_into_tensor",
    "all_gather_object",
    "all_reduce",
    "all_reduce_coalesced",
    "all_to_all",
    "all_to_all_single",
    "barrier",
    "batch_isend_irecv",
    "broadcast",
    "broadcast_object_list",
    "default_pg_timeout",
    "destroy_process_group",
    "gather",
    "gather_object",
    "get_backend",
    "get_default_backend_for_device",
    "get_global_rank",
    "get_group_rank",
    "get_node_local_rank",
    "get_process_group_ranks",
    "get_rank",
    "get_world_size",
    "group",
    "init_process_group",
    "irecv",
    "is_available",
    "is_backend_available",
    "is_gloo_available",
    "is_initialized",
    "is_mpi_available",
    "is_nccl_available",
    "is_torchelastic_launched",
    "is_ucc_available",
    "is_xccl_available",
    "isend",
    "monitored_barrier",
    "new_group",
    "new_subgroups_by_enumeration",
    "recv",
    "reduce",
    "reduce_op",
    "reduce_scatter",
    "reduce_scatter_tensor",
    "scatter",
    "scatter_object_list",
    "send",
]

_EXCHANGE = 1 << 24  # tags of tensors that go from each to each, apart from those of send and recv


class _RedOpType:
    """The kind of a ReduceOp."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<RedOpType.{self.name}>"

    def __eq__(self, other) -> bool:
        return getattr(other, "name", None) == self.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __reduce__(self):
        return getattr, (ReduceOp, self.name)


class ReduceOp:
    """How elements of several processes are combined."""

    RedOpType = _RedOpType
    SUM = _RedOpType("SUM")
    AVG = _RedOpType("AVG")
    PRODUCT = _RedOpType("PRODUCT")
    MIN = _RedOpType("MIN")
    MAX = _RedOpType("MAX")
    BAND = _RedOpType("BAND")
    BOR = _RedOpType("BOR")
    BXOR = _RedOpType("BXOR")


for _op in ("SUM", "AVG", "PRODUCT", "MIN", "MAX", "BAND", "BOR", "BXOR"):
    setattr(_RedOpType, _op, getattr(ReduceOp, _op))
reduce_op = ReduceOp


# ---------------------------------------------------------------- how a call is made


def _check(t: Any, name: str) -> Any:
    if not isinstance(t, torch.Tensor):
        raise TypeError(
            f"Invalid function argument. Expected parameter `{name}` of type torch.Tensor\n             "
            f"but got {type(t)} instead."
        )
    if t.device.type != "cpu":
        raise RuntimeError(f"No backend type associated with device type {t.device.type}")
    return t.detach()


def _check_list(ts: Any, name: str) -> list[Any]:
    if not isinstance(ts, (list, tuple)) or not all(isinstance(t, torch.Tensor) for t in ts):
        raise TypeError(
            f"Invalid function argument. Expected parameter `{name}` of type List[torch.Tensor]\n             "
            f"but got {type(ts)} with elements of type {[type(t) for t in ts] if isinstance(ts, list) else '-'}."
        )
    return [_check(t, name) for t in ts]


def _op_name(op: Any) -> str:
    name = getattr(op, "name", None)
    if name is None:
        raise ValueError(f"{op!r} is no ReduceOp")
    return name


def _said(error: RuntimeError, g: ProcessGroup, what: str) -> None:
    error.add_note(
        f"{what} on rank {g.rank()} of {g.size()} ({g.name()}): another process has ended or does not answer, or the "
        "processes called different collectives. Look at the first error of the others."
    )


def _run(g: ProcessGroup, what: str, async_op: bool, result: Any, f) -> Work | None:
    def go() -> None:
        with torch.no_grad():
            try:
                f()
            except RuntimeError as e:
                _said(e, g, what)
                raise

    if async_op:
        return g._lane.put(Work(go, result))
    if g._engine.one_by_one:
        g._lane.put(Work(go, result)).wait()
    else:
        go()
    return None


def _dense(t):
    return t if t.is_contiguous() else t.contiguous()


def _into(t, dense) -> None:
    if dense is not t:
        t.copy_(dense)


def _root(g: ProcessGroup, global_rank: int | None, group_rank: int | None, name: str) -> int:
    """The rank in the group of an argument that is a rank in the whole."""
    if global_rank is not None and group_rank is not None:
        raise ValueError(f"Can't specify both group_{name} and {name}")
    if group_rank is not None:
        return group_rank
    if global_rank is None:
        raise ValueError(f"Must specify {name} or group_{name}")
    return get_group_rank(g, global_rank)


# ---------------------------------------------------------------- collectives


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


# ---------------------------------------------------------------- from one to one


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


# ---------------------------------------------------------------- Python objects


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
