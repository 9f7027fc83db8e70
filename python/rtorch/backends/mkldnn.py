"""Intel's oneDNN (once MKL-DNN): rtorch convolves with kernels of its own. The switch is kept and has no effect."""

__all__ = ["enabled", "is_available"]

enabled = True


def is_available():
    """Is oneDNN used?"""
    return False
