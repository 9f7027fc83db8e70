"""Generalized Pareto: excesses over a threshold `loc`."""

import rtorch
from rtorch import inf

from . import constraints
from .distribution import Distribution
from .utils import broadcast_all

__all__ = ["GeneralizedPareto"]


class GeneralizedPareto(Distribution):
    """Tails: heavy where `concentration` > 0, exponential at 0, bounded below 0."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive, "concentration": constraints.real}
    has_rsample = True
    _expands = True

    def __init__(self, loc, scale, concentration, validate_args=None):
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(self.loc.size(), validate_args=validate_args)

    def rsample(self, sample_shape=()):
        u = rtorch.rand(self._extended_shape(sample_shape), dtype=self.loc.dtype, device=self.loc.device)
        return self.icdf(u)

    def _near_zero(self):
        return rtorch.isclose(self.concentration, rtorch.zeros_like(self.concentration))

    def _safe(self, exponential):
        return rtorch.where(exponential, rtorch.ones_like(self.concentration), self.concentration)

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        z = (value - self.loc) / self.scale
        exponential = self._near_zero()
        c = self._safe(exponential)
        y = 1 / c + rtorch.ones_like(z)
        other = rtorch.where(y == 0, rtorch.zeros_like(z), y * rtorch.log1p(c * z))
        return -self.scale.log() - rtorch.where(exponential, z, other)

    def log_survival_function(self, value):
        if self._validate_args:
            self._validate_sample(value)
        z = (value - self.loc) / self.scale
        exponential = self._near_zero()
        c = self._safe(exponential)
        return rtorch.where(exponential, -z, -rtorch.log1p(c * z) / c)

    def log_cdf(self, value):
        return rtorch.log1p(-rtorch.exp(self.log_survival_function(value)))

    def cdf(self, value):
        return rtorch.exp(self.log_cdf(value))

    def icdf(self, value):
        exponential = self._near_zero()
        c = self._safe(exponential)
        logu = rtorch.log1p(-value)
        other = self.loc + self.scale * rtorch.expm1(-c * logu) / c
        return rtorch.where(exponential, self.loc - self.scale * logu, other)

    def _moment(self, limit, value):
        """`value(c)` where the concentration c is below `limit`, else infinite."""
        valid = self.concentration < limit
        c = rtorch.where(valid, self.concentration, rtorch.full_like(self.concentration, limit / 2))
        return rtorch.where(valid, value(c), rtorch.full_like(self.concentration, inf))

    @property
    def mean(self):
        return self._moment(1, lambda c: self.loc + self.scale / (1 - c))

    @property
    def variance(self):
        return self._moment(0.5, lambda c: self.scale**2 / ((1 - c) ** 2 * (1 - 2 * c)))

    def entropy(self):
        return (rtorch.log(self.scale) + self.concentration + 1).broadcast_to(self._batch_shape)

    @property
    def mode(self):
        return self.loc

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self):
        upper = rtorch.where(self.concentration < 0, self.loc - self.scale / self.concentration, inf)
        return constraints.interval(self.loc, upper)
