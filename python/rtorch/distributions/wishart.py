"""Wishart: covariances of `df` normal vectors."""

import math
import warnings
from numbers import Number

import rtorch
from rtorch import Size

from . import constraints
from .chi2 import Chi2
from .exp_family import ExponentialFamily
from .multivariate_normal import _Covariance

__all__ = ["Wishart"]


class Wishart(_Covariance, ExponentialFamily):
    """Positive definite matrices, sampled by Bartlett's decomposition (Sawyer 2007)."""

    support = constraints.positive_definite
    has_rsample = True
    _mean_carrier_measure = 0
    _expands = True

    def __init__(self, df, covariance_matrix=None, precision_matrix=None, scale_tril=None, validate_args=None):
        name, value = self._take_covariance(covariance_matrix, precision_matrix, scale_tril)
        if isinstance(df, Number):
            shape = Size(value.shape[:-2])
            df = rtorch.tensor(df, dtype=value.dtype, device=value.device)
        else:
            shape = Size(rtorch.broadcast_shapes(value.shape[:-2], df.shape))
        self.df = df.expand(shape)
        event = value.shape[-2:]
        if self.df.le(event[-1] - 1).any():
            raise ValueError(f"Value of df={df} expected to be greater than ndim - 1 = {event[-1] - 1}.")
        setattr(self, name, value.expand((*shape, -1, -1)))
        if self.df.lt(event[-1]).any():
            warnings.warn(
                "Low df values detected. Singular samples are highly likely to occur for ndim - 1 < df < ndim.",
                stacklevel=2,
            )
        super().__init__(shape, event, validate_args=validate_args)
        self._unbroadcasted_scale_tril = self._factor(name, value)
        self._chi2 = self._diagonal()

    def _diagonal(self):
        """The squares on the diagonal of Bartlett's factor: fewer and fewer degrees of freedom."""
        n = self._event_shape[-1]
        less = rtorch.arange(n, dtype=self.df.dtype, device=self.df.device).expand((*self._batch_shape, n))
        return Chi2(df=self.df.unsqueeze(-1) - less)

    @property
    def arg_constraints(self):
        return {
            "covariance_matrix": constraints.positive_definite,
            "precision_matrix": constraints.positive_definite,
            "scale_tril": constraints.lower_cholesky,
            "df": constraints.greater_than(self._dim() - 1),
        }

    def _dim(self):
        for name in ("covariance_matrix", "precision_matrix", "scale_tril"):
            if name in self.__dict__:
                return self.__dict__[name].shape[-1]
        return self._event_shape[-1]

    def expand(self, batch_shape, _instance=None):
        new = super().expand(batch_shape, _instance)
        new._chi2 = new._diagonal()
        return new

    @property
    def mean(self):
        return self.df.view((*self._batch_shape, 1, 1)) * self.covariance_matrix

    @property
    def mode(self):
        factor = self.df - self.covariance_matrix.shape[-1] - 1
        factor = factor.masked_fill(factor <= 0, float("nan"))
        return factor.view((*self._batch_shape, 1, 1)) * self.covariance_matrix

    @property
    def variance(self):
        V = self.covariance_matrix
        diagonal = V.diagonal(dim1=-2, dim2=-1)
        both = diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2)
        return self.df.view((*self._batch_shape, 1, 1)) * (V.pow(2) + both)

    def _bartlett(self, sample_shape):
        n = self._event_shape[-1]
        noise = self._chi2.rsample(sample_shape).sqrt().diag_embed(dim1=-2, dim2=-1)
        i, j = rtorch.tril_indices(n, n, offset=-1)
        count = n * (n - 1) // 2
        noise[..., i, j] = rtorch.randn(
            (*sample_shape, *self._batch_shape, count), dtype=noise.dtype, device=noise.device
        )
        chol = self._unbroadcasted_scale_tril @ noise
        return chol @ chol.mT

    def rsample(self, sample_shape=(), max_try_correction=None):
        """Samples; singular ones are drawn again, up to `max_try_correction` times, when arguments are checked."""
        if max_try_correction is None:
            max_try_correction = 3 if self._event_shape[-1] > 2 else 10
        sample_shape = Size(sample_shape)
        sample = self._bartlett(sample_shape)
        singular = self.support.check(sample).logical_not()
        if singular.any():
            warnings.warn("Singular sample detected.", stacklevel=2)
            for _ in range(max_try_correction):
                again = self._bartlett(sample_shape)
                sample = rtorch.where(singular[..., None, None], again, sample)
                singular = singular & self.support.check(again).logical_not()
                if not singular.any():
                    break
        return sample

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        nu, p = self.df, self._event_shape[-1]
        L = self._unbroadcasted_scale_tril
        half = nu / 2
        inner = _solve(L, value)
        return (
            -half * (p * math.log(2) + 2 * L.diagonal(dim1=-2, dim2=-1).log().sum(-1))
            - rtorch.mvlgamma(half, p)
            + (nu - p - 1) / 2 * rtorch.linalg.slogdet(value).logabsdet
            - inner.diagonal(dim1=-2, dim2=-1).sum(-1) / 2
        )

    def entropy(self):
        nu, p = self.df, self._event_shape[-1]
        L = self._unbroadcasted_scale_tril
        return (
            (p + 1) * (p * math.log(2) / 2 + L.diagonal(dim1=-2, dim2=-1).log().sum(-1))
            + rtorch.mvlgamma(nu / 2, p)
            - (nu - p - 1) / 2 * _mvdigamma(nu / 2, p)
            + nu * p / 2
        ).expand(self._batch_shape)

    @property
    def _natural_params(self):
        p = self._event_shape[-1]
        return -self.precision_matrix / 2, (self.df - p - 1) / 2

    def _log_normalizer(self, x, y):
        p = self._event_shape[-1]
        s = y + (p + 1) / 2
        return s * (-rtorch.linalg.slogdet(-2 * x).logabsdet + math.log(2) * p) + rtorch.mvlgamma(s, p)


def _solve(L, x):
    """(L L^T)^-1 x."""
    return rtorch.linalg.solve_triangular(L.mT, rtorch.linalg.solve_triangular(L, x, upper=False), upper=True)


def _mvdigamma(x, p):
    """The derivative of mvlgamma."""
    steps = rtorch.arange(p, dtype=x.dtype, device=x.device).div(2).expand((*x.shape, -1))
    return rtorch.digamma(x.unsqueeze(-1) - steps).sum(-1)
