"""The transforms as modules. What is random draws from torch's generator, in torchvision's order, so that the same seed
gives the same pictures. torchvision has them all in this module; the files beside it have them by topic."""

from __future__ import annotations

from rtorch.vision.transforms import _colours, _composing, _converting, _geometry
from rtorch.vision.transforms._colours import *  # noqa: F403
from rtorch.vision.transforms._composing import *  # noqa: F403
from rtorch.vision.transforms._converting import *  # noqa: F403
from rtorch.vision.transforms._geometry import *  # noqa: F403
from rtorch.vision.transforms.functional import InterpolationMode

__all__ = ["InterpolationMode"]
__all__ += _colours.__all__
__all__ += _composing.__all__
__all__ += _converting.__all__
__all__ += _geometry.__all__

for _topic in (_colours, _composing, _converting, _geometry):
    for _name in _topic.__all__:
        globals()[_name].__module__ = __name__  # where pickles and messages look for it
