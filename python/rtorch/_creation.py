"""Tensors from whatever objects hold numbers, and from ranges as old programs write them."""

import rtorch


def asarray(obj, *, dtype=None, device=None, copy=None, requires_grad=False):
    """A tensor of what `obj` holds: the same memory where dtype and device allow it (always with `copy=False`, or an
    error), a copy of its own with `copy=True`. Without `requires_grad` it is cut off from the graph."""
    if isinstance(obj, rtorch.UntypedStorage):
        dtype = dtype or rtorch.get_default_dtype()
        obj = rtorch._C._tensor_from_storage(obj, dtype, 0, (obj.nbytes() // dtype.itemsize,), (1,))
    x = rtorch.as_tensor(obj, dtype=dtype, device=device)
    if isinstance(obj, rtorch.Tensor):
        shared = x.data_ptr() == obj.data_ptr()
    else:
        shared = getattr(obj, "__array_interface__", {}).get("data", (None,))[0] == x.data_ptr()
    if copy is False and not shared and x.numel():
        held = getattr(obj, "dtype", None)
        raise ValueError(
            "can't alias arbitrary sequence into a tensor."
            if held is None
            else f"can't alias tensor with dtype '{held}' into dtype '{x.dtype}'."
        )
    if copy and shared:
        x = x.clone()
    if not requires_grad:
        return x.detach() if x.requires_grad else x
    return x if x.requires_grad else (x.detach() if x is obj else x).requires_grad_()


def range(start=0, end=None, step=1, *, out=None, dtype=None, layout=None, device=None, requires_grad=False):
    """As `arange`, with its end, and of floating point: older programs use it."""
    import warnings

    warnings.warn(
        "torch.range is deprecated and will be removed in a future release because its behavior is inconsistent with "
        "Python's range builtin. Instead, use torch.arange, which produces values in [start, end).",
        stacklevel=2,
    )
    if end is None:
        start, end = 0, start
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    dtype = dtype or (rtorch.get_default_dtype() if out is None else out.dtype)
    exact = rtorch.float64 if dtype.is_floating_point else rtorch.int64
    x = rtorch.arange(int((end - start) / step) + 1, dtype=exact, device=device).mul_(step).add_(start).to(dtype)
    if out is not None:
        return out.resize_(x.shape).copy_(x)
    return x.requires_grad_(requires_grad)
