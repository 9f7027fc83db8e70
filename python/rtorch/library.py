"""`torch.library`: operators that programs add. An added operator is a function with a name in `torch.ops`; a gradient,
a shape rule for tensors without values and kernels for other devices can be registered for it.
"""

import functools
import inspect

import rtorch
from rtorch._ops import OpOverloadPacket, ops

__all__ = ["CustomOpDef", "custom_op", "register_autograd", "register_fake", "register_kernel"]

_DEFINED = {}


def _tensors(args):
    return [x for x in rtorch.utils._pytree.tree_leaves(list(args)) if isinstance(x, rtorch.Tensor)]


class CustomOpDef:
    """An added operator: calling it calls the kernel for the arguments' device, and records its gradient."""

    def __init__(self, namespace, name, fn, mutates_args):
        self._namespace, self._name, self._qualname = namespace, name, f"{namespace}::{name}"
        self._signature = inspect.signature(fn)
        self._init_fn = fn
        self._kernels = {}  # kind of device -> function
        self._fake = self._backward = self._setup_context = None
        self._mutates_args = mutates_args
        functools.update_wrapper(self, fn)

    def __repr__(self):
        return f"<CustomOpDef({self._qualname})>"

    def register_kernel(self, device_types, fn=None, /):
        """The function that computes on these kinds of devices ("cpu", "cuda"); a decorator too."""
        if fn is None:
            return lambda fn: self.register_kernel(device_types, fn)
        for kind in [device_types] if isinstance(device_types, str) or device_types is None else device_types:
            self._kernels[kind] = fn
        return fn

    def register_fake(self, fn, /):
        """The function that gives results without values, for tensors without values."""
        self._fake = fn
        return fn

    def register_autograd(self, backward, /, *, setup_context=None):
        """The gradient: `backward(ctx, *grads)`, with what `setup_context(ctx, inputs, output)` kept."""
        if self._mutates_args:
            raise RuntimeError(
                f"Cannot register autograd formula for non-functional operator {self._qualname}: it writes to its "
                "arguments."
            )
        self._backward, self._setup_context = backward, setup_context

    def _run(self, args):
        tensors = _tensors(args)
        if any(t.device.type == "meta" for t in tensors):
            if self._fake is None:
                raise NotImplementedError(
                    f"{self._qualname}: no fake impl was registered, so it cannot take tensors of device 'meta'. "
                    "Add one by register_fake."
                )
            return self._fake(*args)
        kind = tensors[0].device.type if tensors else "cpu"
        kernel = self._kernels.get(kind) or self._kernels.get(None)
        if kernel is None:
            raise NotImplementedError(
                f"{self._qualname}: no kernel is registered for device {kind!r}, only for "
                f"{sorted(map(str, self._kernels))}"
            )
        return kernel(*args)

    def __call__(self, *args, **kwargs):
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        args = tuple(bound.args) + tuple(bound.kwargs.values())
        if rtorch.is_grad_enabled() and any(t.requires_grad for t in _tensors(args)):
            return _function(self).apply(*args)
        with rtorch.no_grad():
            return self._run(args)


def _function(op):
    """The autograd Function of an operator."""

    class Custom(rtorch.autograd.Function):
        @staticmethod
        def forward(ctx, *args):
            with rtorch.no_grad():
                out = op._run(args)
            if op._setup_context is not None:
                op._setup_context(ctx=ctx, inputs=args, output=out)
            return out

        @staticmethod
        def backward(ctx, *grads):
            if op._backward is None:
                raise RuntimeError(
                    f"Trying to backward through {op._namespace}.{op._name}.default but no autograd formula was "
                    "registered. Please use register_autograd to add one."
                )
            return op._backward(ctx, *grads)

    Custom.__name__ = Custom.__qualname__ = f"GeneratedBackwardFor_{op._namespace}_{op._name}_default"
    return Custom


def custom_op(name, fn=None, /, *, mutates_args, device_types=None, schema=None, tags=None):
    """Adds a function as the operator "library::name"; a decorator too. `mutates_args` names the arguments that it
    writes to (or is "unknown"), `device_types` the devices that it is for (all). Its schema is the
    function's signature."""

    def add(fn):
        namespace, found, own = name.partition("::")
        if not found or not namespace or not own:
            raise ValueError(f"torch.library.custom_op: expected a name of the form 'namespace::name', got {name!r}")
        op = CustomOpDef(namespace, own.partition(".")[0], fn, mutates_args)
        op.register_kernel(device_types, fn)
        _DEFINED[op._qualname] = op
        setattr(getattr(ops, namespace), op._name, OpOverloadPacket(namespace, op._name, op))
        return op

    return add if fn is None else add(fn)


def _found(op, said):
    if isinstance(op, CustomOpDef):
        return op
    name = getattr(op, "_qualified_op_name", None) or (op if isinstance(op, str) else None)
    if name is None and hasattr(op, "overloadpacket"):
        name = op.overloadpacket._qualified_op_name
    if name not in _DEFINED:
        raise RuntimeError(f"torch.library.{said}: {name or op!r} is no operator that custom_op added")
    return _DEFINED[name]


def register_fake(op, func=None, /, *, lib=None, allow_override=False):
    """As CustomOpDef.register_fake, for the operator's name; a decorator too."""
    if func is None:
        return lambda func: register_fake(op, func)
    return _found(op, "register_fake").register_fake(func)


def register_autograd(op, backward, /, *, setup_context=None, lib=None):
    """As CustomOpDef.register_autograd, for the operator's name."""
    _found(op, "register_autograd").register_autograd(backward, setup_context=setup_context)


def register_kernel(op, device_types, func=None, /, *, lib=None):
    """As CustomOpDef.register_kernel, for the operator's name; a decorator too."""
    return _found(op, "register_kernel").register_kernel(device_types, func)
