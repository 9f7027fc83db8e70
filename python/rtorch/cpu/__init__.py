"""`torch.cpu`: what code asks of any device, for the CPU: there is one, and what was called has run."""

from . import amp

__all__ = ["amp", "current_device", "device_count", "is_available", "synchronize"]


def is_available():
    """There is always a CPU."""
    return True


def device_count():
    """How many devices: one, however many cores it has."""
    return 1


def current_device():
    """The device's name."""
    return "cpu"


def synchronize(device=None):
    """Waits for what was begun: nothing is."""
