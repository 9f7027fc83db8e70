"""Laplace: density exp(-|x - loc| / scale) / (2 scale)."""

from numbers import Number

import rtorch
from rtorch import Size

from . import constraints
from .distribution import Distribution
from .utils import broadcast_all

__all__ = ["Laplace"]


class Laplace(Distribution):
    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True
    _expands = True

    def __init__(self, loc, scale, validate_args=None):
        self.loc, self.scale = broadcast_all(loc, scale)
        single = isinstance(loc, Number) and isinstance(scale, Number)
        super().__init__(Size() if single else self.loc.size(), validate_args=validate_args)

    @property
    def mean(self):
        return self.loc

    @property
    def mode(self):
        return self.loc

    @property
    def variance(self):
        return 2 * self.scale.pow(2)

    @property
    def stddev(self):
        return 2**0.5 * self.scale

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        # from -1, but never -1 itself, whose logarithm below is infinite
        u = self.loc.new_empty(shape).uniform_(rtorch.finfo(self.loc.dtype).eps - 1, 1)
        return self.loc - self.scale * u.sign() * rtorch.log1p(-u.abs())

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        return -rtorch.log(2 * self.scale) - rtorch.abs(value - self.loc) / self.scale

    def cdf(self, value):
        if self._validate_args:
            self._validate_sample(value)
        x = value - self.loc
        return 0.5 - 0.5 * x.sign() * rtorch.expm1(-x.abs() / self.scale)

    def icdf(self, value):
        term = value - 0.5
        return self.loc - self.scale * term.sign() * rtorch.log1p(-2 * term.abs())

    def entropy(self):
        return 1 + rtorch.log(2 * self.scale)
