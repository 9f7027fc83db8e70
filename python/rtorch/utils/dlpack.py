"""DLPack: memory shared with NumPy, CuPy, JAX and others without a copy."""

import enum

from rtorch import _C

__all__ = ["DLDeviceType", "from_dlpack", "to_dlpack"]


class DLDeviceType(enum.IntEnum):
    """The kinds of devices as DLPack numbers them."""

    kDLCPU = 1
    kDLCUDA = 2
    kDLCUDAHost = 3
    kDLOpenCL = 4
    kDLVulkan = 7
    kDLMetal = 8
    kDLVPI = 9
    kDLROCM = 10
    kDLROCMHost = 11
    kDLExtDev = 12
    kDLCUDAManaged = 13
    kDLOneAPI = 14


def to_dlpack(tensor):
    """A capsule on the tensor's memory, which another library takes once."""
    return _C._to_dlpack(tensor)


def from_dlpack(ext_tensor, *, device=None, copy=None):
    """A tensor on the memory of an object with `__dlpack__`, or of a capsule; copy=True copies it."""
    if not hasattr(ext_tensor, "__dlpack__"):
        t = _C._from_dlpack(ext_tensor)
        return t.clone() if copy else t
    wanted = {}
    if copy is not None:
        wanted["copy"] = copy
    try:
        capsule = ext_tensor.__dlpack__(max_version=(1, 0), **wanted)
    except TypeError:
        # From before DLPack 1.0, without these arguments.
        t = _C._from_dlpack(ext_tensor.__dlpack__())
        t = t.clone() if copy else t
    else:
        t = _C._from_dlpack(capsule)
    return t if device is None else t.to(device)
