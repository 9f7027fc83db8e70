"""Sizes as PyTorch's tracer knows them (`torch.SymInt`). There is no tracer here, so nothing is an instance of these
classes, and the functions work on plain numbers."""

from rtorch._outside import outside_class as _outside_class

_WHY = "rtorch traces no programs, its sizes are plain numbers"

SymInt = _outside_class("torch.SymInt", _WHY)
SymFloat = _outside_class("torch.SymFloat", _WHY)
SymBool = _outside_class("torch.SymBool", _WHY)


def sym_int(a):
    """`int(a)`."""
    return int(a)


def sym_float(a):
    """`float(a)`."""
    return float(a)


def sym_not(a):
    """`not a`."""
    return not a


def sym_max(a, b):
    """The larger; a float where one of them is."""
    kind = float if isinstance(a, float) or isinstance(b, float) else type(max(a, b))
    return kind(max(a, b))


def sym_min(a, b):
    """The smaller; a float where one of them is."""
    kind = float if isinstance(a, float) or isinstance(b, float) else type(min(a, b))
    return kind(min(a, b))


def sym_sum(args):
    """`sum(args)`."""
    return sum(args)


def sym_ite(b, t, f):
    """`t if b else f`."""
    return t if b else f
