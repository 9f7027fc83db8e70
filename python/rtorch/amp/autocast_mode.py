"""`torch.autocast`: contexts in which operators compute in the precision that suits each.

The switches and the conversions are the core's (`src/op/autocast.rs`); here is what users enter and leave.
"""

import functools
import warnings

import rtorch
from rtorch._C import (
    _is_autocast_available,
    autocast_decrement_nesting,
    autocast_increment_nesting,
    clear_autocast_cache,
    get_autocast_dtype,
    is_autocast_cache_enabled,
    is_autocast_enabled,
    set_autocast_cache_enabled,
    set_autocast_dtype,
    set_autocast_enabled,
)

__all__ = ["autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]

_LOWER = (rtorch.bfloat16, rtorch.float16)


def is_autocast_available(device_type):
    """Does autocast exist for this kind of device?"""
    return _is_autocast_available(device_type)


def _state(device):
    """The switches as they are: what `_under` makes them again."""
    return is_autocast_enabled(device), get_autocast_dtype(device), is_autocast_cache_enabled()


def _set(device, state):
    enabled, dtype, caching = state
    set_autocast_enabled(device, enabled)
    set_autocast_dtype(device, dtype)
    set_autocast_cache_enabled(caching)


def _under(device, state):
    """A context with the switches of `_state`."""
    enabled, dtype, caching = state
    return autocast(device, dtype=dtype, enabled=enabled, cache_enabled=caching)


class autocast:
    """Inside, products of matrices and convolutions compute in `dtype` (bfloat16 on the CPU), losses and what else
    needs range in float32, what joins tensors in the widest of their dtypes. Also a decorator.

    Converted weights are kept until the outermost context is left (`cache_enabled`). Operators with `out=`, in-place
    operators and float64 tensors are left alone.
    """

    def __init__(self, device_type, dtype=None, enabled=True, cache_enabled=None):
        if not isinstance(device_type, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        if not is_autocast_available(device_type):
            raise RuntimeError(f"User specified an unsupported autocast device_type '{device_type}'")
        self.device = device_type
        self.fast_dtype = get_autocast_dtype(device_type) if dtype is None else dtype
        kind = device_type.split(":")[0]
        if enabled and kind == "cuda" and not rtorch.cuda.is_available():
            warnings.warn("CUDA is not available or torch_xla is imported. Disabling autocast.", stacklevel=2)
            enabled = False
        elif enabled and kind == "cpu" and self.fast_dtype not in _LOWER:
            warnings.warn(
                "In CPU autocast, but the target dtype is not supported. Disabling autocast.\n"
                "CPU Autocast only supports dtypes of torch.bfloat16, torch.float16 currently.",
                stacklevel=2,
            )
            enabled = False
        self._enabled = enabled
        self._cache_enabled = is_autocast_cache_enabled() if cache_enabled is None else cache_enabled
        self._before = []  # one entry for each time that it is entered

    def __enter__(self):
        self._before.append(_state(self.device))
        _set(self.device, (self._enabled, self.fast_dtype, self._cache_enabled))
        autocast_increment_nesting()
        return self

    def __exit__(self, exc_type, exc_val, exc_tb):
        if autocast_decrement_nesting() == 0:
            clear_autocast_cache()
        _set(self.device, self._before.pop())
        return False

    def __call__(self, func):
        @functools.wraps(func)
        def decorated(*args, **kwargs):
            with self:
                return func(*args, **kwargs)

        return decorated


def _cast(value, device_type, dtype):
    """Floating-point tensors of that kind of device in `dtype`, inside lists and dicts too; float64 stays."""
    if isinstance(value, rtorch.Tensor):
        wanted = value.is_floating_point() and value.device.type == device_type and value.dtype != rtorch.float64
        return value.to(dtype) if wanted else value
    if isinstance(value, dict):
        return {_cast(k, device_type, dtype): _cast(v, device_type, dtype) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        items = [_cast(v, device_type, dtype) for v in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return value


def _kind(device_type):
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
    return device_type


def custom_fwd(fwd=None, *, device_type, cast_inputs=None):
    """Decorates the `forward` of a custom Function. With `cast_inputs`, floating-point tensors come in that dtype and
    autocast is off inside; without, the forward runs under the autocast around it, and `custom_bwd` under the same."""
    _kind(device_type)
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def decorated(*args, **kwargs):
        ctx = args[0]
        ctx._dtype = get_autocast_dtype(device_type)
        active = is_autocast_enabled(device_type)
        if cast_inputs is None:
            ctx._fwd_used_autocast = active
            return fwd(*args, **kwargs)
        ctx._fwd_used_autocast = False
        if not active:
            return fwd(*args, **kwargs)
        with autocast(device_type=device_type, enabled=False):
            return fwd(*_cast(args, device_type, cast_inputs), **_cast(kwargs, device_type, cast_inputs))

    return decorated


def custom_bwd(bwd=None, *, device_type):
    """Decorates the `backward` of a custom Function whose forward has `custom_fwd`: it runs under the same autocast."""
    _kind(device_type)
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def decorated(*args, **kwargs):
        ctx = args[0]
        with autocast(device_type=device_type, enabled=ctx._fwd_used_autocast, dtype=ctx._dtype):
            return bwd(*args, **kwargs)

    return decorated


def _old(name, device, instead):
    """The functions from before there was an argument for the device."""
    new = globals()[instead]

    def old(*args):
        parts = [f"'{device}'", *("value" for _ in args)]
        warnings.warn(
            f"torch.{name}() is deprecated. Please use torch.{instead}({', '.join(parts)}) instead.",
            DeprecationWarning,
            stacklevel=2,
        )
        return new(device, *args)

    old.__name__ = old.__qualname__ = name
    old.__module__ = "torch"
    old.__doc__ = f"`{instead}` for '{device}'."
    return old


is_autocast_cpu_enabled = _old("is_autocast_cpu_enabled", "cpu", "is_autocast_enabled")
set_autocast_cpu_enabled = _old("set_autocast_cpu_enabled", "cpu", "set_autocast_enabled")
get_autocast_cpu_dtype = _old("get_autocast_cpu_dtype", "cpu", "get_autocast_dtype")
set_autocast_cpu_dtype = _old("set_autocast_cpu_dtype", "cpu", "set_autocast_dtype")
get_autocast_gpu_dtype = _old("get_autocast_gpu_dtype", "cuda", "get_autocast_dtype")
set_autocast_gpu_dtype = _old("set_autocast_gpu_dtype", "cuda", "set_autocast_dtype")
