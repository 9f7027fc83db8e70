"""Multivariate normal: mean `loc`, and a covariance, its inverse or its Cholesky factor."""

import math

import rtorch

from . import constraints
from ._location import Location
from .distribution import Distribution
from .utils import _standard_normal, lazy_property

__all__ = ["MultivariateNormal"]


def _batch_mv(matrix, vector):
    """Products of matrices with vectors, both in batches."""
    return (matrix @ vector.unsqueeze(-1)).squeeze(-1)


def _batch_mahalanobis(L, x):
    """x^T (L L^T)^-1 x, for batches that broadcast."""
    shape = rtorch.broadcast_shapes(L.shape[:-2], x.shape[:-1])
    n = x.shape[-1]
    z = rtorch.linalg.solve_triangular(L.expand((*shape, n, n)), x.expand((*shape, n)).unsqueeze(-1), upper=False)
    return z.squeeze(-1).pow(2).sum(-1)


def _precision_to_scale_tril(P):
    """The Cholesky factor of P^-1, from that of P with rows and columns turned around."""
    factor = rtorch.linalg.cholesky(rtorch.flip(P, (-2, -1)))
    inverse = rtorch.transpose(rtorch.flip(factor, (-2, -1)), -2, -1)
    unit = rtorch.eye(P.shape[-1], dtype=P.dtype, device=P.device)
    return rtorch.linalg.solve_triangular(inverse, unit.expand(P.shape), upper=False)


def _inverse_of(L):
    """(L L^T)^-1."""
    unit = rtorch.eye(L.shape[-1], dtype=L.dtype, device=L.device)
    inverse = rtorch.linalg.solve_triangular(L, unit.expand(L.shape), upper=False)
    return inverse.mT @ inverse


class _Covariance:
    """`covariance_matrix`, `precision_matrix` and `scale_tril`: one was given, the others follow from the Cholesky
    factor, which is always there."""

    def _take_covariance(self, covariance_matrix, precision_matrix, scale_tril):
        """Keeps the one that was given; a batch of matrices."""
        given = {
            "covariance_matrix": covariance_matrix,
            "precision_matrix": precision_matrix,
            "scale_tril": scale_tril,
        }
        given = {k: v for k, v in given.items() if v is not None}
        if len(given) != 1:
            raise ValueError("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
        ((name, value),) = given.items()
        if value.dim() < 2:
            raise ValueError(f"{name} must be at least two-dimensional, with optional leading batch dimensions")
        return name, value

    def _factor(self, name, value):
        """The Cholesky factor of what `name` gives."""
        if name == "scale_tril":
            return value
        return rtorch.linalg.cholesky(value) if name == "covariance_matrix" else _precision_to_scale_tril(value)

    def _expand_into(self, new, batch_shape):
        super()._expand_into(new, batch_shape)
        new._unbroadcasted_scale_tril = self._unbroadcasted_scale_tril

    def _wide(self, matrix):
        n = matrix.shape[-1]
        return matrix.expand((*self._batch_shape, n, n))

    @lazy_property
    def scale_tril(self):
        return self._wide(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self):
        L = self._unbroadcasted_scale_tril
        return self._wide(L @ L.mT)

    @lazy_property
    def precision_matrix(self):
        return self._wide(_inverse_of(self._unbroadcasted_scale_tril))


class MultivariateNormal(Location, _Covariance, Distribution):
    """Normal vectors, by covariance, precision or the Cholesky factor `scale_tril`."""

    arg_constraints = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True
    _expands = True

    def __init__(self, loc, covariance_matrix=None, precision_matrix=None, scale_tril=None, validate_args=None):
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        name, value = self._take_covariance(covariance_matrix, precision_matrix, scale_tril)
        shape = rtorch.broadcast_shapes(value.shape[:-2], loc.shape[:-1])
        setattr(self, name, value.expand((*shape, -1, -1)))
        self.loc = loc.expand((*shape, -1))
        super().__init__(rtorch.Size(shape), self.loc.shape[-1:], validate_args=validate_args)
        # in the shape that was given: a batch of means does not multiply the factorizations
        self._unbroadcasted_scale_tril = self._factor(name, value)

    @property
    def variance(self):
        squares = self._unbroadcasted_scale_tril.pow(2).sum(-1)
        return squares.expand(self._batch_shape + self._event_shape)

    def rsample(self, sample_shape=()):
        eps = _standard_normal(self._extended_shape(sample_shape), self.loc.dtype, self.loc.device)
        return self.loc + _batch_mv(self._unbroadcasted_scale_tril, eps)

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        L = self._unbroadcasted_scale_tril
        distance = _batch_mahalanobis(L, value - self.loc)
        half_log_det = L.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + distance) - half_log_det

    def entropy(self):
        half_log_det = self._unbroadcasted_scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        value = 0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + half_log_det
        return value if len(self._batch_shape) == 0 else value.expand(self._batch_shape)
