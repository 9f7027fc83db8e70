"""Von Mises: the circle's normal distribution, on angles."""

import math

import rtorch
from rtorch import Size

from . import constraints
from ._location import Location
from .distribution import Distribution
from .utils import broadcast_all, lazy_property

__all__ = ["VonMises"]


def _log_i(order, x):
    """log(I_order(x)) for x > 0: the scaled Bessel function is smooth and does not overflow."""
    scaled = rtorch.special.i0e(x) if order == 0 else rtorch.special.i1e(x)
    return scaled.log() + x


class VonMises(Location, Distribution):
    """Samples are in [-pi, pi), by rejection in float64. Best & Fisher 1979."""

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real
    has_rsample = False
    _expands = True

    def __init__(self, loc, concentration, validate_args=None):
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.shape, Size(), validate_args)

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        k = self.concentration
        return k * rtorch.cos(value - self.loc) - math.log(2 * math.pi) - _log_i(0, k)

    @lazy_property
    def _loc(self):
        return self.loc.to(rtorch.double)

    @lazy_property
    def _concentration(self):
        return self.concentration.to(rtorch.double)

    @lazy_property
    def _proposal_r(self):
        k = self._concentration
        tau = 1 + (1 + 4 * k**2).sqrt()
        rho = (tau - (2 * tau).sqrt()) / (2 * k)
        r = (1 + rho**2) / (2 * rho)
        return rtorch.where(k < 1e-5, 1 / k + k, r)  # its Taylor series, where the formula cancels

    @rtorch.no_grad()
    def sample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        k, r = self._concentration.expand(shape), self._proposal_r.expand(shape)
        x = rtorch.empty(shape, dtype=rtorch.double, device=self.loc.device)
        done = rtorch.zeros(shape, dtype=rtorch.bool, device=self.loc.device)
        while not done.all():
            u1, u2, u3 = rtorch.rand((3, *shape), dtype=rtorch.double, device=self.loc.device).unbind()
            z = rtorch.cos(math.pi * u1)
            f = (1 + r * z) / (r + z)
            c = k * (r - f)
            accept = ((c * (2 - c) - u2) > 0) | ((c / u2).log() + 1 - c >= 0)
            if accept.any():
                x = rtorch.where(accept, (u3 - 0.5).sign() * f.acos(), x)
                done = done | accept
        return ((x + math.pi + self._loc) % (2 * math.pi) - math.pi).to(self.loc.dtype)

    @lazy_property
    def variance(self):
        """The circular variance."""
        return 1 - (_log_i(1, self.concentration) - _log_i(0, self.concentration)).exp()
