"""Continuous Bernoulli: density proportional to probs**x (1 - probs)**(1 - x) on [0, 1]. Loaiza-Ganem 2019."""

import math
from numbers import Number

import rtorch
from rtorch import Size
from rtorch.nn.functional import binary_cross_entropy_with_logits

from . import constraints
from ._either import one_of
from .exp_family import ExponentialFamily
from .utils import broadcast_all, clamp_probs, lazy_property, logits_to_probs, probs_to_logits

__all__ = ["ContinuousBernoulli"]


class ContinuousBernoulli(ExponentialFamily):
    """Near probs = 0.5 (between `lims`) the normalizer is 0 / 0; a Taylor polynomial takes its place there."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True
    _mean_carrier_measure = 0
    _expands = True

    def __init__(self, probs=None, logits=None, lims=(0.499, 0.501), validate_args=None):
        one_of(probs, logits)
        if probs is not None:
            single = isinstance(probs, Number)
            (self.probs,) = broadcast_all(probs)
            # the clamp below would hide what is wrong
            if validate_args is not None and not self.arg_constraints["probs"].check(self.probs).all():
                raise ValueError("The parameter probs has invalid values")
            self.probs = clamp_probs(self.probs)
        else:
            single = isinstance(logits, Number)
            (self.logits,) = broadcast_all(logits)
        self._param = self.logits if probs is None else self.probs
        self._lims = lims
        super().__init__(Size() if single else self._param.size(), validate_args=validate_args)

    def _expand_into(self, new, batch_shape):
        super()._expand_into(new, batch_shape)
        new._lims = self._lims
        new._param = new.__dict__["probs" if "probs" in new.__dict__ else "logits"]

    def _new(self, *args, **kwargs):
        return self._param.new(*args, **kwargs)

    def _outside(self):
        low, high = self._lims
        return (self.probs <= low) | (self.probs > high)

    def _cut(self):
        """Probabilities with those near one half moved to the edge, where formulas hold."""
        return rtorch.where(self._outside(), self.probs, self._lims[0] * rtorch.ones_like(self.probs))

    def _log_constant(self):
        """The logarithm of the normalizing constant."""
        cut = self._cut()
        below = rtorch.where(cut <= 0.5, cut, rtorch.zeros_like(cut))
        above = rtorch.where(cut >= 0.5, cut, rtorch.ones_like(cut))
        length = rtorch.where(cut <= 0.5, rtorch.log1p(-2.0 * below), rtorch.log(2.0 * above - 1.0))
        exact = rtorch.log(rtorch.abs(rtorch.log1p(-cut) - rtorch.log(cut))) - length
        x = (self.probs - 0.5) ** 2
        taylor = math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * x) * x
        return rtorch.where(self._outside(), exact, taylor)

    @property
    def mean(self):
        cut = self._cut()
        exact = cut / (2.0 * cut - 1.0) + 1.0 / (rtorch.log1p(-cut) - rtorch.log(cut))
        x = self.probs - 0.5
        return rtorch.where(self._outside(), exact, 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * x**2) * x)

    @property
    def stddev(self):
        return rtorch.sqrt(self.variance)

    @property
    def variance(self):
        cut = self._cut()
        exact = cut * (cut - 1.0) / (1.0 - 2.0 * cut) ** 2 + 1.0 / (rtorch.log1p(-cut) - rtorch.log(cut)) ** 2
        x = (self.probs - 0.5) ** 2
        return rtorch.where(self._outside(), exact, 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * x) * x)

    @lazy_property
    def logits(self):
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self):
        return clamp_probs(logits_to_probs(self.logits, is_binary=True))

    @property
    def param_shape(self):
        return self._param.size()

    def _uniform(self, sample_shape):
        return rtorch.rand(self._extended_shape(sample_shape), dtype=self.probs.dtype, device=self.probs.device)

    def sample(self, sample_shape=()):
        with rtorch.no_grad():
            return self.icdf(self._uniform(sample_shape))

    def rsample(self, sample_shape=()):
        return self.icdf(self._uniform(sample_shape))

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        return -binary_cross_entropy_with_logits(logits, value, reduction="none") + self._log_constant()

    def cdf(self, value):
        if self._validate_args:
            self._validate_sample(value)
        cut = self._cut()
        inner = (cut**value * (1.0 - cut) ** (1.0 - value) + cut - 1.0) / (2.0 * cut - 1.0)
        inner = rtorch.where(self._outside(), inner, value)
        return rtorch.where(
            value <= 0.0, rtorch.zeros_like(value), rtorch.where(value >= 1.0, rtorch.ones_like(value), inner)
        )

    def icdf(self, value):
        cut = self._cut()
        exact = (rtorch.log1p(-cut + value * (2.0 * cut - 1.0)) - rtorch.log1p(-cut)) / (
            rtorch.log(cut) - rtorch.log1p(-cut)
        )
        return rtorch.where(self._outside(), exact, value)

    def entropy(self):
        log0, log1 = rtorch.log1p(-self.probs), rtorch.log(self.probs)
        return self.mean * (log0 - log1) - self._log_constant() - log0

    @property
    def _natural_params(self):
        return (self.logits,)

    def _log_normalizer(self, x):
        """log((exp(x) - 1) / x), by its Taylor polynomial where x is near 0."""
        low, high = self._lims
        outside = (x <= low - 0.5) | (x > high - 0.5)
        cut = rtorch.where(outside, x, (low - 0.5) * rtorch.ones_like(x))
        exact = rtorch.log(rtorch.abs(rtorch.special.expm1(cut))) - rtorch.log(rtorch.abs(cut))
        return rtorch.where(outside, exact, 0.5 * x + x**2 / 24.0 - x**4 / 2880.0)
