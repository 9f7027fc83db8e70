"""`torch.autograd.Function`: operators with a backward of the user's own."""

import functools

import rtorch
from rtorch import _C


class FunctionCtx:
    """What forward leaves for backward. It is also the result's `grad_fn`."""

    _saved = ()
    _dirty = ()
    _non_differentiable = ()
    _materialize = True
    _node = None

    def save_for_backward(self, *tensors):
        """Keeps tensors (or None) for `saved_tensors`."""
        self._saved = tensors

    @property
    def saved_tensors(self):
        """What `save_for_backward` kept."""
        # Recorded: the node keeps them, outputs without their history (there is no cycle), each with its version.
        return self._saved if self._node is None else self._node.saved_tensors()

    def mark_dirty(self, *tensors):
        """These inputs were written in place."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors):
        """These outputs have no gradient."""
        self._non_differentiable = tensors

    def set_materialize_grads(self, value):
        """Are missing gradients given as zeros?"""
        self._materialize = value

    @property
    def next_functions(self):
        return self._node.next_functions()

    def name(self):
        return type(self).__name__

    def register_hook(self, hook):
        from rtorch.utils.hooks import NativeHandle

        return NativeHandle(self._node, self._node._add_hook(hook, False))


def _run_backward(ctx, grads, n_inputs):
    if ctx._materialize:
        grads = tuple(
            _C._spaces[""]["zeros"](m[0], dtype=m[1]) if g is None and m is not None else g
            for g, m in zip(grads + (None,) * (len(ctx._metas) - len(grads)), ctx._metas, strict=False)
        )
    out = ctx._function.backward(ctx, *grads)
    if not isinstance(out, tuple):
        out = (out,)
    if len(out) > n_inputs and all(g is None for g in out[n_inputs:]):
        out = out[:n_inputs]
    if len(out) != n_inputs:
        raise RuntimeError(
            f"function {type(ctx).__name__} returned an incorrect number of gradients "
            f"(expected {n_inputs}, got {len(out)})"
        )
    return out


class Function:
    """Subclass it with static methods `forward(ctx, ...)` and `backward(ctx, *grads)`, and call `apply`."""

    @staticmethod
    def forward(*args, **kwargs):
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def backward(ctx, *grads):
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with "
            "backward mode AD."
        )

    @classmethod
    def apply(cls, *args, **kwargs):
        """Runs forward, and records backward where an argument requires a gradient."""
        backward_class = cls.__dict__.get("_ctx_class")
        if backward_class is None:
            backward_class = type(cls.__name__ + "Backward", (FunctionCtx,), {"_function": cls})
            cls._ctx_class = backward_class
        ctx = backward_class()
        needs = tuple(_C._needs_grad(args))
        ctx.needs_input_grad = needs
        old = _C._set_grad_enabled(False)
        try:
            if "setup_context" in cls.__dict__ or getattr(cls, "setup_context", None) is not None:
                out = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, args, out)
            else:
                out = cls.forward(ctx, *args, **kwargs)
        finally:
            _C._set_grad_enabled(old)
        if not any(needs):
            return out
        single = not isinstance(out, tuple)
        outs = (out,) if single else out
        tensors = [o for o in outs if isinstance(o, _C.Tensor)]
        ctx._metas = [(tuple(o.shape), o.dtype) for o in tensors]
        outs = _C._attach_function(
            type(ctx).__name__,
            ctx,
            args,
            outs,
            tuple(ctx._dirty),
            tuple(ctx._non_differentiable),
            tuple(ctx._saved),
        )
        # What is left here would hold the outputs, which hold this context.
        ctx._saved = ctx._dirty = ctx._non_differentiable = ()
        return outs[0] if single else outs

    setup_context = None


def once_differentiable(backward):
    """For `Function.backward`: computed without a graph; who asks for a second derivative gets an error."""

    @functools.wraps(backward)
    def run(ctx, *grads):
        with rtorch.no_grad():
            out = backward(ctx, *grads)
        if not rtorch.is_grad_enabled() or not any(isinstance(g, _C.Tensor) and g.requires_grad for g in grads):
            return out
        many = out if isinstance(out, tuple) else (out,)
        blocked = tuple(_Once.apply(g.detach().requires_grad_()) if isinstance(g, _C.Tensor) else g for g in many)
        return blocked if isinstance(out, tuple) else blocked[0]

    return run


class _Once(Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, grad):
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")
