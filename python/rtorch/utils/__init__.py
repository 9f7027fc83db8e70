"""`torch.utils`: what stands around tensors. Submodules are loaded when first used, so that `import rtorch` stays
quick."""

import importlib
import importlib.util

__all__ = ["data"]


def __getattr__(name):
    if not name.startswith("__") and importlib.util.find_spec(f"{__name__}.{name}") is not None:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted(set(globals()) | set(__all__))
