"""Tensors of random numbers for tests."""

import math

import rtorch

__all__ = ["make_tensor"]


def make_tensor(
    *shape,
    dtype,
    device,
    low=None,
    high=None,
    requires_grad=False,
    noncontiguous=False,
    exclude_zero=False,
    memory_format=None,
):
    """A tensor of numbers from [low, high): by default [-9, 9] for numbers, [0, 10) for uint8, both values for bool.

    `noncontiguous` leaves every second element out, `exclude_zero` replaces zeros by the smallest number above 0.
    """
    if len(shape) == 1 and not isinstance(shape[0], int):
        shape = tuple(shape[0])
    if noncontiguous and memory_format is not None:
        raise ValueError(
            "The parameters `noncontiguous` and `memory_format` are mutually exclusive, but got "
            f"noncontiguous={noncontiguous} "
            f"and memory_format={memory_format}"
        )
    if requires_grad and not (dtype.is_floating_point or dtype.is_complex):
        raise ValueError(
            f"`requires_grad=True` is not supported for boolean and integral dtypes, but got dtype={dtype}"
        )
    n = math.prod(shape)
    if noncontiguous and n >= 2:
        wide = _filled((*shape[:-1], shape[-1] * 2), dtype, device, low, high) if shape else None
        result = wide[..., ::2]
    else:
        result = _filled(shape, dtype, device, low, high)
        if memory_format is not None:
            result = result.clone(memory_format=memory_format)
    if exclude_zero:
        result[result == 0] = 1 if not (dtype.is_floating_point or dtype.is_complex) else rtorch.finfo(dtype).tiny
    return result.requires_grad_(requires_grad) if dtype.is_floating_point or dtype.is_complex else result


def _bounds(low, high, least, most, lowest, highest):
    low = least if low is None else low
    high = most if high is None else high
    for value, name in ((low, "low"), (high, "high")):
        if isinstance(value, float) and math.isnan(value):
            raise ValueError(f"`low` and `high` cannot be NaN, but got {low=} and {high=}")
        _ = name
    if low > high or (low == high and lowest != highest and isinstance(lowest, bool)):
        raise ValueError(f"`low` must be less than `high`, but got {low} >= {high}")
    return max(low, lowest), min(high, highest)


def _filled(shape, dtype, device, low, high):
    if dtype == rtorch.bool:
        low, high = _bounds(low, high, 0, 2, 0, 2)
        return rtorch.randint(int(low), int(high), shape, device=device, dtype=dtype)
    if dtype.is_complex:
        part = {rtorch.complex64: rtorch.float32, rtorch.complex128: rtorch.float64}[dtype]
        low, high = _bounds(low, high, -9, 9, rtorch.finfo(part).min, rtorch.finfo(part).max)
        return rtorch.view_as_complex(rtorch.empty((*shape, 2), dtype=part, device=device).uniform_(low, high))
    if dtype.is_floating_point:
        low, high = _bounds(low, high, -9, 9, rtorch.finfo(dtype).min, rtorch.finfo(dtype).max)
        if low == high:
            return rtorch.full(shape, low, device=device, dtype=dtype)
        return rtorch.empty(shape, device=device, dtype=dtype).uniform_(low, high)
    info = rtorch.iinfo(dtype)
    least, most = (0, 10) if dtype == rtorch.uint8 else (-9, 10)
    low, high = _bounds(low, high, least, most, info.min, info.max + 1)
    return rtorch.randint(math.ceil(low), math.ceil(high), shape, device=device, dtype=dtype)
