"""DistributedDataParallel: each process runs the model on its own batch, and backward averages the gradients.

Gradients are packed into buckets, in the reverse order of the parameters, which is about the order in which backward
finishes them. A bucket that is full is reduced on another thread while backward goes on; when the last gradient is
there, backward waits for the reductions and takes the averages back.
"""

from __future__ import annotations

import contextlib
from typing import Any

import rtorch as torch
from rtorch.nn.modules.module import Module

__all__ = ["DistributedDataParallel", "GradBucket"]

_FIRST = 1 << 20  # bytes of the first bucket: reductions begin early


class GradBucket:
    """What a communication hook gets: a bucket of gradients as one flat tensor."""

    def __init__(self, index: int, buffer: Any, views: list[Any], params: list[Any], last: bool) -> None:
        self._index, self._buffer, self._views, self._params, self._last = index, buffer, views, params, last

    def index(self) -> int:
        return self._index

    def buffer(self) -> Any:
        return self._buffer

    def set_buffer(self, buffer) -> None:
        self._buffer = buffer

    def gradients(self) -> list[Any]:
        return list(self._views)

    def parameters(self) -> list[Any]:
        return list(self._params)

    def is_last(self) -> bool:
        return self._last


class _Bucket:
    def __init__(self, params: list[Any]) -> None:
        self.params = params
        self.flat = torch.zeros(sum(p.numel() for p in params), dtype=params[0].dtype)
        self.views = []
        at = 0
        for p in params:
            self.views.append(self.flat[at : at + p.numel()].view(p.shape))
            at += p.numel()
        self.begin()

    def begin(self) -> None:
        self.missing = len(self.params)
        self.work: Any = None


def _buckets(params: list[Any], most: int) -> list[_Bucket]:
    out, now, size, limit = [], [], 0, min(_FIRST, most)
    for p in reversed(params):
        if now and (size + p.nbytes > limit or now[0].dtype != p.dtype):
            out.append(_Bucket(now))
            now, size, limit = [], 0, most
        now.append(p)
        size += p.nbytes
    if now:
        out.append(_Bucket(now))
    return out


class _Join:
    """What processes of a `join` block tell each other before each step: who still trains, and who averages."""

    def __init__(self, ddp, by_world: bool, throws: bool) -> None:
        self.ddp, self.by_world, self.throws = ddp, by_world, throws
        self.source = 0  # a process that has trained to the last
        self.divisor = ddp._world
        self.others_sync = False

    def step(self, active: bool, syncs: bool) -> bool:
        """Is anyone still training?"""
        facts = torch.zeros(self.ddp._world, 2, dtype=torch.int64)
        if active:
            facts[self.ddp.process_group.rank()] = torch.tensor([1, int(syncs)])
        self.ddp._dist.all_reduce(facts, group=self.ddp.process_group)
        training = [rank for rank, (trains, _) in enumerate(facts.tolist()) if trains]
        if training:
            self.source = training[-1]
            if self.throws and len(training) < self.ddp._world:
                raise RuntimeError("Detected at least one rank that exhausted inputs. Throwing across all ranks.")
        if not self.by_world:
            self.divisor = max(len(training), 1)
        self.others_sync = bool(facts[:, 1].any())
        return bool(training)


