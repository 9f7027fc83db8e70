"""Gamma: shape `concentration`, rate `rate`."""

import rtorch
from rtorch._C import _spaces

from . import constraints
from .exp_family import ExponentialFamily
from .utils import broadcast_all

__all__ = ["Gamma"]

_standard_gamma = _spaces[""]["_standard_gamma"]


class Gamma(ExponentialFamily):
    """`rsample` has the gradient of the shape too, by implicit reparameterisation. Figurnov et al. 2018."""

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    _mean_carrier_measure = 0
    _expands = True

    def __init__(self, concentration, rate, validate_args=None):
        self.concentration, self.rate = broadcast_all(concentration, rate)
        super().__init__(self.concentration.size(), validate_args=validate_args)

    @property
    def mean(self):
        return self.concentration / self.rate

    @property
    def mode(self):
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self):
        return self.concentration / self.rate.pow(2)

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        value = _standard_gamma(self.concentration.expand(shape)) / self.rate.expand(shape)
        value.data.clamp_(min=rtorch.finfo(value.dtype).tiny)  # what underflowed; the gradient is that of the quotient
        return value

    def log_prob(self, value):
        value = rtorch.as_tensor(value, dtype=self.rate.dtype, device=self.rate.device)
        if self._validate_args:
            self._validate_sample(value)
        a, rate = self.concentration, self.rate
        return rtorch.xlogy(a, rate) + rtorch.xlogy(a - 1, value) - rate * value - rtorch.lgamma(a)

    def cdf(self, value):
        if self._validate_args:
            self._validate_sample(value)
        return rtorch.special.gammainc(self.concentration, self.rate * value)

    def entropy(self):
        a = self.concentration
        return a - rtorch.log(self.rate) + rtorch.lgamma(a) + (1.0 - a) * rtorch.digamma(a)

    @property
    def _natural_params(self):
        return (self.concentration - 1, -self.rate)

    def _log_normalizer(self, x, y):
        return rtorch.lgamma(x + 1) + (x + 1) * rtorch.log(-y.reciprocal())
