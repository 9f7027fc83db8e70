"""What each program of `programs/` gives to the runner: named numbers, as one line of JSON at the end of its output."""

import json
import sys


def numbers(x):
    """A tensor, array, list or number as plain numbers."""
    if hasattr(x, "detach"):
        x = x.detach().cpu().tolist()
    elif hasattr(x, "tolist"):
        x = x.tolist()
    return x if not isinstance(x, tuple) else list(x)


def report(**values):
    """Prints the numbers that are compared with those of PyTorch, and which library gave them."""
    import torch

    print()
    print(json.dumps({"torch": str(torch.__version__), "numbers": {k: numbers(v) for k, v in values.items()}}))
    sys.stdout.flush()


def summary(tensors):
    """The sum of absolute values of each tensor: what of a gradient or a state fits into a file."""
    return [float(t.detach().double().abs().sum()) for t in tensors]
