"""Collectives through which gradients flow: each gives a new tensor, and in backward the opposite collective runs. All
processes must run backward alike."""

from __future__ import annotations

import rtorch as torch
import rtorch.distributed as dist
from rtorch.autograd import Function
from rtorch.distributed import ReduceOp, group

__all__ = ["all_gather", "all_reduce", "all_to_all", "broadcast", "gather", "reduce", "reduce_scatter", "scatter"]


class _AllReduce(Function):
    @staticmethod
    def forward(ctx, op, g, tensor):
        ctx.op, ctx.g = op, g
        out = tensor.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(out, op, g)
        return out

    @staticmethod
    def backward(ctx, grad):
        return None, None, _AllReduce.apply(ctx.op, ctx.g, grad)


class _Broadcast(Function):
    @staticmethod
    def forward(ctx, src, g, tensor):
        ctx.src, ctx.g = src, g
        out = tensor.clone(memory_format=torch.contiguous_format)
        dist.broadcast(out, src, g)
        return out

    @staticmethod
    def backward(ctx, grad):
        total = _Reduce.apply(ctx.src, ReduceOp.SUM, ctx.g, grad)
        return None, None, total if dist.get_rank() == ctx.src else torch.zeros_like(total)


class _Reduce(Function):
    @staticmethod
    def forward(ctx, dst, op, g, tensor):
        ctx.dst, ctx.g = dst, g
        out = tensor.clone(memory_format=torch.contiguous_format)
        dist.reduce(out, dst, op, g)
        return out

    @staticmethod
    def backward(ctx, grad):
        return None, None, None, _Broadcast.apply(ctx.dst, ctx.g, grad)


class _AllGather(Function):
    @staticmethod
    def forward(ctx, g, tensor):
        ctx.g = g
        outs = [torch.empty_like(tensor, memory_format=torch.contiguous_format) for _ in range(dist.get_world_size(g))]
        dist.all_gather(outs, tensor, g)
        return tuple(outs)

    @staticmethod
    def backward(ctx, *grads):
        out = torch.empty_like(grads[0], memory_format=torch.contiguous_format)
        dist.reduce_scatter(out, list(grads), group=ctx.g)
        return None, out


class _ReduceScatter(Function):
    @staticmethod
    def forward(ctx, op, g, tensor, *parts):
        ctx.g = g
        out = tensor.clone()
        dist.reduce_scatter(out, list(parts), op, g)
        return out

    @staticmethod
    def backward(ctx, grad):
        return None, None, None, *_AllGather.apply(ctx.g, grad)


class _AllToAll(Function):
    @staticmethod
    def forward(ctx, g, outs, *ins):
        ctx.g, ctx.shapes = g, [t.shape for t in ins]
        outs = [torch.empty_like(o) for o in outs]
        dist.all_to_all(outs, list(ins), g)
        return tuple(outs)

    @staticmethod
    def backward(ctx, *grads):
        back = [torch.empty(s, dtype=grads[0].dtype) for s in ctx.shapes]
        return None, None, *_AllToAll.apply(ctx.g, back, *grads)


class _Gather(Function):
    @staticmethod
    def forward(ctx, dst, g, tensor):
        ctx.dst, ctx.g = dst, g
        here = dist.get_rank() == dst
        rows = [torch.zeros_like(tensor) for _ in range(dist.get_world_size(g))]
        dist.gather(tensor, rows if here else None, dst, g)
        return tuple(rows)

    @staticmethod
    def backward(ctx, *grads):
        out = torch.empty_like(grads[0], memory_format=torch.contiguous_format)
        dist.scatter(out, list(grads) if dist.get_rank() == ctx.dst else None, ctx.dst, ctx.g)
        return None, None, out


class _Scatter(Function):
    @staticmethod
    def forward(ctx, src, g, *tensors):
        ctx.src, ctx.g = src, g
        out = torch.empty_like(tensors[0], memory_format=torch.contiguous_format)
        dist.scatter(out, list(tensors) if dist.get_rank() == src else None, src, g)
        return out

    @staticmethod
    def backward(ctx, grad):
        return None, None, *_Gather.apply(ctx.src, ctx.g, grad)


def all_reduce(tensor, op=ReduceOp.SUM, group=group.WORLD):
    """The combination over all processes."""
    return _AllReduce.apply(op, group, tensor)


def broadcast(tensor, src, group=group.WORLD):
    """The tensor of process `src`."""
    return _Broadcast.apply(src, group, tensor)


def reduce(tensor, dst, op=ReduceOp.SUM, group=group.WORLD):
    """The combination over all processes, on process `dst`."""
    return _Reduce.apply(dst, op, group, tensor)


def all_gather(tensor, group=group.WORLD):
    """The tensors of all processes."""
    return _AllGather.apply(group, tensor)


def gather(tensor, dst=0, group=group.WORLD):
    """The tensors of all processes, on process `dst`; zeros on the others."""
    return _Gather.apply(dst, group, tensor)


def scatter(tensors, src=0, group=group.WORLD):
    """This process's tensor of a list of process `src`."""
    return _Scatter.apply(src, group, *tensors)


def reduce_scatter(output, input_list, op=ReduceOp.SUM, group=group.WORLD):
    """This process's part of the combination of lists."""
    return _ReduceScatter.apply(op, group, output, *input_list)


def all_to_all(output_tensor_list, input_tensor_list, group=group.WORLD):
    """What the processes send to this one."""
    return _AllToAll.apply(group, output_tensor_list, *input_tensor_list)
