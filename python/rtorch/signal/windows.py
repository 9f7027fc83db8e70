"""`torch.signal.windows`: the operators that stand in that namespace of the core's table."""

from rtorch import _C

globals().update(_C._spaces["signal.windows"])
__all__ = sorted(_C._spaces["signal.windows"])
