"""`torch.backends`: what the library computes with, and the switches that programs set. Switches of engines that are
not here (cuDNN, MKL) keep what is written to them and change nothing."""

import importlib

__all__ = ["cpu", "cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp", "opt_einsum"]


def __getattr__(name):
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module 'torch.backends' has no attribute {name!r} (rtorch does not have it)")


def __dir__():
    return sorted(__all__)
