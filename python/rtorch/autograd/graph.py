"""The graph as users see it: nodes, edges into it, and hooks on what it saves."""

from typing import NamedTuple

import rtorch
from rtorch import _C

__all__ = [
    "GradientEdge",
    "Node",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
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


_refused = []  # messages of the `disable_saved_tensors_hooks` in force


class saved_tensors_hooks:
    """Within the block, `pack_hook(t)` says what is kept for each tensor that autograd saves, and `unpack_hook` of that
    gives the tensor again when backward needs it.

    What `pack_hook` raises is raised at the end of the block.
    """

    def __init__(self, pack_hook, unpack_hook):
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self):
        if _refused:
            raise RuntimeError(_refused[-1])
        _C._push_saved_hooks(self.pack_hook, self.unpack_hook)

    def __exit__(self, kind, error, trace):
        try:
            _C._pop_saved_hooks()
        except Exception:
            if kind is None:
                raise


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

