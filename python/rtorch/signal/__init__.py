"""`torch.signal`."""

from rtorch.signal import windows

__all__ = ["windows"]
