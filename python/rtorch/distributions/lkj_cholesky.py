"""LKJ: Cholesky factors of correlation matrices. Lewandowski, Kurowicka & Joe 2009."""

import math

import rtorch
from rtorch import Size

from . import constraints
from .beta import Beta
from .distribution import Distribution
from .utils import broadcast_all

__all__ = ["LKJCholesky"]


class LKJCholesky(Distribution):
    """Matrices of `dim` rows, sampled by the onion method: direction and length of each row."""

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky
    _expands = True

    def __init__(self, dim, concentration=1.0, validate_args=None):
        if dim < 2:
            raise ValueError(f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}.")
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        start = self.concentration + 0.5 * (self.dim - 2)
        row = rtorch.arange(dim - 1, dtype=self.concentration.dtype, device=self.concentration.device)
        row = rtorch.cat([row.new_zeros((1,)), row])
        self._beta = Beta(row + 0.5, start.unsqueeze(-1) - 0.5 * row)
        super().__init__(self.concentration.size(), Size((dim, dim)), validate_args)

    def _expand_into(self, new, batch_shape):
        super()._expand_into(new, batch_shape)
        new.dim = self.dim
        new._beta = self._beta.expand((*batch_shape, self.dim))

    def sample(self, sample_shape=()):
        y = self._beta.sample(sample_shape).unsqueeze(-1)
        normal = rtorch.randn(self._extended_shape(sample_shape), dtype=y.dtype, device=y.device).tril(-1)
        direction = normal / normal.norm(dim=-1, keepdim=True)
        direction[..., 0, :].fill_(0.0)  # the first row has none: 0 / 0
        w = rtorch.sqrt(y) * direction
        tiny = rtorch.finfo(w.dtype).tiny
        return w + rtorch.clamp(1 - (w**2).sum(-1), min=tiny).sqrt().diag_embed()

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        diagonal = value.diagonal(dim1=-1, dim2=-2)[..., 1:]
        order = rtorch.arange(2, self.dim + 1, device=self.concentration.device)
        order = 2 * (self.concentration - 1).unsqueeze(-1) + self.dim - order
        unnormalized = (order * diagonal.log()).sum(-1)
        n = self.dim - 1
        alpha = self.concentration + 0.5 * n
        denominator = rtorch.lgamma(alpha) * n
        numerator = rtorch.mvlgamma(alpha - 0.5, n)
        return unnormalized - (0.5 * n * math.log(math.pi) + numerator - denominator)
