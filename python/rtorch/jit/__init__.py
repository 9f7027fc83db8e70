"""`torch.jit`: scripting and tracing as transparent wrappers. What is scripted or traced runs as the Python it was
written in, with the same values; files made by `save` hold the pickled module and need its classes to load.

Files of TorchScript itself (archives with `code/`) cannot be loaded.
"""

import functools
import inspect
import warnings

import rtorch
from rtorch.nn import Module

__all__ = [
    "Attribute",
    "Error",
    "Final",
    "ScriptFunction",
    "ScriptModule",
    "TracerWarning",
    "annotate",
    "export",
    "fork",
    "freeze",
    "ignore",
    "interface",
    "is_scripting",
    "is_tracing",
    "isinstance",
    "load",
    "optimize_for_inference",
    "save",
    "script",
    "script_if_tracing",
    "trace",
    "trace_module",
    "unused",
    "wait",
]

_isinstance = isinstance

from typing import Final, NamedTuple  # noqa: E402

Error = RuntimeError


class TracerWarning(Warning):
    """Warns of what a trace would not have recorded. Nothing is recorded here, so it is never given."""


def is_scripting():
    """Whether this runs as TorchScript: never."""
    return False


def is_tracing():
    """Whether a trace is being recorded: never."""
    return False


class ScriptFunction:
    """A scripted or traced function: calling it calls the Python function."""

    def __init__(self, fn):
        functools.update_wrapper(self, fn)
        self._fn = fn

    def __call__(self, *args, **kwargs):
        return self._fn(*args, **kwargs)

    @property
    def name(self):
        return self._fn.__name__

    def save(self, f, _extra_files=None):
        save(self, f, _extra_files)

    def __reduce__(self):
        return ScriptFunction, (self._fn,)


class ScriptModule(Module):
    """A scripted or traced module. It has the attributes, parameters and names of the module in it, and calls that."""

    def __init__(self, mod=None):
        super().__init__()
        if mod is not None:
            self.__dict__["_original"] = mod
            # parameters, buffers and children under the module's own names
            for store in ("_parameters", "_buffers", "_modules", "_non_persistent_buffers_set"):
                self.__dict__[store] = getattr(mod, store)
            self.training = mod.training

    def forward(self, *args, **kwargs):
        original = self.__dict__.get("_original")
        if original is None:
            raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')
        return original(*args, **kwargs)

    def train(self, mode=True):
        original = self.__dict__.get("_original")
        if original is not None:
            original.train(mode)
        return super().train(mode)

    def __getattr__(self, name):
        original = self.__dict__.get("_original")
        if original is None:
            return super().__getattr__(name)
        return getattr(original, name)

    def __setattr__(self, name, value):
        original = self.__dict__.get("_original")
        if original is not None and name != "training" and name not in self.__dict__:
            setattr(original, name, value)
        else:
            super().__setattr__(name, value)

    @property
    def original_name(self):
        original = self.__dict__.get("_original")
        return type(self if original is None else original).__name__

    def extra_repr(self):
        return f"original_name={self.original_name}"

    def _get_name(self):
        return "RecursiveScriptModule"

    def save(self, f, _extra_files=None):
        save(self, f, _extra_files)

    def __reduce__(self):
        original = self.__dict__.get("_original")
        return (ScriptModule, (original,)) if original is not None else super().__reduce__()


def script(obj, optimize=None, _frames_up=0, _rcb=None, example_inputs=None):
    """A wrapper that behaves as the function or module itself. Classes are returned as they are."""
    if optimize is not None:
        warnings.warn(
            "`optimize` is deprecated and has no effect. Use `with torch.jit.optimized_execution()` instead",
            FutureWarning,
            stacklevel=2,
        )
    if _isinstance(obj, (ScriptModule, ScriptFunction)) or inspect.isclass(obj):
        return obj
    if _isinstance(obj, Module):
        return ScriptModule(obj)
    if callable(obj):
        return ScriptFunction(obj)
    raise RuntimeError(f"torch.jit.script takes a function, a class or a module, not {type(obj).__name__}")


def _inputs(example_inputs):
    return example_inputs if _isinstance(example_inputs, tuple) else (example_inputs,)


