"""`torch.fft`: the operators that stand in that namespace of the core's table."""

from rtorch import _C

globals().update(_C._spaces["fft"])
__all__ = sorted(_C._spaces["fft"])
