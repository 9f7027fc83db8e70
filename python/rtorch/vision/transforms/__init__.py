"""`torchvision.transforms`: what is done to pictures before a network sees them."""

from rtorch.vision.transforms.autoaugment import *
from rtorch.vision.transforms.transforms import *


def __getattr__(name):
    if name in ("functional", "v2"):
        import importlib

        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module 'torchvision.transforms' has no attribute {name!r} (rtorch does not have it)")
