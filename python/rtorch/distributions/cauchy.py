"""Cauchy: a ratio of independent normal numbers, moved to `loc` and scaled by `scale`."""

import math

import rtorch
from rtorch import inf

from ._either import nan_of
from ._location import LocationScale
from .distribution import Distribution

__all__ = ["Cauchy"]


class Cauchy(LocationScale, Distribution):
    """The ratio of two normal ones, moved by `loc` and stretched by `scale`; it has no mean."""

    _expands = True

    @property
    def mean(self):
        return nan_of(self._extended_shape(), self.loc)

    @property
    def variance(self):
        return rtorch.full(self._extended_shape(), inf, dtype=self.loc.dtype, device=self.loc.device)

    def rsample(self, sample_shape=()):
        return self.loc + self.loc.new_empty(self._extended_shape(sample_shape)).cauchy_() * self.scale

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        return -math.log(math.pi) - self.scale.log() - (((value - self.loc) / self.scale) ** 2).log1p()

    def cdf(self, value):
        if self._validate_args:
            self._validate_sample(value)
        return rtorch.atan((value - self.loc) / self.scale) / math.pi + 0.5

    def icdf(self, value):
        return rtorch.tan(math.pi * (value - 0.5)) * self.scale + self.loc

    def entropy(self):
        return math.log(4 * math.pi) + self.scale.log()
