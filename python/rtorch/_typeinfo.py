"""`torch.finfo` and `torch.iinfo`: the limits of dtypes."""

from rtorch import _C

# dtype: digits of precision that survive, eps, max, smallest normal number, smallest subnormal number
_FLOATS = {
    _C.float64: (1e-15, 2.0**-52, (2 - 2.0**-52) * 2.0**1023, 2.0**-1022, 2.0**-1074),
    _C.float32: (1e-06, 2.0**-23, (2 - 2.0**-23) * 2.0**127, 2.0**-126, 2.0**-149),
    _C.float16: (1e-03, 2.0**-10, (2 - 2.0**-10) * 2.0**15, 2.0**-14, 2.0**-24),
    _C.bfloat16: (1e-02, 2.0**-7, (2 - 2.0**-7) * 2.0**127, 2.0**-126, 2.0**-133),
}
_REAL_PART = {_C.complex64: _C.float32, _C.complex128: _C.float64}
# of dtypes that no tensor here has (`_absent_dtypes.py`): libraries still ask for their limits
_ABSENT_FLOATS = {
    "torch.float8_e4m3fn": (1.0, 0.125, 448.0, 2.0**-6),
    "torch.float8_e4m3fnuz": (1.0, 0.125, 240.0, 2.0**-7),
    "torch.float8_e5m2": (1.0, 0.25, 57344.0, 2.0**-14),
    "torch.float8_e5m2fnuz": (1.0, 0.125, 57344.0, 2.0**-15),
}
_ABSENT_INTEGERS = ("torch.uint16", "torch.uint32", "torch.uint64")
_INTEGERS = (_C.uint8, _C.int8, _C.int16, _C.int32, _C.int64)


class _Info:
    __slots__ = ("_dtype", "dtype")
    __module__ = "torch"
    __hash__ = None

    def __eq__(self, other):
        return type(self) is type(other) and self._dtype == other._dtype


class finfo(_Info):
    """The limits of a floating point dtype (by default the default dtype; of a complex one, those of its parts).

    `bits`, `eps` (the step from 1 to the next number), `max`, `min`, `tiny` and `smallest_normal`,
    `smallest_subnormal`, `resolution` (10**-digits that survive), `dtype` (its name).
    """

    __slots__ = ("bits", "eps", "max", "min", "resolution", "smallest_normal", "smallest_subnormal", "tiny")
    __module__ = "torch"

    def __init__(self, type=None):
        type = _C.get_default_dtype() if type is None else type
        real = _REAL_PART.get(type, type)
        known = _FLOATS.get(real) or _ABSENT_FLOATS.get(repr(real))
        if known is None:
            raise TypeError(
                "torch.finfo() requires a floating point input type. Use torch.iinfo to handle 'torch.finfo'"
            )
        self._dtype = real
        self.dtype = str(real).removeprefix("torch.")
        self.bits = real.itemsize * 8
        self.resolution, self.eps, self.max, self.tiny = known[:4]
        if len(known) > 4:
            self.smallest_subnormal = known[4]
        self.min = -self.max
        self.smallest_normal = self.tiny

    def __repr__(self):
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.tiny:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )


class iinfo(_Info):
    """The limits of an integer dtype: `bits`, `min`, `max`, `dtype` (its name)."""

    __slots__ = ("bits", "max", "min")
    __module__ = "torch"

    def __init__(self, type):
        if type not in _INTEGERS and repr(type) not in _ABSENT_INTEGERS:
            raise TypeError("torch.iinfo() requires an integer input type. Use torch.finfo to handle 'torch.iinfo'")
        self._dtype = type
        self.dtype = str(type).removeprefix("torch.")
        self.bits = type.itemsize * 8
        signed = type.is_signed
        self.min = -(1 << (self.bits - 1)) if signed else 0
        self.max = (1 << (self.bits - signed)) - 1

    def __repr__(self):
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"
