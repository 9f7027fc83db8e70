"""Student's t with `df` degrees of freedom, moved to `loc` and scaled by `scale`."""

import math

import rtorch
from rtorch import inf, nan

from . import constraints
from .chi2 import Chi2
from .distribution import Distribution
from .utils import _standard_normal, broadcast_all

__all__ = ["StudentT"]


class StudentT(Distribution):
    """A normal one over the root of a chi-squared one by its `df`."""

    arg_constraints = {"df": constraints.positive, "loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True
    _expands = True

    def __init__(self, df, loc=0.0, scale=1.0, validate_args=None):
        self.df, self.loc, self.scale = broadcast_all(df, loc, scale)
        self._chi2 = Chi2(self.df)
        super().__init__(self.df.size(), validate_args=validate_args)

    def _expand_into(self, new, batch_shape):
        super()._expand_into(new, batch_shape)
        new._chi2 = self._chi2.expand(batch_shape)

    @property
    def mean(self):
        return self.loc.masked_fill(self.df <= 1, nan)

    @property
    def mode(self):
        return self.loc

    @property
    def variance(self):
        df = self.df
        m = rtorch.where(df > 2, self.scale.pow(2) * df / (df - 2), inf)
        return m.masked_fill(df <= 1, nan)

    def rsample(self, sample_shape=()):
        x = _standard_normal(self._extended_shape(sample_shape), self.df.dtype, self.df.device)
        z = self._chi2.rsample(sample_shape)
        return self.loc + self.scale * (x * rtorch.rsqrt(z / self.df))

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        df = self.df
        y = (value - self.loc) / self.scale
        constant = (
            self.scale.log()
            + 0.5 * df.log()
            + 0.5 * math.log(math.pi)
            + rtorch.lgamma(0.5 * df)
            - rtorch.lgamma(0.5 * (df + 1.0))
        )
        return -0.5 * (df + 1.0) * rtorch.log1p(y**2.0 / df) - constant

    def entropy(self):
        df = self.df
        log_beta = rtorch.lgamma(0.5 * df) + math.lgamma(0.5) - rtorch.lgamma(0.5 * (df + 1))
        spread = rtorch.digamma(0.5 * (df + 1)) - rtorch.digamma(0.5 * df)
        return self.scale.log() + 0.5 * (df + 1) * spread + 0.5 * df.log() + log_beta
