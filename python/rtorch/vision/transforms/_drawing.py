"""What random transforms draw and how their arguments are read; a transform with a chance."""

from __future__ import annotations

import numbers

import rtorch as torch
from rtorch.nn import Module
from rtorch.vision.transforms import functional as F


def uniform(low, high):
    """One number between low and high."""
    return float(torch.empty(1).uniform_(float(low), float(high)).item())


def integer(low, high):
    """One whole number from low to high - 1."""
    return int(torch.randint(low, high, size=(1,)).item())


def pair(size, error_msg="Please provide only two dimensions (h, w) for size."):
    if isinstance(size, numbers.Number):
        return int(size), int(size)
    if len(size) == 1:
        return size[0], size[0]
    if len(size) != 2:
        raise ValueError(error_msg)
    return size


def interval(x, name, center=None, req_sizes=(2,)):
    """(-x, x) of a number, or what was given."""
    if isinstance(x, numbers.Number):
        if x < 0:
            raise ValueError(f"If {name} is a single number, it must be positive.")
        return [-float(x), float(x)]
    if not isinstance(x, (list, tuple)):
        raise TypeError(f"{name} should be a sequence of length {' or '.join(map(str, req_sizes))}.")
    if len(x) not in req_sizes:
        raise ValueError(f"{name} should be a sequence of length {' or '.join(map(str, req_sizes))}.")
    return [float(v) for v in x]


def _fill(img, fill):
    """For tensors one number for each channel."""
    if isinstance(img, torch.Tensor):
        n = F.get_dimensions(img)[0]
        return [float(fill)] * n if isinstance(fill, numbers.Number) else [float(f) for f in fill]
    return fill


class _WithChance(Module):
    """Does something with probability p."""

    _shown: tuple = ()

    def __init__(self, p=0.5):
        super().__init__()
        self.p = p

    def forward(self, img):
        return self._do(img) if torch.rand(1).item() < self.p else img

    def __repr__(self):
        return f"{type(self).__name__}({','.join([*(f'{n}={getattr(self, n)}' for n in self._shown), f'p={self.p}'])})"
