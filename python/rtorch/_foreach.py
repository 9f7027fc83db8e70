"""`torch._foreach_*`: one operation on each tensor of a list, as training loops by hand use them.

Private names in PyTorch, but known to many programs. They are loops here: what the optimizers use is fused in the core.
"""

import rtorch

_ONE = "abs acos asin atan ceil cos cosh erf erfc exp expm1 floor frac lgamma log log10 log1p log2 neg reciprocal "
_ONE += "round rsqrt sigmoid sign sin sinh sqrt tan tanh trunc"
_TWO = "add sub mul div pow lerp maximum minimum clamp_min clamp_max"
_THREE = ("addcmul", "addcdiv")


def _each(value, n, name):
    """What belongs to each of `n` tensors: an item of a list, or the same for all."""
    if not isinstance(value, (list, tuple)):
        return [value] * n
    if len(value) != n:
        raise RuntimeError(f"_foreach_{name}: lists of {n} and {len(value)} items do not belong together")
    return value


def _made(method, name):
    """The function that calls this method of each tensor, with the arguments that belong to it."""

    def run(self, *args, **kwargs):
        n = len(self)
        columns = [_each(a, n, name) for a in args]
        named = {k: _each(v, n, name) for k, v in kwargs.items()}
        return tuple(
            getattr(t, method)(*(c[i] for c in columns), **{k: v[i] for k, v in named.items()})
            for i, t in enumerate(self)
        )

    return run


def _in_place(function):
    def run(self, *args, **kwargs):
        function(self, *args, **kwargs)

    return run


def _with_value(method, name):
    """addcmul and addcdiv: `value` may be a number, a list of them, or come as the fourth argument."""
    each = _made(method, name)

    def run(self, tensor1, tensor2, value=1):
        return each(self, tensor1, tensor2, value=list(value) if isinstance(value, (list, tuple)) else value)

    return run


def _norm(self, ord=2, dtype=None):
    return tuple(rtorch.linalg.vector_norm(t, ord, dtype=dtype) for t in self)


def _functions():
    out = {"norm": _norm, "max": _made("max", "max"), "zero_": _in_place(_made("zero_", "zero_"))}
    out["copy_"] = _in_place(_made("copy_", "copy_"))
    for name in _ONE.split():
        out[name] = _made(name, name)
        out[name + "_"] = _in_place(_made(name + "_", name))
    for name in _TWO.split():
        method = {"maximum": "clamp_min", "minimum": "clamp_max"}.get(name, name)  # these take numbers too
        out[name] = _made(method, name)
        out[name + "_"] = _in_place(_made(method + "_", name))
    for name in _THREE:
        out[name] = _with_value(name, name)
        out[name + "_"] = _in_place(_with_value(name + "_", name))
    return {"_foreach_" + k: f for k, f in out.items()}


globals().update(_functions())
