"""torch.overrides: classes and modes that see calls before they run."""

from rtorch import _C, _asking

__all__ = [
    "TorchFunctionMode",
    "BaseTorchFunctionMode",
    "handle_torch_function",
    "has_torch_function",
    "has_torch_function_unary",
    "has_torch_function_variadic",
    "is_tensor_like",
]


class TorchFunctionMode:
    """Inside `with` a mode, every call of a torch function goes to its `__torch_function__(func, types, args, kwargs)`.

    The mode is off while that method runs: calling `func` there runs it, or hands it to the next mode.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        raise NotImplementedError

    def __enter__(self):
        _asking.enter_mode()
        _C._push_mode(self)
        return self

    def __exit__(self, *args):
        _C._pop_mode()
        _asking.leave_mode()


class BaseTorchFunctionMode(TorchFunctionMode):
    """A mode that changes nothing."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))


def has_torch_function(args):
    """Whether a call with these arguments would go to somebody's `__torch_function__`."""
    return _C._has_torch_function(args)


def has_torch_function_unary(arg):
    """The same for one argument."""
    return _C._has_torch_function((arg,))


def has_torch_function_variadic(*args):
    """The same for separate arguments."""
    return _C._has_torch_function(args)


def handle_torch_function(public_api, relevant_args, *args, **kwargs):
    """Hand a call of `public_api`, a function written in Python, to those who want to see it."""
    result = _C._ask_overrides(public_api, args, kwargs)
    if result is NotImplemented:
        names = ", ".join(sorted({type(a).__name__ for a in relevant_args}))
        raise TypeError(
            f"no implementation found for '{public_api.__name__}' on types that implement __torch_function__: {names}"
        )
    return result


def is_tensor_like(inp):
    """Whether it is a Tensor or has a `__torch_function__`."""
    return isinstance(inp, _C.Tensor) or hasattr(type(inp), "__torch_function__")
