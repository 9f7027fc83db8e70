"""Settings of the whole process that torch has at its top level: deterministic algorithms, the precision of products,
the default device and tensor type."""

from rtorch import _C

_state = {"deterministic": False, "warn_only": False, "precision": "highest"}
_TYPES = {"HalfTensor": "float16", "FloatTensor": "float32", "DoubleTensor": "float64", "BFloat16Tensor": "bfloat16"}


def use_deterministic_algorithms(mode, *, warn_only=False):
    """Every kernel here gives the same bits each time, for any number of threads; the setting is kept for who asks."""
    _state.update(deterministic=bool(mode), warn_only=bool(warn_only))


def are_deterministic_algorithms_enabled():
    return _state["deterministic"]


def is_deterministic_algorithms_warn_only_enabled():
    return _state["warn_only"]


def set_deterministic_debug_mode(debug_mode):
    """0 "default", 1 "warn", 2 "error"."""
    mode = {"default": 0, "warn": 1, "error": 2}.get(debug_mode, debug_mode)
    if mode not in (0, 1, 2):
        raise RuntimeError(
            f"invalid value of debug_mode, expected one of `default`, `warn`, `error`, 0, 1, 2, but got {debug_mode}"
        )
    use_deterministic_algorithms(mode != 0, warn_only=mode == 1)


def get_deterministic_debug_mode():
    return 0 if not _state["deterministic"] else 1 if _state["warn_only"] else 2


def set_float32_matmul_precision(precision):
    """ "highest", "high" or "medium": products of float32 are exact to float32 on the CPU whichever is chosen."""
    if precision not in ("highest", "high", "medium"):
        raise RuntimeError(f"{precision!r} is no precision of products: choose 'highest', 'high' or 'medium'")
    _state["precision"] = precision


def get_float32_matmul_precision():
    return _state["precision"]


def get_default_device():
    """Where this thread's tensors are made when no device is given."""
    device = _C._set_default_device(None)
    if device is None:
        return _C.device("cpu")
    _C._set_default_device(device)
    return device


def set_default_device(device):
    """Where this thread's tensors are made when no device is given; None for the CPU."""
    _C._set_default_device(None if device is None else _C.device(device))


def set_default_tensor_type(t):
    """The default dtype by a tensor class or its name, as before `set_default_dtype`."""
    name = t if isinstance(t, str) else t.__name__
    name = name.rpartition(".")[2]
    if name not in _TYPES:
        raise TypeError("only floating-point types are supported as the default type")
    _C.set_default_dtype(getattr(_C, _TYPES[name]))


def get_num_interop_threads():
    """How many operators run beside each other: one at a time, in the thread that calls it."""
    return 1


def set_num_interop_threads(threads):
    """Checks the number, and no more: operators never run beside each other, so there is nothing to bound."""
    if threads < 1:
        raise RuntimeError("set_num_interop_threads expects a positive integer")


def set_flush_denormal(mode):
    """Whether denormal numbers could be set to be flushed to zero: no. They are kept."""
    return False


def get_device_module(device=None):
    """`torch.cpu` or `torch.cuda`: what can be asked of a kind of device."""
    import rtorch

    kind = rtorch.device("cpu" if device is None else device).type
    if kind not in ("cpu", "cuda"):
        raise RuntimeError(f"get_device_module: no module for device type {kind!r}")
    return getattr(rtorch, kind)
