# Hooks of modules: the handle that removes one, the dictionaries that hold them, and full backward hooks.
from collections import OrderedDict

import rtorch
from rtorch.utils.hooks import RemovableHandle

__all__ = ["RemovableHandle", "HookDict", "FullBackwardHook"]


class HookDict:
    """Class attribute of Module that stands for an OrderedDict per instance, made at its first use.

    Modules without hooks, nearly all, neither build nor look at these dictionaries. Whoever touches one
    that matters to calls (`calls=True`) switches that module to the slow way of being called, for good.
    """

    def __init__(self, calls=False, make=OrderedDict):
        self.calls, self.make = calls, make

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        hooks = instance.__dict__[self.name] = self.make()
        if self.calls:
            instance.__dict__["_hooked"] = True
        return hooks


class FullBackwardHook:
    """Runs a module's backward hooks for one call of it.

    Two identity nodes stand around the call. The gradient reaching the outer one is grad_output (pre-hooks
    may replace it); the gradient leaving the inner one is grad_input (hooks may replace it).
    """

    def __init__(self, module, hooks, pre_hooks):
        self.module, self.hooks, self.pre_hooks = module, hooks, pre_hooks
        self.grad_output = None
        self.has_input_node = False
        self.n_inputs = self.n_outputs = 0
        self.output_places = self.input_places = ()

    def wrap_inputs(self, args):
        tensors = [i for i, a in enumerate(args) if isinstance(a, rtorch.Tensor)]
        self.n_inputs = len(args)
        places = [i for i in tensors if args[i].requires_grad]
        if not places or not rtorch.is_grad_enabled():
            return args
        self.has_input_node, self.input_places = True, places
        wrapped = _identity(self._at_input, [args[i] for i in places])
        args = list(args)
        for i, t in zip(places, wrapped):
            args[i] = t
        return tuple(args)

    def wrap_outputs(self, result):
        single = isinstance(result, rtorch.Tensor)
        if not single and not isinstance(result, tuple):
            import warnings

            warnings.warn(
                f"{type(self.module).__name__}: full backward hooks need a module that returns a Tensor or a tuple of "
                f"Tensors, this one returned {type(result).__name__}: they will not fire.",
                stacklevel=4,
            )
            return result
        outputs = (result,) if single else result
        self.n_outputs = len(outputs)
        places = [i for i, o in enumerate(outputs) if isinstance(o, rtorch.Tensor) and o.requires_grad]
        if not places or not rtorch.is_grad_enabled():
            return result
        self.output_places = places
        wrapped = _identity(self._at_output, [outputs[i] for i in places])
        outputs = list(outputs)
        for i, t in zip(places, wrapped):
            outputs[i] = t
        if single:
            return outputs[0]
        return type(result)(*outputs) if hasattr(result, "_fields") else tuple(outputs)

    def _at_output(self, grads):
        full = [None] * self.n_outputs
        for i, g in zip(self.output_places, grads):
            full[i] = g
        full = tuple(full)
        for hook in self.pre_hooks:
            new = hook(self.module, full)
            if new is not None:
                full = self._checked(new, full, "pre-hook", "grad_output")
        self.grad_output = full
        if not self.has_input_node:  # nothing below asks for a gradient: the hooks fire now
            for hook in self.hooks:
                if hook(self.module, (None,) * self.n_inputs, full) is not None:
                    raise RuntimeError(
                        "backward hook for Modules where no input requires gradient should always return None or None "
                        "for all gradients."
                    )
        return tuple(full[i] for i in self.output_places)

    def _at_input(self, grads):
        if self.grad_output is None:  # reached around the outputs, e.g. through autograd.grad of an inner tensor
            return grads
        full = [None] * self.n_inputs
        for i, g in zip(self.input_places, grads):
            full[i] = g
        full = tuple(full)
        for hook in self.hooks:
            new = hook(self.module, full, self.grad_output)
            if new is not None:
                full = self._checked(new, full, "hook", "grad_input")
        return tuple(full[i] for i in self.input_places)

    def _checked(self, new, old, kind, what):
        new = new if isinstance(new, tuple) else (new,)
        if len(new) != len(old):
            raise RuntimeError(
                f"Backward {kind} returned an invalid number of {what}, got {len(new)}, but expected {len(old)}"
            )
        return new


_Identity = None


def _identity(callback, tensors):
    """The tensors again, behind one autograd node whose backward passes all gradients through `callback`."""
    global _Identity
    if _Identity is None:

        class _Identity(rtorch.autograd.Function):
            @staticmethod
            def forward(ctx, callback, *tensors):
                ctx.callback = callback
                ctx.set_materialize_grads(False)
                return tuple(t.view_as(t) for t in tensors)

            @staticmethod
            def backward(ctx, *grads):
                return (None, *ctx.callback(grads))

    return _Identity.apply(callback, *tensors)
