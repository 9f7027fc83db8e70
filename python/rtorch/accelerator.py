"""`torch.accelerator`: the device beside the CPU. This build computes on the CPU, so there is none."""

__all__ = ["current_accelerator", "device_count", "is_available"]


def is_available():
    """Is there one that tensors can be put on?"""
    return False


def device_count():
    """How many there are."""
    return 0


def current_accelerator(check_available=False):
    """The kind of accelerator that this build knows: None."""
    return
