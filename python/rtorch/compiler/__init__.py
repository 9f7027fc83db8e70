"""`torch.compile` and its switches. What is compiled runs eagerly, operator by operator: the same values and speed.

Set RTORCH_COMPILE_LOG=1 to have each compiled function say so at its first call.
"""

import functools
import inspect
import os
import sys

import rtorch

__all__ = [
    "OptimizedModule",
    "allow_in_graph",
    "assume_constant_result",
    "compile",
    "cudagraph_mark_step_begin",
    "disable",
    "is_compiling",
    "is_dynamo_compiling",
    "is_exporting",
    "list_backends",
    "reset",
    "set_stance",
]

_MODES = ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")
_BACKENDS = ("inductor", "eager", "aot_eager")


def list_backends(exclude_tags=("debug", "experimental")):
    """The names that `compile(backend=...)` takes; all of them run eagerly."""
    return ["inductor"] if "debug" in (exclude_tags or ()) else list(_BACKENDS)


def _checked(backend, mode, options):
    if mode is not None and options is not None:
        raise RuntimeError("Either mode or options can be specified, but both can't be specified at the same time.")
    if mode is not None and mode not in _MODES:
        raise RuntimeError(f"Unrecognized mode={mode}, should be one of: {', '.join(_MODES)}")
    if not (callable(backend) or backend in _BACKENDS):
        raise RuntimeError(f"Invalid backend: {backend!r}, expected one of {list(_BACKENDS)} or a function")
    if callable(backend):
        raise NotImplementedError(
            "torch.compile(backend=<function>): a backend of one's own is called with a graph of torch.fx, which "
            "rtorch does "
            "not make. Name a backend, or leave the argument out: the function then runs eagerly."
        )


def _say(what):
    if os.environ.get("RTORCH_COMPILE_LOG", "") not in ("", "0"):
        print(f"torch.compile: {what} runs eagerly", file=sys.stderr)


class OptimizedModule(rtorch.nn.Module):
    """What `compile` makes of a module: it has the module's attributes and parameters, and calls it."""

    def __init__(self, mod, say=True):
        super().__init__()
        self._modules["_orig_mod"] = mod
        self.__dict__["_say"] = say

    def forward(self, *args, **kwargs):
        if self.__dict__.pop("_say", False):
            _say(type(self._orig_mod).__name__)
        return self._orig_mod(*args, **kwargs)

    def __getattr__(self, name):
        if name == "_orig_mod":
            return self._modules["_orig_mod"]
        return getattr(self._orig_mod, name)

    def __setattr__(self, name, value):
        if name == "_orig_mod":
            self._modules[name] = value
        elif name == "training" and "_modules" in self.__dict__ and "_orig_mod" in self._modules:
            self.__dict__[name] = value
        elif "_modules" in self.__dict__ and "_orig_mod" in self._modules and name not in self.__dict__:
            setattr(self._orig_mod, name, value)
        else:
            super().__setattr__(name, value)

    def __delattr__(self, name):
        delattr(self._orig_mod, name)

    def __len__(self):
        return len(self._orig_mod)

    def __getitem__(self, i):
        return self._orig_mod[i]

    def __iter__(self):
        return iter(self._orig_mod)

    def __dir__(self):
        return sorted({*self.__dict__, *dir(self._orig_mod), "_orig_mod"})

    def __reduce__(self):
        return OptimizedModule, (self._orig_mod,)


def compile(
    model=None,
    *,
    fullgraph=False,
    dynamic=None,
    backend="inductor",
    mode=None,
    options=None,
    name=None,
    disable=False,
    recompile_limit=None,
    isolate_recompiles=False,
    shapes_spec=None,
):
    """The module or function, which gives the values that it gave before; a decorator too, with or without arguments.

    Nothing is traced or fused yet: what is compiled runs eagerly.
    """
    backend = "inductor" if backend is None else backend
    _checked(backend, mode, options)
    if model is None:
        return lambda model: compile(
            model, fullgraph=fullgraph, dynamic=dynamic, backend=backend, mode=mode, options=options, disable=disable
        )
    if not callable(model):
        raise RuntimeError("torch.compile takes a function, a module, or nothing (as a decorator)" + f", not {model!r}")
    if disable:
        return model
    if isinstance(model, rtorch.nn.Module):
        return OptimizedModule(model)
    if inspect.isclass(model):
        return model
    said = []

    @functools.wraps(model)
    def compiled(*args, **kwargs):
        if not said:
            said.append(True)
            _say(getattr(model, "__qualname__", repr(model)))
        return model(*args, **kwargs)

    compiled._torchdynamo_orig_callable = model
    return compiled


def disable(fn=None, recursive=True, *, reason=None):
    """Keeps a function out of compilation: the function itself, since nothing is compiled."""
    return (lambda fn: fn) if fn is None else fn


def allow_in_graph(fn):
    """The function or functions themselves: there is no graph to stand in."""
    return fn


def assume_constant_result(fn):
    """The function itself: it is called each time."""
    return fn


def reset():
    """Forgets what was compiled, which is nothing."""


def is_compiling():
    """Whether a program is being traced: never."""
    return False


is_dynamo_compiling = is_exporting = is_compiling


def cudagraph_mark_step_begin():
    """Says that a step begins, to CUDA graphs: there are none."""


class set_stance:
    """How compiled functions run: as a call, a context or a decorator. All of them run eagerly in every stance."""

    _KNOWN = (
        "default",
        "force_eager",
        "eager_on_recompile",
        "fail_on_recompile",
        "eager_then_compile",
        "aot_eager_then_compile",
    )

    def __init__(self, stance="default", *, skip_guard_eval_unsafe=False, force_backend=None):
        if stance not in self._KNOWN:
            raise RuntimeError(f"Unrecognized stance {stance!r}, expected one of {self._KNOWN}")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return None

    def __call__(self, fn):
        return fn
