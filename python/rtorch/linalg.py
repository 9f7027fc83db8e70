"""`torch.linalg`: the operators that stand in that namespace of the core's table."""

from rtorch import _C
from rtorch import _LinAlgError as LinAlgError

globals().update(_C._spaces["linalg"])
__all__ = ["LinAlgError", *sorted(_C._spaces["linalg"])]