def trace(
    func,
    example_inputs=None,
    optimize=None,
    check_trace=True,
    check_inputs=None,
    check_tolerance=1e-5,
    strict=True,
    _force_outplace=False,
    _module_class=None,
    _compilation_unit=None,
    example_kwarg_inputs=None,
    _store_inputs=True,
):
    """A wrapper that behaves as the function or module itself, which is run once on the examples. Branches stay
    branches: nothing is recorded."""
    if (example_inputs is None) == (example_kwarg_inputs is None):
        raise RuntimeError(
            "example_kwarg_inputs should be a dict"
            if example_inputs is None
            else "example_inputs and example_kwarg_inputs cannot both be given"
        )
    with rtorch.no_grad():
        if example_inputs is not None:
            if _isinstance(example_inputs, list):
                example_inputs = tuple(example_inputs)
            func(*_inputs(example_inputs))
        else:
            func(**example_kwarg_inputs)
    return script(func)


def trace_module(mod, inputs, *args, **kwargs):
    """As `trace`, for several methods: `inputs` has an example for each name."""
    for name, example in inputs.items():
        with rtorch.no_grad():
            getattr(mod, name)(*_inputs(example))
    return script(mod)


def ignore(drop=False, **kwargs):
    """Marks a method that TorchScript leaves to Python. Here all are."""
    if callable(drop):
        return drop
    return lambda fn: fn


def unused(fn):
    """Marks a method that TorchScript leaves out. Here it stays what it is."""
    return fn


def export(fn):
    """Marks a method that TorchScript compiles. Here it stays what it is."""
    return fn


def _overload(func):
    """Marks a signature of a function that has several. Here the last definition takes all."""
    return func


_overload_method = _overload


class Attribute(NamedTuple):
    """A value with the type that TorchScript is to give it."""

    value: object
    type: object


def interface(obj):
    return obj


def script_if_tracing(fn):
    return fn


def annotate(the_type, the_value):
    """The value: types are for readers."""
    return the_value


def isinstance(obj, target_type):
    """Whether `obj` is of a type, containers' elements included."""
    from typing import get_args, get_origin

    if _isinstance(target_type, tuple):
        return any(isinstance(obj, t) for t in target_type)
    origin, args = get_origin(target_type), get_args(target_type)
    if origin is None:
        return _isinstance(obj, target_type)
    if origin in (list, tuple, dict) and not _isinstance(obj, origin):
        return False
    if origin is list:
        return all(isinstance(x, args[0]) for x in obj)
    if origin is tuple:
        return len(obj) == len(args) and all(isinstance(x, t) for x, t in zip(obj, args))
    if origin is dict:
        return all(isinstance(k, args[0]) and isinstance(v, args[1]) for k, v in obj.items())
    return any(isinstance(obj, t) if t is not type(None) else obj is None for t in args)


def fork(func, *args, **kwargs):
    """Runs the function at once; `wait` gives its result."""
    return _Done(func(*args, **kwargs))


class _Done:
    def __init__(self, value):
        self._value = value

    def wait(self):
        return self._value

    value = wait


def wait(future):
    return future.wait()


def freeze(mod, preserved_attrs=None, optimize_numerics=True):
    """A copy of the module, in evaluation, with constants for parameters: nothing is recorded for them."""
    if mod.training:
        raise RuntimeError(
            "Freezing is currently only implemented for modules in eval mode. Please call .eval() on your module "
            "before freezing."
        )
    import copy

    return copy.deepcopy(mod).requires_grad_(False)


def optimize_for_inference(mod, other_methods=None):
    return mod


_FORMAT = "rtorch.jit"


def save(m, f, _extra_files=None):
    """Writes a scripted or traced module (or any other) with the values in it, to a path or a file."""
    rtorch.save({"format": _FORMAT, "object": m, "extra": dict(_extra_files or {})}, f)


def load(f, map_location=None, _extra_files=None, _restore_shapes=False):
    """Reads what `save` wrote. The classes of the modules must be importable."""
    try:
        stored = rtorch.load(f, map_location=map_location, weights_only=False)
    except Exception as e:
        e.add_note(
            "  torch.jit.load reads files that torch.jit.save of rtorch wrote; TorchScript archives cannot be read"
        )
        raise
    if not _isinstance(stored, dict) or stored.get("format") != _FORMAT:
        raise RuntimeError(
            "torch.jit.load: this file was not written by torch.jit.save of rtorch; use torch.load for files of "
            "torch.save"
        )
    if _extra_files is not None:
        for name in _extra_files:
            _extra_files[name] = stored["extra"].get(name, b"")
    return stored["object"]
