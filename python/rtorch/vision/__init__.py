"""`torchvision`, as far as rtorch has it: datasets, transforms, models, ops and utils for pictures. Nothing else in
rtorch imports it, and its parts are loaded when they are first used."""

import importlib as _importlib

from rtorch.version import rtorch as _ours

__version__ = f"0.28.0+rtorch{_ours}"  # the torchvision that is followed
_PARTS = ("datasets", "io", "models", "ops", "transforms", "tv_tensors", "utils")
_backend = "PIL"


def get_image_backend():
    """The package that reads pictures."""
    return _backend


def set_image_backend(backend):
    """Pictures are read by Pillow."""
    if backend != "PIL":
        raise ValueError(f"Invalid backend '{backend}'. Options are 'PIL'")


def __getattr__(name):
    if name in _PARTS:
        return _importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module 'torchvision' has no attribute {name!r} (rtorch does not have it)")


def __dir__():
    return sorted([*globals(), *_PARTS])
