"""Negative binomial: successes of probability `probs` before `total_count` failures."""

import rtorch
from rtorch.nn.functional import logsigmoid

from . import constraints
from ._either import Binary
from .distribution import Distribution
from .gamma import Gamma
from .utils import lazy_property

__all__ = ["NegativeBinomial"]


class NegativeBinomial(Binary, Distribution):
    """Successes before `total_count` failures."""

    arg_constraints = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer
    _expands = True

    def __init__(self, total_count, probs=None, logits=None, validate_args=None):
        self.total_count = self._take_with(total_count, probs, logits)
        super().__init__(self._param.size(), validate_args=validate_args)

    @property
    def mean(self):
        return self.total_count * rtorch.exp(self.logits)

    @property
    def mode(self):
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    @property
    def variance(self):
        return self.mean / rtorch.sigmoid(-self.logits)

    @lazy_property
    def _gamma(self):
        # no check: the rate may be infinite where probs is 0
        return Gamma(concentration=self.total_count, rate=rtorch.exp(-self.logits), validate_args=False)

    def sample(self, sample_shape=()):
        with rtorch.no_grad():
            return rtorch.poisson(self._gamma.sample(sample_shape=sample_shape))

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        n = self.total_count
        unnormalized = n * logsigmoid(-self.logits) + value * logsigmoid(self.logits)
        ways = -rtorch.lgamma(n + value) + rtorch.lgamma(1.0 + value) + rtorch.lgamma(n)
        ways = ways.masked_fill(n + value == 0.0, 0.0)
        return unnormalized - ways
