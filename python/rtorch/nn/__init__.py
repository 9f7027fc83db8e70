# torch.nn: modules, their parameters, initial values and functional forms.
from . import functional, init, modules, parameter, utils
from .modules import *
from .modules import __all__ as _module_names
from .parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter

__all__ = [
    *_module_names,
    "Buffer",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "functional",
    "init",
    "modules",
    "parameter",
    "utils",
]

# what belongs to several processes or devices, imported at first use
_LAZY = {"DataParallel": "parallel", "attention": "attention", "parallel": "parallel"}


def __getattr__(name):
    if name in _LAZY:
        import importlib

        module = importlib.import_module(f"{__name__}.{_LAZY[name]}")
        return module if name in ("attention", "parallel") else getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
