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

# what few programs use and takes long to import, imported at first use
_LAZY = {
    "DataParallel": "parallel",
    "LinearCrossEntropyOptions": "modules.linear_cross_entropy_options",
    "attention": "attention",
    "parallel": "parallel",
}


def __getattr__(name):
    if name in _LAZY:
        import importlib

        module = importlib.import_module(f"{__name__}.{_LAZY[name]}")
        return module if name in ("attention", "parallel") else getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
