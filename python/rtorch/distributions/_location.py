"""Families around a point `loc`, which is their mean and their mode."""

from . import constraints
from .utils import broadcast_all


class Location:
    @property
    def mean(self):
        return self.loc

    @property
    def mode(self):
        return self.loc


class LocationScale(Location):
    """Numbers of a fixed distribution, scaled by `scale` and moved to `loc`."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, loc, scale, validate_args=None):
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(self.loc.size(), validate_args=validate_args)
