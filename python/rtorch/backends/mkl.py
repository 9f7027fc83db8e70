"""Intel's MKL: rtorch multiplies with kernels of its own."""

__all__ = ["is_available"]


def is_available():
    """Is MKL used?"""
    return False
