"""The graph as users see it: nodes, edges into it, and hooks on what it saves."""

from typing import NamedTuple

import rtorch
from rtorch import _C, _walks

__all__ = [
    "GradientEdge",
    "Node",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
]

Node = _C.Node


class GradientEdge(NamedTuple):
    """A node, and which of its outputs."""

    node: Node
    output_nr: int


def get_gradient_edge(tensor):
    """Where the gradient of a tensor goes."""
    if not tensor.requires_grad:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    return GradientEdge(_C._accumulator(tensor) if tensor.grad_fn is None else tensor.grad_fn, tensor.output_nr)


class _MultiHook:
    """One `fn` for several tensors; `remove()` takes it away."""

    def __init__(self, tensors, fn, mode):
        self.tensors, self.fn, self.mode = tensors, fn, mode
        self.key = None
        self.handles = [t.register_hook(self._hook(i)) for i, t in enumerate(tensors)]
        _walks.watched += 1

    def _hook(self, i):
        def hook(grad):
            walk = _walks.current()
            if walk is None or walk.key is not self.key:
                self._begin(walk)
            if self.missing == 0:  # mode="any", and it was not the first
                return
            self.grads[i] = grad
            self.missing -= 1
            if self.missing == 0:
                found, self.grads = tuple(self.grads), []  # what was gathered is not kept
                self.fn(found if self.mode == "all" else grad)

        return hook

    def _begin(self, walk):
        """A walk has reached the first of the tensors."""
        self.key = None if walk is None else walk.key
        self.grads = [None] * len(self.tensors)
        if self.mode == "any":
            self.missing = 1
        else:
            self.missing = len(self.tensors) if walk is None else walk.reaches(self.tensors)

    def remove(self):
        if self.handles:
            _walks.watched -= 1
        for handle in self.handles:
            handle.remove()
        self.handles = []

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.remove()


def register_multi_grad_hook(tensors, fn, *, mode="all"):
    """In each walk backward, `fn(grads)` is called once, when all of the tensors that get a gradient have it (None for
    the others); with `mode="any"` `fn(grad)` with the first. Returns a handle with `remove()`."""
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    tensors = tuple(tensors)
    if not all(t.requires_grad for t in tensors):
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    return _MultiHook(tensors, fn, mode)


_refused = []  # messages of the `disable_saved_tensors_hooks` in force


class saved_tensors_hooks:
    """Within the block, `pack_hook(t)` says what is kept for each tensor that autograd saves, and `unpack_hook` of that
    gives the tensor again when backward needs it.

    `pack_hook` runs without recording. What it raises is raised at the end of the block.
    """

    def __init__(self, pack_hook, unpack_hook):
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self):
        if _refused:
            raise RuntimeError(_refused[-1])
        hook = self.pack_hook

        def pack(t):
            with rtorch.no_grad():
                return hook(t)

        _C._push_saved_hooks(pack, self.unpack_hook)

    def __exit__(self, kind, error, trace):
        # What a hook raised comes first: an error in the block may only follow from it, and stays as its context.
        _C._pop_saved_hooks()


class save_on_cpu(saved_tensors_hooks):
    """Within the block, saved tensors wait in the CPU's memory (as copies) and go back to their device for backward."""

    def __init__(self, pin_memory=False, device_type="cuda"):
        def pack(tensor):
            if not pin_memory:
                return tensor.device, tensor.cpu()
            packed = rtorch.empty(tensor.size(), dtype=tensor.dtype, layout=tensor.layout, pin_memory=True)
            packed.copy_(tensor)
            return tensor.device, packed

        def unpack(packed):
            device, tensor = packed
            return tensor.to(device, non_blocking=pin_memory)

        super().__init__(pack, unpack)


class disable_saved_tensors_hooks:
    """Within the block (or the function that it decorates) hooks on saved tensors are an error with this message."""

    def __init__(self, error_message):
        self.error_message = error_message

    def __enter__(self):
        _refused.append(self.error_message)

    def __exit__(self, *exc):
        _refused.pop()

    def __call__(self, f):
        import functools

        @functools.wraps(f)
        def inner(*args, **kwargs):
            with disable_saved_tensors_hooks(self.error_message):
                return f(*args, **kwargs)

        return inner

