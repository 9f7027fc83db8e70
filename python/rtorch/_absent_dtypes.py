"""Dtypes and layouts of PyTorch that rtorch does not have (float8, uint16 to uint64, CSR), as names: libraries compare
with them and key tables by them. No tensor has one, and giving one to a function is an error that says so.
"""


class _AbsentDtype:
    """A dtype that no tensor here has."""

    __slots__ = ("is_complex", "is_floating_point", "is_signed", "itemsize")

    def __init__(self, kind, itemsize):
        self.is_complex = kind == "c"
        self.is_floating_point, self.is_signed, self.itemsize = kind == "f", kind != "u", itemsize

    def __repr__(self):
        return type(self).__name__.partition(",")[0]

    def __reduce__(self):
        return repr(self).removeprefix("torch.")


def _absent(name, kind, itemsize):
    # the type's name is what `argument 'dtype' must be torch.dtype, not ...` ends with
    return type(f"torch.{name}, which rtorch does not have", (_AbsentDtype,), {"__slots__": ()})(kind, itemsize)


float8_e4m3fn = _absent("float8_e4m3fn", "f", 1)
float8_e4m3fnuz = _absent("float8_e4m3fnuz", "f", 1)
float8_e5m2 = _absent("float8_e5m2", "f", 1)
float8_e5m2fnuz = _absent("float8_e5m2fnuz", "f", 1)
float8_e8m0fnu = _absent("float8_e8m0fnu", "f", 1)
float4_e2m1fn_x2 = _absent("float4_e2m1fn_x2", "f", 1)
uint16 = _absent("uint16", "u", 2)
uint32 = _absent("uint32", "u", 4)
uint64 = _absent("uint64", "u", 8)
complex32 = _absent("complex32", "c", 4)
chalf = complex32


class _AbsentLayout:
    """A layout that no tensor here has."""

    __slots__ = ()

    def __repr__(self):
        return type(self).__name__.partition(",")[0]

    def __reduce__(self):
        return repr(self).removeprefix("torch.")


def _absent_layout(name):
    return type(f"torch.{name}, which rtorch does not have", (_AbsentLayout,), {"__slots__": ()})()


sparse_csr = _absent_layout("sparse_csr")
sparse_csc = _absent_layout("sparse_csc")
sparse_bsr = _absent_layout("sparse_bsr")
sparse_bsc = _absent_layout("sparse_bsc")