class DistributedDataParallel(Module):
    """`DDP(model)` trains like `model` on the batches of all processes together. The model is `.module` of it."""

    def __init__(
        self,
        module,
        device_ids=None,
        output_device=None,
        dim=0,
        broadcast_buffers=True,
        init_sync=True,
        process_group=None,
        bucket_cap_mb=None,
        find_unused_parameters=False,
        check_reduction=False,
        gradient_as_bucket_view=False,
        static_graph=False,
    ):
        super().__init__()
        import rtorch.distributed as dist
        from rtorch.distributed import _group

        if device_ids:
            raise ValueError(f"DistributedDataParallel(device_ids={list(device_ids)}): there are no such devices here")
        self.process_group = process_group if process_group is not None else _group.world()
        self._params = [p for p in module.parameters() if p.requires_grad]
        if not self._params:
            raise RuntimeError(
                "DistributedDataParallel is not needed when a module doesn't have any parameter that requires "
                "a gradient."
            )
        self.dim = dim
        self.module = module
        self.device_ids = None
        self.output_device = None
        self.device = self._params[0].device
        self.device_type = self.device.type
        self.broadcast_buffers = broadcast_buffers
        self.find_unused_parameters = find_unused_parameters
        self.gradient_as_bucket_view = gradient_as_bucket_view
        self.static_graph = static_graph
        self.require_backward_grad_sync = True
        self.require_forward_param_sync = True
        self._dist = dist
        self._join: _Join | None = None
        self._world = dist.get_world_size(self.process_group)
        self._ignored = set(getattr(module, "_ddp_params_and_buffers_to_ignore", ()))
        names = {id(p): n for n, p in module.named_parameters()}
        self._params = [p for p in self._params if names[id(p)] not in self._ignored]
        self._names = [names[id(p)] for p in self._params]
        if init_sync:
            self._verify()
            self._sync([t for n, t in module.state_dict(keep_vars=True).items() if n not in self._ignored])
        cap = 25 if bucket_cap_mb is None else bucket_cap_mb
        self._buckets = _buckets(self._params, int(cap * (1 << 20)))
        self._where = {}
        for b in self._buckets:
            for p, view in zip(b.params, b.views):
                self._where[id(p)] = (b, view)
        self._hook: Any = None
        self._armed = False
        self._broken = False
        self._handles = [p.register_post_accumulate_grad_hook(self._ready) for p in self._params]

    # ------------------------------------------------ all have the same model

    def _verify(self) -> None:
        mine = [(n, tuple(p.shape), str(p.dtype)) for n, p in zip(self._names, self._params)]
        every: list[Any] = [None] * self._world
        self._dist.all_gather_object(every, mine, self.process_group)
        for rank, other in enumerate(every):
            if other != mine:
                differ = next((a, b) for a, b in zip([*mine, None], [*other, None]) if a != b)
                raise RuntimeError(
                    f"DDP expects same model across all ranks, but Rank {self.process_group.rank()} has {len(mine)} "
                    f"params, while rank {rank} has {len(other)} params or others: {differ[0]} and {differ[1]}."
                )

    def _sync(self, tensors: list[Any]) -> None:
        source = 0 if self._join is None else self._join.source
        with torch.no_grad():
            for t in tensors:
                if isinstance(t, torch.Tensor) and t.device.type == "cpu":
                    self._dist.broadcast(t.detach(), group_src=source, group=self.process_group)

    def _sync_buffers(self) -> None:
        if self.broadcast_buffers and self.require_forward_param_sync and self.training:
            self._sync([b for n, b in self.module.named_buffers() if n not in self._ignored])

    # ------------------------------------------------ forward

    def forward(self, *inputs, **kwargs):
        syncs = torch.is_grad_enabled() and self.require_backward_grad_sync
        if self._join is not None:
            self._join.step(active=True, syncs=syncs)
        if syncs:
            if self._armed and self._started():
                self._complain()
            self._sync_buffers()
            out = self.module(*inputs, **kwargs)
            self._arm(out)
            return out
        return self.module(*inputs, **kwargs)

    def _arm(self, out) -> None:
        """Get ready for the backward of this result."""
        for b in self._buckets:
            b.begin()
        self._next = 0  # the next bucket to reduce: all processes keep this order
        self._seen: set[int] = set()
        self._armed = True
        self._unused: list[Any] = []
        if self.find_unused_parameters or self.static_graph:
            used = _leaves(out)
            self._unused = [p for p in self._params if id(p) not in used]
            self._used = torch.tensor([id(p) in used for p in self._params], dtype=torch.uint8)
            if len(self._unused) == len(self._params):
                self._armed = False

    def _started(self) -> bool:
        return bool(self._seen) or any(b.work is not None for b in self._buckets)

    def _complain(self):
        missing = [n for n, p in zip(self._names, self._params) if id(p) not in self._seen]
        self._armed = False
        error = RuntimeError(
            "Expected to have finished reduction in the prior iteration before starting a new one. This error "
            "indicates that your module has parameters that were not used in producing loss. You can enable unused "
            "parameter detection by passing the keyword argument `find_unused_parameters=True` to "
            "`torch.nn.parallel.DistributedDataParallel`, and by \nmaking sure all `forward` function outputs "
            "participate in calculating loss."
        )
        error.add_note(f"Parameters without a gradient in the last backward: {', '.join(missing)}")
        raise error

    # ------------------------------------------------ backward

    def _ready(self, p) -> None:
        """A gradient is complete."""
        if not (self._armed and self.require_backward_grad_sync) or id(p) in self._seen:
            return
        if not self._seen and self._unused:
            for u in self._unused:  # their part of the bucket is zeros, unless other processes give something
                self._where[id(u)][1].zero_()
                self._count(u)
        _, view = self._where[id(p)]
        grad = p.grad
        if grad is None or grad.data_ptr() != view.data_ptr():
            with torch.no_grad():
                view.copy_(grad)
        self._count(p)
        if len(self._seen) == len(self._params):
            self._finish()

    def _count(self, p) -> None:
        self._seen.add(id(p))
        self._where[id(p)][0].missing -= 1
        while self._next < len(self._buckets) and not self._buckets[self._next].missing:
            b = self._buckets[self._next]
            self._next += 1
            self._reduce(b, self._next == len(self._buckets))

    def _reduce(self, b: _Bucket, last: bool) -> None:
        if self._hook is None:
            b.flat.div_(self._world if self._join is None else self._join.divisor)
            b.work = self._dist.all_reduce(b.flat, group=self.process_group, async_op=True)
            return
        state, hook = self._hook
        b.work = hook(state, GradBucket(self._next - 1, b.flat, b.views, b.params, last))

    def _finish(self) -> None:
        self._armed = False
        somewhere = None
        if self._unused or self.find_unused_parameters:
            somewhere = self._used.clone()
            self._dist.all_reduce(somewhere, self._dist.ReduceOp.MAX, self.process_group)
            somewhere = dict(zip(map(id, self._params), somewhere.tolist()))
        for b in self._buckets:
            self._wait(b)
            with torch.no_grad():
                for p, view in zip(b.params, b.views):
                    if somewhere is not None and not somewhere[id(p)]:
                        continue  # used by nobody: its gradient stays what it was
                    if self.gradient_as_bucket_view:
                        p.grad = view
                    elif p.grad is None:
                        p.grad = view.clone()
                    else:
                        p.grad.copy_(view)

    def _wait(self, b: _Bucket) -> None:
        if self._hook is None:
            b.work.wait()
        else:
            value = b.work.wait() if hasattr(b.work, "wait") else b.work
            value = value[0] if isinstance(value, (list, tuple)) else value
            if value.data_ptr() != b.flat.data_ptr():
                b.flat.copy_(value)
        b.work = None

    # ------------------------------------------------ batches that run out

    @contextlib.contextmanager
    def join(self, divide_by_initial_world_size=True, enable=True, throw_on_early_termination=False):
        """A block for a training loop whose processes have different numbers of batches.

        A process that is at its end goes on taking part in the others' collectives, with gradients of 0; at the very
        end all take the model of one that was last. Gradients are divided by the number of all processes, or by that of
        those which still train. With `throw_on_early_termination` all processes raise when one is at its end.
        """
        if not enable or self._world == 1:
            yield
            return
        self._join = _Join(self, divide_by_initial_world_size, throw_on_early_termination)
        try:
            yield
            while self._join.step(active=False, syncs=False):
                if self._join.others_sync:
                    self._sync_buffers()
                    self._give_nothing()
            self._sync([t for n, t in self.module.state_dict(keep_vars=True).items() if n not in self._ignored])
        finally:
            self._join = None

    def _give_nothing(self) -> None:
        """This process's part in a backward of the others."""
        self._next = 0
        for b in self._buckets:
            b.flat.zero_()
            self._next += 1
            self._reduce(b, self._next == len(self._buckets))
        if self.find_unused_parameters:
            used = torch.zeros(len(self._params), dtype=torch.uint8)
            self._dist.all_reduce(used, self._dist.ReduceOp.MAX, self.process_group)
        for b in self._buckets:
            self._wait(b)

    def register_comm_hook(self, state, hook) -> None:
        """`hook(state, bucket)` reduces the buckets instead of an average: it gives a future, or something with
        `wait`, of the flat tensor."""
        if not callable(hook):
            raise TypeError("Communication hook must be callable.")
        if self._hook is not None:
            raise RuntimeError("register_comm_hook or register_builtin_comm_hook can only be called once.")
        self._hook = (state, hook)

    @contextlib.contextmanager
    def no_sync(self):
        """A block in which backward adds up this process's gradients, and the next backward outside of it averages the
        sums."""
        before = self.require_backward_grad_sync
        self.require_backward_grad_sync = False
        try:
            yield
        finally:
            self.require_backward_grad_sync = before

    def __getstate__(self):
        raise RuntimeError("a DistributedDataParallel cannot be pickled: save its .module, or its state_dict()")


def _leaves(out) -> set[int]:
    """The parameters that a result was computed from."""
    found: set[int] = set()
    seen: set[Any] = set()
    stack: list[Any] = []

    def collect(x) -> None:
        if isinstance(x, torch.Tensor):
            if x.grad_fn is not None:
                stack.append(x.grad_fn)
            elif x.requires_grad:
                found.add(id(x))
        elif isinstance(x, dict):
            for v in x.values():
                collect(v)
        elif isinstance(x, (list, tuple)):
            for v in x:
                collect(v)
        elif hasattr(x, "__dict__"):
            collect(vars(x))

    collect(out)
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        variable = getattr(node, "variable", None)
        if variable is not None:
            found.add(id(variable))
        stack.extend(n for n, _ in node.next_functions if n is not None)
    return found
