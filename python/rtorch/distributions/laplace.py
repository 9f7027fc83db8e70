"""Laplace: density exp(-|x - loc| / scale) / (2 scale)."""

import rtorch

from ._location import LocationScale
from .distribution import Distribution

__all__ = ["Laplace"]


class Laplace(LocationScale, Distribution):
    """Density falling by exp(-|x - loc| / scale) on both sides."""

    _expands = True

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
