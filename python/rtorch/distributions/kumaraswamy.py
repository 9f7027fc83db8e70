"""Kumaraswamy: much like Beta, with a distribution function that inverts."""

import rtorch
from rtorch import nan

from . import constraints
from .transformed_distribution import TransformedDistribution
from .transforms import AffineTransform, PowerTransform
from .uniform import Uniform
from .utils import broadcast_all, euler_constant

__all__ = ["Kumaraswamy"]


def _moment(a, b, n):
    """The mean of X ** n."""
    arg1 = 1 + n / a
    return rtorch.exp(rtorch.lgamma(arg1) + rtorch.lgamma(b) - rtorch.lgamma(arg1 + b)) * b


class Kumaraswamy(TransformedDistribution):
    """On (0, 1), a simple kin of Beta: distribution function 1 - (1 - x^a)^b."""

    arg_constraints = {"concentration1": constraints.positive, "concentration0": constraints.positive}
    support = constraints.unit_interval
    has_rsample = True
    _expands = True

    def __init__(self, concentration1, concentration0, validate_args=None):
        self.concentration1, self.concentration0 = broadcast_all(concentration1, concentration0)
        one = rtorch.full_like(self.concentration0, 1)
        base = Uniform(rtorch.full_like(self.concentration0, 0), one, validate_args=validate_args)
        # (1 - (1 - u)**(1 / b))**(1 / a), and 1 - u is as uniform as u
        steps = [
            PowerTransform(exponent=self.concentration0.reciprocal()),
            AffineTransform(loc=1.0, scale=-1.0),
            PowerTransform(exponent=self.concentration1.reciprocal()),
        ]
        super().__init__(base, steps, validate_args=validate_args)

    @property
    def mean(self):
        return _moment(self.concentration1, self.concentration0, 1)

    @property
    def mode(self):
        a, b = self.concentration1, self.concentration0
        mode = ((a - 1).log() - (a * b - 1).log()).div(a).exp()
        return mode.masked_fill((a < 1) | (b < 1), nan)

    @property
    def variance(self):
        return _moment(self.concentration1, self.concentration0, 2) - self.mean.pow(2)

    def entropy(self):
        a, b = self.concentration1, self.concentration0
        t1, t0 = 1 - a.reciprocal(), 1 - b.reciprocal()
        harmonic = rtorch.digamma(b + 1) + euler_constant
        return t0 + t1 * harmonic - rtorch.log(a) - rtorch.log(b)
