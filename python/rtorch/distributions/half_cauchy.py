"""Half-Cauchy: the absolute value of a Cauchy number."""

import rtorch
from rtorch import inf

from ._half import Half
from .cauchy import Cauchy

__all__ = ["HalfCauchy"]


class HalfCauchy(Half):
    """The absolute value of a Cauchy one around 0."""

    _whole = Cauchy
    _expands = True

    @property
    def mean(self):
        return rtorch.full(self._extended_shape(), inf, dtype=self.scale.dtype, device=self.scale.device)

    @property
    def variance(self):
        return self.base_dist.variance

    def _log_prob(self, value):
        return super()._log_prob(rtorch.as_tensor(value, dtype=self.scale.dtype, device=self.scale.device))
