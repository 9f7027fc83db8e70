"""Chi-squared: the sum of `df` squared normal numbers."""

from . import constraints
from .gamma import Gamma

__all__ = ["Chi2"]


class Chi2(Gamma):
    """The sum of the squares of `df` standard normal ones."""

    arg_constraints = {"df": constraints.positive}

    def __init__(self, df, validate_args=None):
        super().__init__(0.5 * df, 0.5, validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        new = self._get_checked_instance(Chi2, _instance)
        new.concentration, new.rate = self.concentration.expand(batch_shape), self.rate.expand(batch_shape)
        return Gamma.expand(self, batch_shape, new)

    def _expand_into(self, new, batch_shape):
        pass  # `expand` has done it: `df` is no attribute of its own

    @property
    def df(self):
        return self.concentration * 2
