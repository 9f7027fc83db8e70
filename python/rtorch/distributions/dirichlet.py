"""Dirichlet: points of the simplex."""

import rtorch
from rtorch._C import _spaces

from . import constraints
from .exp_family import ExponentialFamily

__all__ = ["Dirichlet"]

_sample_dirichlet = _spaces[""]["_sample_dirichlet"]


class Dirichlet(ExponentialFamily):
    """`rsample` has a gradient: implicit reparameterisation of each coordinate, which is Beta distributed."""

    arg_constraints = {"concentration": constraints.independent(constraints.positive, 1)}
    support = constraints.simplex
    has_rsample = True
    _expands = True

    def __init__(self, concentration, validate_args=None):
        if concentration.dim() < 1:
            raise ValueError("`concentration` parameter must be at least one-dimensional.")
        self.concentration = concentration
        super().__init__(concentration.shape[:-1], concentration.shape[-1:], validate_args=validate_args)

    def rsample(self, sample_shape=()):
        return _sample_dirichlet(self.concentration.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        a = self.concentration
        return rtorch.xlogy(a - 1.0, value).sum(-1) + rtorch.lgamma(a.sum(-1)) - rtorch.lgamma(a).sum(-1)

    @property
    def mean(self):
        return self.concentration / self.concentration.sum(-1, True)

    @property
    def mode(self):
        less = (self.concentration - 1).clamp(min=0.0)
        mode = less / less.sum(-1, True)
        corners = (self.concentration < 1).all(dim=-1)
        if corners.any():
            n = self.concentration.shape[-1]
            mode[corners] = rtorch.nn.functional.one_hot(mode[corners].argmax(dim=-1), n).to(mode)
        return mode

    @property
    def variance(self):
        total = self.concentration.sum(-1, True)
        return self.concentration * (total - self.concentration) / (total.pow(2) * (total + 1))

    def entropy(self):
        a, k = self.concentration, self.concentration.size(-1)
        total = a.sum(-1)
        return (
            rtorch.lgamma(a).sum(-1)
            - rtorch.lgamma(total)
            - (k - total) * rtorch.digamma(total)
            - ((a - 1.0) * rtorch.digamma(a)).sum(-1)
        )

    @property
    def _natural_params(self):
        return (self.concentration,)

    def _log_normalizer(self, x):
        return x.lgamma().sum(-1) - rtorch.lgamma(x.sum(-1))
