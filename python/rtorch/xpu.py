"""`torch.xpu`: Intel's GPUs, which this build does not know."""

__all__ = ["device_count", "is_available"]


def is_available():
    """Can tensors be put on one?"""
    return False


def device_count():
    """How many can be used."""
    return 0
