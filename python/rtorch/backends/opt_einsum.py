"""The package opt_einsum, which PyTorch asks for the order of an einsum's products. rtorch finds its own order."""

__all__ = ["enabled", "is_available", "strategy"]

enabled = False
strategy = None


def is_available():
    """Is the order asked of opt_einsum?"""
    return False
