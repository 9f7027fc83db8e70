"""`torch.finfo` and `torch.iinfo`: the limits of number types."""

from rtorch import _C

# bits, digits of the mantissa, smallest normal exponent, largest value, decimal resolution
_FLOATS = {
    _C.float16: (16, 10, -14, 65504.0, 1e-3),
    _C.bfloat16: (16, 7, -126, (2 - 2.0**-7) * 2.0**127, 1e-2),
    _C.float32: (32, 23, -126, (2 - 2.0**-23) * 2.0**127, 1e-6),
    _C.float64: (64, 52, -1022, (2 - 2.0**-52) * 2.0**1023, 1e-15),
}
_REAL = {_C.complex64: _C.float32, _C.complex128: _C.float64}


def _check(name, type):
    if not isinstance(type, _C.dtype):
        kind = type.__class__.__name__
        raise TypeError(f"{name}(): argument 'type' (position 1) must be torch.dtype, not {kind}")


class _Info:
    __slots__ = ("bits", "dtype", "max", "min")
    __module__ = "torch"
    __hash__ = None

    def __eq__(self, other):
        if other.__class__ is not self.__class__:
            return NotImplemented
        return self.dtype == other.dtype


class finfo(_Info):
    """Limits of a floating point type; of a complex type, those of its parts."""

    __slots__ = ("eps", "resolution", "smallest_normal")
    __module__ = "torch"

    def __init__(self, type=None):
        if type is None:
            type = _C.get_default_dtype()
        _check("finfo", type)
        type = _REAL.get(type, type)
        if type not in _FLOATS:
            raise TypeError(
                "torch.finfo() requires a floating point input type. Use torch.iinfo to handle 'torch.finfo'"
            )
        self.bits, digits, low, self.max, self.resolution = _FLOATS[type]
        self.min, self.eps, self.smallest_normal = -self.max, 2.0**-digits, 2.0**low
        self.dtype = str(type).removeprefix("torch.")

    @property
    def tiny(self):
        """Another name of `smallest_normal`."""
        return self.smallest_normal

    def __repr__(self):
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )


class iinfo(_Info):
    """Limits of an integer type."""

    __slots__ = ()
    __module__ = "torch"

    def __init__(self, type):
        _check("iinfo", type)
        if type.is_floating_point or type.is_complex:
            raise TypeError("torch.iinfo() requires an integer input type. Use torch.finfo to handle 'torch.iinfo'")
        if type == _C.bool:
            raise TypeError("torch.bool is not supported by torch.iinfo")
        self.bits = type.itemsize * 8
        signed = type.is_signed
        self.min = -(2 ** (self.bits - 1)) if signed else 0
        self.max = 2 ** (self.bits - signed) - 1
        self.dtype = str(type).removeprefix("torch.")

    def __repr__(self):
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"
