# Padding by a constant, by reflection, by the edge, or around the circle.
# Shapes: (N, C, *spatial) or (C, *spatial); `padding` lists (before, after) per dimension, last dimension first.
from .. import functional as F
from .module import Module
from .utils import _ntuple, _pair, _quadruple

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]

_six = _ntuple(6, "_six")


class _PadNd(Module):
    """What the paddings share."""

    __constants__ = ["padding"]
    _mode = "constant"
    _sizes = None

    def __init__(self, padding):
        super().__init__()
        self.padding = type(self)._sizes(padding)

    def forward(self, input):
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self):
        return f"{self.padding}"


class _ConstantPadNd(_PadNd):
    __constants__ = ["padding", "value"]

    def __init__(self, padding, value):
        super().__init__(padding)
        self.value = value

    def forward(self, input):
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self):
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPadNd):
    """Pads sequences by a value."""

    _sizes = staticmethod(_pair)


class ConstantPad2d(_ConstantPadNd):
    """Pads images by a value; padding (left, right, top, bottom)."""

    _sizes = staticmethod(_quadruple)


class ConstantPad3d(_ConstantPadNd):
    """Pads volumes by a value; padding (left, right, top, bottom, front, back)."""

    _sizes = staticmethod(_six)


class ZeroPad1d(ConstantPad1d):
    """Pads sequences by 0."""

    def __init__(self, padding):
        super().__init__(padding, 0.0)

    def extra_repr(self):
        return f"{self.padding}"


class ZeroPad2d(ConstantPad2d):
    """Pads images by 0; padding (left, right, top, bottom)."""

    def __init__(self, padding):
        super().__init__(padding, 0.0)

    def extra_repr(self):
        return f"{self.padding}"


class ZeroPad3d(ConstantPad3d):
    """Pads volumes by 0; padding (left, right, top, bottom, front, back)."""

    def __init__(self, padding):
        super().__init__(padding, 0.0)

    def extra_repr(self):
        return f"{self.padding}"


class _ReflectionPadNd(_PadNd):
    _mode = "reflect"


class ReflectionPad1d(_ReflectionPadNd):
    """Pads sequences by their reflection about the first and last value."""

    _sizes = staticmethod(_pair)


class ReflectionPad2d(_ReflectionPadNd):
    """Pads images by their reflection about the edge pixels."""

    _sizes = staticmethod(_quadruple)


class ReflectionPad3d(_ReflectionPadNd):
    """Pads volumes by their reflection about the edge voxels."""

    _sizes = staticmethod(_six)


class _ReplicationPadNd(_PadNd):
    _mode = "replicate"


class ReplicationPad1d(_ReplicationPadNd):
    """Pads sequences by their first and last value."""

    _sizes = staticmethod(_pair)


class ReplicationPad2d(_ReplicationPadNd):
    """Pads images by their edge pixels."""

    _sizes = staticmethod(_quadruple)


class ReplicationPad3d(_ReplicationPadNd):
    """Pads volumes by their edge voxels."""

    _sizes = staticmethod(_six)


class _CircularPadNd(_PadNd):
    _mode = "circular"
    _dims = ()

    def forward(self, input):
        if input.dim() not in self._dims:
            low, high = self._dims
            raise ValueError(f"expected {low}D or {high}D input (got {input.dim()}D input)")
        return F.pad(input, self.padding, "circular")


class CircularPad1d(_CircularPadNd):
    """Pads sequences by their other end."""

    _sizes, _dims = staticmethod(_pair), (2, 3)


class CircularPad2d(_CircularPadNd):
    """Pads images by their other edge."""

    _sizes, _dims = staticmethod(_quadruple), (3, 4)


class CircularPad3d(_CircularPadNd):
    """Pads volumes by their other side."""

    _sizes, _dims = staticmethod(_six), (4, 5)
