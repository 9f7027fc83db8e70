"""Apple's GPUs: not here."""

__all__ = ["is_available", "is_built"]


def is_available():
    """Can tensors be put on an Apple GPU?"""
    return False


def is_built():
    """Was this library built for Apple GPUs?"""
    return False
